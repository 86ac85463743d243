//! What is made of the samples.

use std::time::Duration;

/// The middle of `samples`, or the mean of the two in the middle; none of none.
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

/// The lowest of ascending `samples` that a `share` of them do not exceed; none of
/// none.
pub fn quantile(samples: &[Duration], share: f64) -> Option<Duration> {
    let rank = (share * samples.len() as f64).ceil() as usize;
    samples.get(rank.max(1) - 1).copied()
}

/// A call of one size, measured on two back ends.
#[derive(Clone, Copy, Debug)]
pub struct Contest {
    pub size: u64,
    pub incumbent: Duration,
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
