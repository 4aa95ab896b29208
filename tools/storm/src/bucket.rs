//! A token bucket: how AWS meters calls.

/// Grants so many calls a second, and up to one burst more at once. It counts in thousandths, so that a millisecond
/// adds a whole number.
#[derive(Clone, Debug)]
pub struct Bucket {
    level: u64,
    burst: u64,
    refill: u64,
    seen: u32,
    granted: Vec<u32>,
}

impl Bucket {
    /// A full bucket with this rate and a burst of one second of it.
    #[must_use]
    pub fn per_second(rate: u32) -> Self {
        Self::new(rate, rate)
    }

    /// A full bucket with this rate a second and this burst.
    #[must_use]
    pub fn new(rate: u32, burst: u32) -> Self {
        let burst = u64::from(burst) * 1_000;
        Self { level: burst, burst, refill: u64::from(rate), seen: 0, granted: Vec::new() }
    }

    /// Takes one, if one is there at this millisecond. Time does not run backwards.
    pub fn take(&mut self, now: u32) -> bool {
        let passed = u64::from(now.saturating_sub(self.seen));
        self.seen = now;
        self.level = self.burst.min(self.level + passed * self.refill);
        if self.level < 1_000 {
            return false;
        }
        self.level -= 1_000;
        let place = now as usize;
        if self.granted.len() <= place {
            self.granted.resize(place + 1, 0);
        }
        self.granted[place] += 1;
        true
    }

    /// How many it granted in each millisecond.
    #[must_use]
    pub fn granted(&self) -> &[u32] {
        &self.granted
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Whether no window of any length saw more than the rate for its length and one burst.
    pub(crate) fn holds(granted: &[u32], rate: u32, burst: u32) -> bool {
        // The largest sum of (granted - refill) over a window, in thousandths: Kadane.
        let (mut run, mut most) = (0_i64, 0_i64);
        for &granted in granted {
            run = (run - i64::from(rate)).max(0) + i64::from(granted) * 1_000;
            most = most.max(run);
        }
        most <= i64::from(burst) * 1_000
    }

    #[test]
    fn demand_beyond_the_rate_gets_the_rate_and_one_burst() {
        let mut bucket = Bucket::new(100, 50);
        let granted = (0..10_000).flat_map(|now| [now; 3]).filter(|&now| bucket.take(now)).count();
        assert_eq!(granted, 50 + 999);
        assert!(holds(bucket.granted(), 100, 50));
        assert!(!holds(bucket.granted(), 100, 49));
    }

    #[test]
    fn what_is_not_used_is_not_saved_beyond_the_burst() {
        let mut bucket = Bucket::per_second(2);
        assert!(!(0..3).all(|_| bucket.take(60_000)));
        assert_eq!(bucket.granted()[60_000], 2);
    }
}
