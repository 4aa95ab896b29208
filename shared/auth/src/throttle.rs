//! Throttles on attempts and on mail, per address, and the same for an address without an account.
//!
//! OWASP ASVS 5.0, 6.3.1 (guessing) and 6.1.1 (documentation); NIST SP 800-63B-4, 3.2.2. How the numbers were chosen and
//! what they cost an owner is in `docs/decisions/0006-attempt-tickets.md` and `0007-mail-by-a-function-of-its-own.md`.

mod attempts;
mod mail_quota;

pub use attempts::{
    ATTEMPTS_KEPT, Attempt, AttemptKind, ClearAttempts, CountAttempt, FREE_ATTEMPTS, LONGEST_WAIT, wait_after,
};
pub use mail_quota::{MOST_KEPT, MailQuota, Quota, Reservation};
