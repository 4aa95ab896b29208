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
//! | [`secret`] | the relay's credentials in Secrets Manager |
//! | [`invoker`] | the function in the other account |
//! | [`other_account`] | STS and Lambda, as the invoker uses them |
#![allow(async_fn_in_trait, reason = "Lambda runs one event at a time on one thread: no future needs Send")]

pub mod handler;
pub mod invoker;
pub mod ledger;
pub mod mail;
pub mod other_account;
pub mod queue;
pub mod secret;
pub mod settings;
pub mod smtp;
