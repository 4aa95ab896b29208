//! One operation a file: its request, its parsing, its work.

pub(crate) mod change_password;
pub(crate) mod create_user;
mod guessing;
pub(crate) mod login;
pub(crate) mod lost_password;
pub(crate) mod reset_password;
pub(crate) mod verify_user;

/// How long a verification link works, in seconds: 24 hours.
const VERIFICATION_SECONDS: u64 = 24 * 60 * 60;

/// How long a reset link works, in seconds: one hour.
const RESET_SECONDS: u64 = 60 * 60;
