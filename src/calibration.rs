//! Calibration: the size of call from which one back end is faster than another.

#[cfg(feature = "gpu")]
mod measure;

use std::time::Duration;

#[cfg(feature = "gpu")]
pub use measure::{Calibrated, Found};

/// The time of a call of one size on two back ends.
#[derive(Clone, Copy, Debug)]
pub struct PairedTime {
    /// Bytes for hashes, otherwise items.
    pub size: u64,
    /// How long the call takes where it would run today.
    pub baseline: Duration,
    /// How long it takes where it may run.
    pub candidate: Duration,
}

/// The size from which the candidate is faster at that and every larger size;
/// none if it is not at the largest. `pairs` ascend in size.
///
/// Between the last loss and the first win it lies where the difference, which
/// is taken to be linear, crosses zero.
pub fn crossover(pairs: &[PairedTime]) -> Option<u64> {
    let lead = |pair: &PairedTime| pair.baseline.as_secs_f64() - pair.candidate.as_secs_f64();
    let wins = pairs.iter().rev().take_while(|pair| lead(pair) > 0.0).count();
    let (losses, wins) = pairs.split_at(pairs.len() - wins);
    let first_win = wins.first()?;
    let Some(last_loss) = losses.last() else {
        return Some(first_win.size);
    };
    let share = -lead(last_loss) / (lead(first_win) - lead(last_loss));
    let between = first_win.size.saturating_sub(last_loss.size) as f64 * share;
    Some(last_loss.size + between.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossovers() {
        let of = |points: &[(u64, u64, u64)]| {
            let pair = |&(size, baseline, candidate): &(u64, u64, u64)| PairedTime {
                size,
                baseline: Duration::from_millis(baseline),
                candidate: Duration::from_millis(candidate),
            };
            crossover(&points.iter().map(pair).collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(10, 1, 9), (100, 10, 12)]), None, "it never wins");
        assert_eq!(of(&[(10, 9, 1), (100, 20, 3)]), Some(10), "it always wins");
        assert_eq!(of(&[(10, 1, 6), (100, 10, 6), (200, 20, 7)]), Some(60), "-5 to 4 over 90 sizes");
        assert_eq!(of(&[(10, 9, 1), (100, 10, 12), (200, 20, 20)]), None, "a draw is no win");
        assert_eq!(of(&[(10, 9, 1), (100, 10, 12), (200, 20, 18)]), Some(150), "early luck does not count");
    }
}
