//! The six operations of Latchkey and the rules that they follow.
//!
//! An operation is a value that holds the services it needs, and no others. [`handle`] takes a request
//! through it one way: the payload is parsed once into types that cannot hold a bad value, the operation
//! runs, and what comes out is an answer for the caller or a [`Fault`]. A refusal is an answer.
//!
//! Nothing here knows AWS. The services are named for what they give ([`Users`], [`Mailer`],
//! [`Identities`]); time and randomness come in through [`Clock`] and [`Entropy`].

mod email;
mod fault;
pub mod limits;
mod mail;
#[cfg(feature = "memory")]
pub mod memory;
mod name;
mod operation;
mod operations;
mod password;
mod payload;
mod refusal;
mod services;
mod time;
mod token;
mod trail;
mod user;

pub use email::Email;
pub use fault::{Cause, Fault};
pub use limits::Limits;
pub use mail::{Letters, Mail};
pub use name::Name;
pub use operation::{Answer, Contract, Operation, handle};
pub use operations::{
    change_password::ChangePassword, create_user::CreateUser, login::Login, lost_password::LostPassword,
    reset_password::ResetPassword, verify_user::VerifyUser,
};
pub use password::{NewPassword, Password, Passwords, is_breached};
pub use refusal::{Reason, Refusal};
pub use services::{Breaches, Clock, Entropy, Identities, Mailer, OpenIdToken, Users};
pub use time::Timestamp;
pub use token::{Token, TokenHash};
pub use trail::{Findings, Step, Trail, Truth};
pub use user::{ImportedUser, NewUser, PendingReset, PendingVerification, User, UserId};
