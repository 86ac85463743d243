//! Calibration: from which size of call on one back end is faster than another.

#[cfg(feature = "gpu")]
mod measure;

use std::time::Duration;

#[cfg(feature = "gpu")]
pub use measure::{Calibrated, Found};

/// A call of one size, measured on two back ends.
#[derive(Clone, Copy, Debug)]
pub struct Contest {
    /// Bytes for hashes, otherwise items.
    pub size: u64,
    /// How long the call takes where it would run today.
    pub incumbent: Duration,
    /// How long it takes where it may run.
    pub challenger: Duration,
}

/// The size from which the challenger is faster at that and every larger size;
/// none if it is not at the largest. `contests` ascend in size.
///
/// Between the last loss and the first win it lies where the difference, which
/// is taken to be linear, crosses zero.
pub fn crossover(contests: &[Contest]) -> Option<u64> {
    let lead = |contest: &Contest| contest.incumbent.as_secs_f64() - contest.challenger.as_secs_f64();
    let wins = contests.iter().rev().take_while(|contest| lead(contest) > 0.0).count();
    let (losses, wins) = contests.split_at(contests.len() - wins);
    let first_win = wins.first()?;
    let Some(last_loss) = losses.last() else {
        return Some(first_win.size);
    };
    let share = -lead(last_loss) / (lead(first_win) - lead(last_loss));
    let between = (first_win.size - last_loss.size) as f64 * share;
    Some(last_loss.size + between.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossovers() {
        let of = |points: &[(u64, u64, u64)]| {
            let contest = |&(size, incumbent, challenger): &(u64, u64, u64)| Contest {
                size,
                incumbent: Duration::from_millis(incumbent),
                challenger: Duration::from_millis(challenger),
            };
            crossover(&points.iter().map(contest).collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(10, 1, 9), (100, 10, 12)]), None, "it never wins");
        assert_eq!(of(&[(10, 9, 1), (100, 20, 3)]), Some(10), "it always wins");
        assert_eq!(of(&[(10, 1, 6), (100, 10, 6), (200, 20, 7)]), Some(60), "-5 to 4 over 90 sizes");
        assert_eq!(of(&[(10, 9, 1), (100, 10, 12), (200, 20, 20)]), None, "a draw is no win");
        assert_eq!(of(&[(10, 9, 1), (100, 10, 12), (200, 20, 18)]), Some(150), "early luck does not count");
    }
}
