//! Time and randomness that tests control.

use super::MemoryServices;
use crate::services::{Clock, Entropy};
use crate::time::Timestamp;
use std::cell::Cell;

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct MemoryClock(Cell<u64>);

impl MemoryClock {
    /// Moves the clock.
    pub fn advance(&self, seconds: u64) {
        self.0.set(self.0.get() + seconds);
    }
}

impl Clock for MemoryServices {
    fn now(&self) -> Timestamp {
        Timestamp(self.clock.0.get())
    }
}

impl Entropy for MemoryServices {
    /// `SplitMix64`: bytes that differ from call to call and are the same in every run.
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.random.set(self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
            let mut z = self.random.get();
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}
