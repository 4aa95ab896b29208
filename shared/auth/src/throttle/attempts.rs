//! Attempts at a secret: four are free, then the wait doubles. One attempt is forgotten every quarter of an hour.
//!
//! The throttle of an address depends on attempts and time only. A success gives nothing back, so that nobody can tell from a
//! wait whether somebody logged in. Failures at a password are counted apart, and never shown.
#![allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]

use crate::account::email::Email;
use crate::device::DeviceId;
use crate::fault::Fault;
use crate::time::Timestamp;

/// A throttle: what an attempt is at, and on whose account. Each has a count of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttle<'a> {
    /// The password of an address, at login and at a change of password, by anybody without a known device.
    Password(&'a Email),
    /// The password, by a known device.
    Device(&'a DeviceId),
    /// The token of a verification link.
    VerifyToken(&'a Email),
    /// The token of a reset link.
    ResetToken(&'a Email),
}

/// The number of attempts that need no wait between them.
pub const FREE_ATTEMPTS: u32 = 4;

/// The longest wait, in seconds.
pub const LONGEST_WAIT: u64 = 15 * 60;

/// One attempt is forgotten every so many seconds.
pub const FORGOTTEN_AFTER: u64 = 15 * 60;

/// So many failures since the last new password close an account to unknown devices (NIST SP 800-63B-4, 3.2.2).
pub const MOST_FAILURES: u32 = 100;

/// After so many failures in a row a known device counts as unknown, until it has logged in as one.
pub const MOST_DEVICE_FAILURES_IN_A_ROW: u32 = 10;

/// So many failures of all known devices together, since the last new password, and they count as unknown.
pub const MOST_DEVICE_FAILURES: u32 = 100;

/// Failures are remembered for this many seconds after the latest attempt: 400 days. A guess every 400 days is no attack.
pub const FAILURES_KEPT: u64 = 400 * 24 * 60 * 60;

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

/// How much a throttle remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// When all attempts are forgotten.
    pub forgotten_at: Timestamp,
    /// The time of the latest attempt.
    pub last_at: Timestamp,
}

impl Level {
    /// Nothing is remembered.
    pub const NONE: Self = Self { forgotten_at: Timestamp(0), last_at: Timestamp(0) };

    /// The number of attempts that are not forgotten.
    #[must_use]
    pub fn attempts(&self, now: Timestamp) -> u32 {
        u32::try_from(self.forgotten_at.since(now).div_ceil(FORGOTTEN_AFTER)).unwrap_or(u32::MAX)
    }

    /// The level after one more attempt.
    #[must_use]
    pub fn raised(self, now: Timestamp) -> Self {
        Self { forgotten_at: self.forgotten_at.max(now).plus(FORGOTTEN_AFTER), last_at: now }
    }

    /// The seconds until an attempt may be checked; `None` if one may be checked now.
    ///
    /// Times are whole seconds: one more makes sure that the wait has passed.
    #[must_use]
    pub fn wait(&self, now: Timestamp) -> Option<u64> {
        // The wait of a number of attempts ends, or one of them is forgotten before.
        let mut from = now;
        loop {
            let attempts = self.attempts(from);
            let wait = wait_after(attempts);
            let waited = if wait > 0 { self.last_at.plus(wait + 1) } else { from };
            let forgotten =
                Timestamp(self.forgotten_at.0.saturating_sub(u64::from(attempts.saturating_sub(1)) * FORGOTTEN_AFTER));
            if waited <= from {
                return (from > now).then(|| from.since(now));
            }
            from = if attempts > 0 && forgotten > from { waited.min(forgotten) } else { waited };
        }
    }
}

/// Whether an attempt may be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It is checked.
    Counted {
        /// The number of attempts that are not forgotten, with this one.
        number: u32,
        /// The failures before it: of an address since the last new password, of a device since its last success. Only at
        /// passwords.
        failures: u32,
    },
    /// It is not checked, and not counted.
    Throttled {
        /// The seconds until the next attempt may be checked.
        retry_after: u64,
    },
    /// The device has failed [`MOST_DEVICE_FAILURES_IN_A_ROW`] times and counts as unknown. Nothing was counted.
    WornOut,
}

/// Counts attempts. Each decision is one conditional write, so that concurrent requests get no more attempts than
/// sequential ones.
pub trait CountAttempt {
    /// Counts an attempt at a secret, unless it has to wait. An attempt at a password counts as a failure until
    /// [`CountSuccess`] says otherwise.
    async fn count_attempt(&self, throttle: Throttle<'_>, now: Timestamp) -> Result<Attempt, Fault>;
}

/// Counts successes at a password.
pub trait CountSuccess {
    /// Notes that an attempt was right. This changes the count of failures and no wait.
    async fn count_success(&self, throttle: Throttle<'_>) -> Result<(), Fault>;
}

/// Whether a new password ends the wait before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It stays as it is.
    Stays,
    /// The next attempt is checked at once.
    Ends,
}

/// Forgets failures at a password.
pub trait ForgetFailures {
    /// Begins the count of an address's failures anew, because there is a new password.
    async fn forget_failures(&self, email: &Email, wait: Wait) -> Result<(), Fault>;
}

/// Counts the failures of known devices.
pub trait CountDeviceFailure {
    /// Counts a failure of a known device on the account, unless the password is another one by now.
    async fn count_device_failure(&self, email: &Email, generation: u32) -> Result<(), Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn four_attempts_are_free_then_the_wait_doubles_from_a_second_to_a_quarter_of_an_hour() {
        let waits: Vec<_> = (0..=16).map(wait_after).collect();
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
        assert_eq!(wait_after(u32::MAX), LONGEST_WAIT);
    }

    #[test]
    fn one_attempt_is_forgotten_every_quarter_of_an_hour() {
        let now = Timestamp(1_000_000);
        let level = (0..6).fold(Level::NONE, |level, _| level.raised(now));
        let after = |seconds| level.attempts(now.plus(seconds));
        assert_eq!(
            [after(0), after(899), after(900), after(1_800), after(6 * 900 - 1), after(6 * 900)],
            [6, 6, 5, 4, 1, 0]
        );
    }

    #[test]
    fn a_wait_ends_sooner_where_an_attempt_is_forgotten_before() {
        let now = Timestamp(1_000_000);
        let level = (0..14).fold(Level::NONE, |level, _| level.raised(now));
        // Fourteen attempts wait for 900 seconds and one more, but after 900 there are thirteen.
        assert_eq!(level.wait(now), Some(900));
        assert_eq!(level.wait(now.plus(900)), None);
    }

    proptest! {
        /// The wait is right to the second: at its end an attempt is checked, and never before.
        #[test]
        fn a_wait_is_no_longer_and_no_shorter_than_it_must_be(attempts in 0_u32..30, passed in 0_u64..3_000) {
            let began = Timestamp(1_000_000);
            let level = (0..attempts).fold(Level::NONE, |level, _| level.raised(began));
            let now = began.plus(passed);
            let checked = |at: Timestamp| {
                let wait = wait_after(level.attempts(at));
                wait == 0 || at.since(level.last_at) > wait
            };
            match level.wait(now) {
                None => prop_assert!(checked(now)),
                Some(wait) => {
                    prop_assert!((1..=LONGEST_WAIT + 1).contains(&wait));
                    prop_assert!(checked(now.plus(wait)));
                    prop_assert!((0..wait).all(|second| !checked(now.plus(second))));
                }
            }
        }
    }
}
