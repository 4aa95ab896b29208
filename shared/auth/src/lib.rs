//! Latchkey's six operations and the rules they follow.
//!
//! An operation is a request that runs itself against the services it names: [`Login`] holds an address and a password,
//! and its `run` accepts anything that can find a user, count an attempt, issue a token and so on. [`handle`] takes a
//! call through it: the payload is parsed once, into types that cannot hold an invalid value; the operation runs; what
//! comes out is a success, a [`Refusal`] or a [`Fault`].
//!
//! Nothing here knows AWS. The [`services`] are named for what they give, and time and randomness come in through
//! [`Clock`] and [`Entropy`].
//!
//! | module | what it knows |
//! |---|---|
//! | `operation` | what an operation is, and the path of every call |
//! | [`services`] | what operations may ask for |
//! | `account` | users, their addresses and names; `create_user`, `verify_user` |
//! | [`password`] | hashing, the policy; `login`, `change_password`, `lost_password`, `reset_password` |
//! | [`device`] | tokens by which devices are known |
//! | `email_link` | the tokens in links: purpose, hash, expiry |
//! | [`throttle`] | limits on attempts and on mail |
//! | `mail` | the mail templates, and the rules of delivery |
//! | `audit` | what the operator learns of a call |
//! | `memory` | the services in memory, for tests |

mod account;
mod audit;
pub mod device;
mod email_link;
mod fault;
mod mail;
#[cfg(feature = "memory")]
pub mod memory;
mod operation;
pub mod password;
mod refusal;
pub mod services;
pub mod throttle;
mod time;

pub use account::*;
pub use audit::{AuditDetail, AuditTrail, Step};
pub use device::{DeviceId, DeviceToken};
pub use email_link::token::{Token, TokenHash};
pub use email_link::{MAX_RESET_LINKS, MOST_VERIFY_TRIES, PendingReset, PendingVerification};
pub use fault::{Cause, Fault};
pub use mail::{Mail, MailClass, MailRequest, MailTemplate, MailTemplates, delivery};
pub use operation::{Contract, Done, Needs, Operation, Outcome, Requirements, SettingsGroup, Use, handle};
pub use password::*;
pub use refusal::{Reason, Refusal};
pub use services::{Clock, Entropy, OpenIdToken};
pub use time::Timestamp;
