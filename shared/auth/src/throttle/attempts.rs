//! Attempts at a secret: four are free, then the wait doubles.
#![allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]

use crate::account::email::Email;
use crate::fault::Fault;
use crate::time::Timestamp;

/// What an attempt is at. Each kind has a count of its own per address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttemptKind {
    /// The password, at login and at a change of password.
    Password,
    /// The token of a verification link.
    VerifyToken,
    /// The token of a reset link.
    ResetToken,
}

/// The number of attempts that need no wait between them.
pub const FREE_ATTEMPTS: u32 = 4;

/// The longest wait, in seconds.
pub const LONGEST_WAIT: u64 = 15 * 60;

/// A count is reset after this many seconds without an attempt.
pub const ATTEMPTS_KEPT: u64 = 24 * 60 * 60;

/// The seconds that must pass after this many attempts before the next one is checked: none while they are free, one
/// second after the last free one, twice as long after each further one, up to [`LONGEST_WAIT`].
#[must_use]
pub const fn wait_after(attempts: u32) -> u64 {
    if attempts < FREE_ATTEMPTS {
        return 0;
    }
    let doublings = attempts - FREE_ATTEMPTS;
    if doublings < 10 && (1 << doublings) < LONGEST_WAIT { 1 << doublings } else { LONGEST_WAIT }
}

/// Whether an attempt may be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It is checked, as the attempt of this number since the count began.
    Counted(u32),
    /// It is not checked, and not counted.
    Throttled {
        /// The seconds until the next attempt may be checked.
        retry_after: u64,
    },
}

/// Counts attempts. Each decision is one conditional write, so that concurrent requests get no more attempts than
/// sequential ones.
pub trait CountAttempt {
    /// Counts an attempt at a secret of this address, unless it has to wait.
    async fn count_attempt(&self, kind: AttemptKind, email: &Email, now: Timestamp) -> Result<Attempt, Fault>;
}

/// Resets counts of attempts.
pub trait ClearAttempts {
    /// Starts the count again.
    async fn clear_attempts(&self, kind: AttemptKind, email: &Email) -> Result<(), Fault>;
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
