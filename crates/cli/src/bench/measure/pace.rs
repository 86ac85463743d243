//! How long each case may take, so that the whole run ends in time.

use std::time::{Duration, Instant};

use super::Budget;

/// How long everything may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// A minute.
    Quick,
    /// Whatever it takes.
    Normal,
    /// Ten minutes.
    Full,
}

/// The time for all cases.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// For one case on one back end.
    run: Duration,
    deadline: Option<Instant>,
}

/// A minute, less what cannot be cut short: the last calls, and the start of a device.
const QUICK: Duration = Duration::from_secs(48);

/// Ten minutes, less the probe of an adapter before, and the side-by-side measurement
/// after.
const FULL: Duration = Duration::from_secs(360);
#[cfg(feature = "gpu")]
const SIDE_BY_SIDE: Duration = Duration::from_secs(60);

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(1);

impl Pace {
    pub fn new(effort: Effort) -> Self {
        match effort {
            Effort::Quick => Pace::until(SHORT, QUICK),
            Effort::Normal => Pace { run: LONG, deadline: None },
            Effort::Full => Pace::until(LONG, FULL),
        }
    }

    /// The pace of the side-by-side measurement, which begins now.
    #[cfg(feature = "gpu")]
    pub fn side_by_side(effort: Effort) -> Self {
        match effort {
            Effort::Quick => Pace::until(SHORT, SIDE_BY_SIDE / 6),
            Effort::Normal | Effort::Full => Pace::until(LONG, SIDE_BY_SIDE),
        }
    }

    fn until(run: Duration, time: Duration) -> Self {
        Pace { run, deadline: Some(Instant::now() + time) }
    }

    /// The budget of the next of `cases`, on `backends`; none once the time is up, or where
    /// less than `least` is left.
    pub fn budget(&self, cases: usize, backends: usize, least: Duration) -> Option<Budget> {
        let wanted = self.run * backends as u32;
        let Some(deadline) = self.deadline else {
            return Some(Budget { time: wanted, least_rounds: 3 });
        };
        let left = deadline.checked_duration_since(Instant::now()).filter(|&left| least <= left)?;
        let share = left / cases.max(1) as u32;
        Some(Budget { time: wanted.min(share), least_rounds: if share < wanted { 1 } else { 3 } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_shared_by_what_is_left() {
        let pace =
            Pace { run: Duration::from_secs(1), deadline: Some(Instant::now() + Duration::from_secs(20)) };
        let roomy = pace.budget(5, 2, Duration::from_secs(15)).unwrap();
        assert_eq!((roomy.time, roomy.least_rounds), (Duration::from_secs(2), 3));
        let tight = pace.budget(40, 2, Duration::ZERO).unwrap();
        assert!(tight.time <= Duration::from_millis(500) && tight.least_rounds == 1);
        let late = Pace { deadline: Some(Instant::now() - Duration::from_secs(1)), ..pace };
        assert!(late.budget(1, 1, Duration::ZERO).is_none());
        assert!(pace.budget(1, 1, Duration::from_secs(21)).is_none(), "it would end too late");
        let patient = Pace { deadline: None, ..pace };
        assert_eq!(patient.budget(1000, 3, Duration::MAX).unwrap().time, Duration::from_secs(3));
    }
}
