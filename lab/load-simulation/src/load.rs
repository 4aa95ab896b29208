//! The load: how many logins begin in each millisecond.

use rand::{RngExt, rngs::Xoshiro256PlusPlus};

/// Quiet, then up to the peak, there for a while, and down again. Times are in milliseconds, rates per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Load {
    /// The rate before the rise and after the fall.
    pub(crate) baseline: f64,
    pub(crate) peak: f64,
    pub(crate) quiet: u32,
    pub(crate) ramp: u32,
    pub(crate) hold: u32,
    pub(crate) decay: u32,
}

impl Load {
    /// A minute with this peak, out of a hundredth of it.
    pub(crate) fn of(peak: u32) -> Self {
        let peak = f64::from(peak);
        Self { baseline: peak / 100.0, peak, quiet: 5_000, ramp: 10_000, hold: 20_000, decay: 10_000 }
    }

    /// When the last login begins.
    pub(crate) fn end(&self) -> u32 {
        self.quiet + self.ramp + self.hold + self.decay + self.quiet
    }

    /// Logins a second at this time.
    pub(crate) fn rate(&self, now: u32) -> f64 {
        let height = self.peak - self.baseline;
        let top = self.quiet + self.ramp;
        let share = if now < self.quiet || now >= self.end() - self.quiet {
            0.0
        } else if now < top {
            f64::from(now - self.quiet) / f64::from(self.ramp)
        } else if now < top + self.hold {
            1.0
        } else {
            1.0 - f64::from(now - top - self.hold) / f64::from(self.decay)
        };
        height.mul_add(share, self.baseline)
    }
}

/// How many begin in one millisecond: a draw from a Poisson distribution, after Knuth. The system's exponential function may
/// differ in the last bit from machine to machine, and a run must not.
pub(crate) fn arrivals(rate: f64, random: &mut Xoshiro256PlusPlus) -> u32 {
    let none = 1.0 / libm::exp(rate / 1_000.0);
    let (mut arrivals, mut product) = (0, random.random::<f64>());
    while product > none {
        arrivals += 1;
        product *= random.random::<f64>();
    }
    arrivals
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn arrivals_have_the_mean_and_the_variance_of_a_poisson_distribution() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let drawn: Vec<f64> = (0..20_000).map(|_| f64::from(arrivals(4_000.0, &mut random))).collect();
        let mean = drawn.iter().sum::<f64>() / 20_000.0;
        let variance = drawn.iter().map(|n| (n - mean) * (n - mean)).sum::<f64>() / 20_000.0;
        assert!((mean - 4.0).abs() < 0.06, "{mean}");
        assert!((variance - 4.0).abs() < 0.2, "{variance}");
    }

    #[test]
    fn a_load_rises_to_its_peak_and_falls() {
        let load = Load::of(1_000);
        for (now, rate) in [(0, 10.0), (10_000, 505.0), (20_000, 1_000.0), (load.end() - 1, 10.0)] {
            assert!((load.rate(now) - rate).abs() < 1e-9, "{now}");
        }
    }
}
