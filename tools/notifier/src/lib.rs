//! Two Lambda functions: the notifier, which mails alerts (`latchkey_notifier` has the rules), and its invoker in another account.
//!
//! | module | content |
//! |---|---|
//! | [`settings`] | the settings of both functions |
//! | [`handler`] | the events of the notifier and its log line |
//! | [`ledger`] | IDs and counters in DynamoDB |
//! | [`queue`] | the delayed message in SQS |
//! | [`mail`] | SES or SMTP, as the settings say |
//! | [`smtp`] | mail to a relay, stage by stage |
//! | `line_by_line` | a connection that keeps plain text out of what TLS begins |
//! | [`secret`] | the relay's credentials in Secrets Manager |
//! | [`invoker`] | the function in the other account |
//! | [`other_account`] | STS and Lambda, as the invoker uses them |
#![allow(async_fn_in_trait, reason = "Lambda runs one event at a time on one thread: no future needs Send")]

pub mod handler;
pub mod invoker;
pub mod ledger;
mod line_by_line;
pub mod mail;
pub mod other_account;
pub mod queue;
pub mod secret;
pub mod settings;
pub mod smtp;

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// A setting is missing or invalid.
    #[error(transparent)]
    Setting(#[from] latchkey_config::InvalidSetting),
    /// The environment is not Lambda's.
    #[error(transparent)]
    Environment(#[from] latchkey_aws::EnvironmentError),
    /// The relay cannot be checked.
    #[error(transparent)]
    Relay(#[from] smtp::InvalidRelay),
}
