//! Medians, quantiles and crossovers of measured times.

use std::time::Duration;

/// The middle of `samples`, or the mean of the two in the middle; none without samples.
pub fn median(samples: &[Duration]) -> Option<Duration> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        count if count % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2),
    }
}

/// The lowest of ascending `samples` that a `share` of them do not exceed; none without
/// samples.
pub fn quantile(samples: &[Duration], share: f64) -> Option<Duration> {
    let rank = (share * samples.len() as f64).ceil() as usize;
    samples.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(values: &[u64]) -> Vec<Duration> {
        values.iter().copied().map(Duration::from_millis).collect()
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&ms(&[9, 1, 5])), Some(Duration::from_millis(5)));
        assert_eq!(median(&ms(&[9, 1, 5, 6])), Some(Duration::from_micros(5500)));
    }

    #[test]
    fn quantiles() {
        let samples = ms(&(1..=1000).collect::<Vec<_>>());
        let of = |share| quantile(&samples, share).unwrap().as_millis();
        assert_eq!([of(0.0), of(0.5), of(0.9), of(0.999), of(1.0)], [1, 500, 900, 999, 1000]);
        assert_eq!(quantile(&ms(&[7]), 0.5), Some(Duration::from_millis(7)));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
