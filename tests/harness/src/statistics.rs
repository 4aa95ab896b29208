//! Medians, quartiles, and whether two series differ.

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// The value below which this share of a series lies, by linear interpolation.
///
/// # Panics
///
/// If the series is empty.
#[must_use]
pub fn quantile(series: &[f64], share: f64) -> f64 {
    assert!(!series.is_empty(), "a series has values");
    let mut sorted = series.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[allow(clippy::cast_precision_loss, reason = "series are short")]
    let place = share * (sorted.len() - 1) as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the series")]
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    (sorted[above] - sorted[below]).mul_add(place.fract(), sorted[below])
}

/// The median.
#[must_use]
pub fn median(series: &[f64]) -> f64 {
    quantile(series, 0.5)
}

/// How many series of the same length a bootstrap draws.
const RESAMPLES: usize = 9_999;

/// The 95 % confidence interval of the median, by the percentile bootstrap: series as long as this one are drawn from it with
/// replacement, and the middle 95 % of their medians are kept. The seed makes it the same in every run.
#[must_use]
pub fn median_interval(series: &[f64], seed: u64) -> [f64; 2] {
    let mut random = StdRng::seed_from_u64(seed);
    let mut drawn = vec![0.0; series.len()];
    let medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            drawn.fill_with(|| series[random.random_range(0..series.len())]);
            median(&drawn)
        })
        .collect();
    [0.025, 0.975].map(|share| quantile(&medians, share))
}

/// How many permutations a test draws. The smallest p-value it can give is one in this many, and one.
pub const PERMUTATIONS: usize = 9_999;

/// The p-value of a two-sided paired permutation test of the median difference: how often a difference as large comes
/// about when the signs of the pairs' differences are drawn at random. The seed makes it the same in every run.
#[must_use]
pub fn paired_p_value(differences: &[f64], seed: u64) -> f64 {
    let mut random = StdRng::seed_from_u64(seed);
    let observed = median(differences).abs();
    let mut as_large = 1;
    let mut flipped = vec![0.0; differences.len()];
    for _ in 0..PERMUTATIONS {
        for (flipped, difference) in flipped.iter_mut().zip(differences) {
            *flipped = if random.random::<bool>() { *difference } else { -difference };
        }
        as_large += u32::from(median(&flipped).abs() >= observed);
    }
    #[allow(clippy::cast_precision_loss, reason = "ten thousand is exact")]
    let all = (PERMUTATIONS + 1) as f64;
    f64::from(as_large) / all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        assert!((quantile(&[4.0, 1.0, 3.0, 2.0], 0.5) - 2.5).abs() < 1e-9);
        assert!((quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.25) - 2.0).abs() < 1e-9);
        assert!((median(&[7.0]) - 7.0).abs() < 1e-9);
    }

    #[test]
    fn the_interval_of_a_median_holds_it_and_narrows_with_more_values() {
        let mut random = StdRng::seed_from_u64(1);
        let noise: Vec<f64> = (0..200).map(|_| 1.0 + random.random::<f64>()).collect();
        let [from, to] = median_interval(&noise, 2);
        let [from_few, to_few] = median_interval(&noise[..20], 2);
        assert!(from < 1.5 && 1.5 < to, "{from} to {to}");
        assert!(to - from < (to_few - from_few) / 2.0, "{from} to {to}, {from_few} to {to_few}");
    }

    #[test]
    fn a_shift_is_told_from_noise() {
        let mut random = StdRng::seed_from_u64(1);
        let noise: Vec<f64> = (0..400).map(|_| random.random::<f64>() - 0.5).collect();
        let shifted: Vec<f64> = noise.iter().map(|value| value + 0.2).collect();
        assert!(paired_p_value(&noise, 2) > 0.01);
        assert!(paired_p_value(&shifted, 2) < 0.01);
    }
}
