//! The real clock and the real randomness. Nothing else reads them.

use latchkey_auth::{Clock, Entropy, Timestamp};
use rand::{TryRng, rngs::SysRng};
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is where time comes in")]
    fn now(&self) -> Timestamp {
        // A clock before 1970 voids every token, which is the safe side.
        Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs()))
    }
}

/// The time to write on a log line.
#[allow(clippy::disallowed_methods, reason = "this is where time comes in")]
pub(crate) fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// The operating system's source of randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Nothing may continue without randomness; the event ends as an internal fault.
        SysRng.try_fill_bytes(bytes).expect("the operating system provides randomness");
    }
}
