//! Alerts that reach people: an event comes in, a mail goes out.
//!
//! Functions of any account hand over an [`Alert`], CloudWatch alarms come through SNS, and [`Notifier`] mails them: escaped HTML
//! with a text part, once for each ID, within limits that turn an alarm storm into two mails. There is no AWS crate here: the
//! ledger, the mailer and the queue are traits, and time is a parameter.
//!
//! | module | content |
//! |---|---|
//! | [`alert`] | the contract of an event, parsed once |
//! | [`alarm`] | events of SNS, as CloudWatch alarms send them |
//! | [`message`] | the mail: subject, text and HTML |
//! | [`limits`] | the settings, and the ledger that counts |
//! | [`notify`] | what becomes of an event |
//! | `memory` | the services in memory, for tests |
#![allow(async_fn_in_trait, reason = "Lambda runs one event at a time on one thread: no future needs Send")]

pub mod alarm;
pub mod alert;
pub mod limits;
#[cfg(feature = "memory")]
pub mod memory;
pub mod message;
pub mod notify;

pub use alert::{Alert, InvalidAlert, Link, Severity};
pub use limits::{Ledger, Limits, Storm, Window};
pub use message::Message;
pub use notify::{Answer, Mailer, Notifier, NotifyFault, Queue, Reason, SendFault, Stage};
