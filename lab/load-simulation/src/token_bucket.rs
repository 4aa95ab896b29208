//! A token bucket: how AWS meters calls.

/// Grants so many calls a second, and up to one burst more at once. It counts in thousandths, so that a millisecond
/// adds a whole number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenBucket {
    level: u64,
    burst: u64,
    rate: u64,
    seen: u32,
    /// How many calls in each millisecond.
    granted: Vec<u32>,
}

impl TokenBucket {
    /// A full bucket with a burst of one second of this rate.
    pub(crate) fn per_second(rate: u32) -> Self {
        Self::new(rate, rate)
    }

    /// A full bucket with this rate a second and this burst.
    pub(crate) fn new(rate: u32, burst: u32) -> Self {
        let burst = u64::from(burst) * 1_000;
        Self { level: burst, burst, rate: u64::from(rate), seen: 0, granted: Vec::new() }
    }

    /// Takes a token, if there is one at this millisecond. Time does not run backwards.
    pub(crate) fn take(&mut self, now: u32) -> bool {
        let passed = u64::from(now.saturating_sub(self.seen));
        self.seen = now;
        self.level = self.burst.min(self.level + passed * self.rate);
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
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Whether no window of any length saw more than the rate for its length and one burst.
    pub(crate) fn kept(bucket: &TokenBucket) -> bool {
        // The largest sum of (granted - refill) over a window, in thousandths: Kadane.
        let (mut run, mut most) = (0, 0);
        for &granted in &bucket.granted {
            run = (run - i128::from(bucket.rate)).max(0) + i128::from(granted) * 1_000;
            most = most.max(run);
        }
        most <= i128::from(bucket.burst)
    }

    #[test]
    fn demand_beyond_the_rate_gets_the_rate_and_one_burst() {
        let mut bucket = TokenBucket::new(100, 50);
        let granted = (0..10_000).flat_map(|now| [now; 3]).filter(|&now| bucket.take(now)).count();
        assert_eq!(granted, 50 + 999);
        assert!(kept(&bucket));
        assert!(!kept(&TokenBucket { burst: 49_000, ..bucket }));
    }

    #[test]
    fn what_is_not_used_is_not_saved_beyond_the_burst() {
        let mut bucket = TokenBucket::per_second(2);
        assert!(!(0..3).all(|_| bucket.take(60_000)));
        assert_eq!(bucket.granted[60_000], 2);
    }
}
