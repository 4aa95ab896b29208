//! Limits on guesses and on mails, per address, and the same for an address that nobody has.
//!
//! OWASP ASVS 5.0, 6.3.1 (guessing) and 6.1.1 (say how); NIST SP 800-63B-4, 3.2.2. How they are chosen and what they
//! cost an owner stands in `docs/decisions/0006-attempt-tickets.md` and `0007-mail-limits-and-decoys.md`.
#![allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]

use crate::{Email, Fault, Timestamp};

/// What can be guessed. Each has a counter of its own per address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guess {
    /// At login and at a change of password.
    Password,
    /// Of a verification link.
    VerifyToken,
    /// Of a reset link.
    ResetToken,
}

/// How many attempts need no wait between them.
pub const FREE_ATTEMPTS: u32 = 4;

/// The longest wait, in seconds.
pub const LONGEST_WAIT: u64 = 15 * 60;

/// A count that saw no attempt for this many seconds starts anew.
pub const ATTEMPTS_KEPT: u64 = 24 * 60 * 60;

/// Seconds that must have passed since the latest of this many attempts before another is judged: none while they are
/// free, one second after the last free one, twice as long after each further one, up to [`LONGEST_WAIT`].
#[must_use]
pub const fn wait_after(attempts: u32) -> u64 {
    if attempts < FREE_ATTEMPTS {
        return 0;
    }
    let doublings = attempts - FREE_ATTEMPTS;
    if doublings < 10 && (1 << doublings) < LONGEST_WAIT { 1 << doublings } else { LONGEST_WAIT }
}

/// What an attempt gets before it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// It is judged, as the attempt of this number since the count began.
    Numbered(u32),
    /// It is not judged.
    Refused {
        /// Seconds until one may be.
        retry_after: u64,
    },
}

/// Why a link is mailed. Each has a minute of its own, because who has just signed up may have lost the password already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Occasion {
    /// Somebody signed up.
    SignUp,
    /// Somebody lost the password.
    LostPassword,
}

/// Seconds between two mails of one occasion.
pub const BETWEEN_MAILS: u64 = 60;

/// How many mails of all occasions an address gets within [`MAILS_WINDOW`].
pub const MAILS_KEPT: usize = 5;

/// The window of the limit on mails, in seconds: one hour.
pub const MAILS_WINDOW: u64 = 60 * 60;

/// The right to send one mail, with what it takes to give it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What for.
    pub occasion: Occasion,
    /// When it was taken.
    pub at: Timestamp,
    /// The oldest mail that the limit knew of, which this one pushed out.
    pub pushed_out: Option<Timestamp>,
    /// The mail of this occasion before this one.
    pub before: Option<Timestamp>,
}

/// What a wish to send a mail gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// It may be sent.
    Made(Slot),
    /// It may not.
    Refused {
        /// Seconds until one may be.
        retry_after: u64,
    },
}

/// The counters. Each decision is one conditional write, so that of many requests at once no more pass than one after
/// the other.
pub trait Limits {
    /// Takes the next ticket for a guess at this address's secret.
    async fn take_ticket(&self, guess: Guess, email: &Email, now: Timestamp) -> Result<Ticket, Fault>;

    /// Begins the count anew.
    async fn clear_tickets(&self, guess: Guess, email: &Email) -> Result<(), Fault>;

    /// Takes the right to send one mail to this address.
    async fn reserve_mail(&self, occasion: Occasion, email: &Email, now: Timestamp) -> Result<Reservation, Fault>;

    /// Gives the right back for a mail that was not sent, so that trying again works at once.
    async fn release_mail(&self, email: &Email, slot: &Slot) -> Result<(), Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_attempts_are_free_then_the_wait_doubles_from_a_second_to_a_quarter_of_an_hour() {
        let waits: Vec<_> = (0..=16).map(wait_after).collect();
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
        assert_eq!(wait_after(u32::MAX), LONGEST_WAIT);
    }
}
