//! The storm: how many logins begin in each millisecond.

use rand::{RngExt, rngs::Xoshiro256PlusPlus};

/// Quiet, then up to the peak, there for a while, and down again. Times are in milliseconds, rates per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Storm {
    /// Logins before and after.
    pub baseline: f64,
    /// Logins at the peak.
    pub peak: f64,
    /// How long it is quiet at first.
    pub quiet: u32,
    /// How long the rise takes.
    pub ramp: u32,
    /// How long the peak lasts.
    pub hold: u32,
    /// How long the fall takes.
    pub decay: u32,
}

impl Storm {
    /// A storm of a minute with this peak, out of a hundredth of it.
    #[must_use]
    pub fn of(peak: u32) -> Self {
        let peak = f64::from(peak);
        Self { baseline: peak / 100.0, peak, quiet: 5_000, ramp: 10_000, hold: 20_000, decay: 10_000 }
    }

    /// When the last login begins.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.quiet + self.ramp + self.hold + self.decay + self.quiet
    }

    /// Logins a second at this time.
    #[must_use]
    pub fn rate(&self, now: u32) -> f64 {
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

/// How many begin in one millisecond: a draw from a Poisson distribution, after Knuth.
pub fn arrivals(rate: f64, random: &mut Xoshiro256PlusPlus) -> u32 {
    let none = 1.0 / exponential(rate / 1_000.0);
    let (mut arrivals, mut product) = (0, random.random::<f64>());
    while product > none {
        arrivals += 1;
        product *= random.random::<f64>();
    }
    arrivals
}

/// The exponential function by its series. The one of the system's library may differ in the last bit from machine to
/// machine, and a run must not.
fn exponential(x: f64) -> f64 {
    let (mut sum, mut term, mut n) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= x / n;
        sum += term;
        n += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_series_is_the_exponential_function() {
        for x in [0.0_f64, 0.01, 1.0, 10.0] {
            assert!((exponential(x) / x.exp() - 1.0).abs() < 1e-12);
        }
    }

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
    fn a_storm_rises_to_its_peak_and_falls() {
        let storm = Storm::of(1_000);
        assert!((storm.rate(0) - 10.0).abs() < 1e-9);
        assert!((storm.rate(10_000) - 505.0).abs() < 1e-9);
        assert!((storm.rate(20_000) - 1_000.0).abs() < 1e-9);
        assert!((storm.rate(storm.end() - 1) - 10.0).abs() < 1e-9);
    }
}
