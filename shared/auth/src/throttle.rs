//! Throttles on attempts and on mail, per address, and the same for an address without an account.
//!
//! OWASP ASVS 5.0, 6.3.1 (guessing) and 6.1.1 (documentation); NIST SP 800-63B-4, 3.2.2. How the numbers were chosen and
//! what they cost an owner is in `docs/decisions/0006-attempt-tickets.md`, `0007-mail-by-a-function-of-its-own.md` and
//! `0017-known-devices.md`.

mod attempts;
mod mail_quota;

pub use attempts::{
    Attempt, CountAttempt, CountDeviceFailure, CountSuccess, FAILURES_KEPT, FORGOTTEN_AFTER, FREE_ATTEMPTS,
    ForgetFailures, LONGEST_WAIT, Level, MOST_DEVICE_FAILURES, MOST_DEVICE_FAILURES_IN_A_ROW, MOST_FAILURES, Throttle,
    Wait, wait_after,
};
pub use mail_quota::{MOST_KEPT, MailQuota, Quota, Reservation};
