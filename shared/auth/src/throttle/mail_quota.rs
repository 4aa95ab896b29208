//! The mail quota of an address: one mail a minute for each occasion, five an hour.
#![allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]

use crate::account::email::Email;
use crate::fault::Fault;
use crate::time::Timestamp;

/// Why a link is mailed. Each occasion has a minute of its own, because a user who has just signed up may have lost the
/// password already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Occasion {
    /// A sign-up.
    CreateUser,
    /// A lost password.
    LostPassword,
}

/// The seconds between two mails for one occasion.
pub const BETWEEN_MAILS: u64 = 60;

/// The number of mails for all occasions that an address gets within [`MAILS_WINDOW`].
pub const MAILS_KEPT: usize = 5;

/// The window of the mail quota, in seconds: one hour.
pub const MAILS_WINDOW: u64 = 60 * 60;

/// A mail that was reserved, with what is needed to release it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservedMail {
    /// The occasion of the mail.
    pub occasion: Occasion,
    /// When it was reserved.
    pub at: Timestamp,
    /// The oldest mail on record, which this one pushed out.
    pub pushed_out: Option<Timestamp>,
    /// The previous mail for this occasion.
    pub before: Option<Timestamp>,
}

/// Whether a mail may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// It may be sent.
    Granted(ReservedMail),
    /// It may not be sent.
    Throttled {
        /// The seconds until a mail may be sent.
        retry_after: u64,
    },
}

/// Keeps the quotas. Each decision is one conditional write, so that concurrent requests get no more mails than
/// sequential ones.
pub trait MailQuota {
    /// Reserves one mail to this address.
    async fn reserve_mail(&self, occasion: Occasion, email: &Email, now: Timestamp) -> Result<Reservation, Fault>;

    /// Releases the reservation of a mail that was not sent, so that an immediate retry works.
    async fn release_mail(&self, email: &Email, reserved: &ReservedMail) -> Result<(), Fault>;
}
