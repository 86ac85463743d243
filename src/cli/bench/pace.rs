//! How long each case may take, so that the whole ends in time.

use std::time::{Duration, Instant};

use super::measure::Budget;

/// The time for all cases.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// For one case on one back end.
    run: Duration,
    deadline: Option<Instant>,
}

/// Within a minute, with some seconds for what cannot be cut short: the last
/// calls, and the start of a device before.
const QUICK: Duration = Duration::from_secs(48);

impl Pace {
    pub fn new(quick: bool) -> Self {
        let (run, deadline) = match quick {
            true => (Duration::from_millis(200), Some(Instant::now() + QUICK)),
            false => (Duration::from_secs(1), None),
        };
        Pace { run, deadline }
    }

    /// The time for the next of `cases`, on `backends`; none when time is up.
    pub fn budget(&self, cases: usize, backends: usize) -> Option<Budget> {
        let wanted = self.run * backends as u32;
        let Some(deadline) = self.deadline else {
            return Some(Budget { time: wanted, least_rounds: 3 });
        };
        let left = deadline.checked_duration_since(Instant::now())?;
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
        let roomy = pace.budget(5, 2).unwrap();
        assert_eq!((roomy.time, roomy.least_rounds), (Duration::from_secs(2), 3));
        let tight = pace.budget(40, 2).unwrap();
        assert!(tight.time <= Duration::from_millis(500) && tight.least_rounds == 1);
        let late = Pace { deadline: Some(Instant::now() - Duration::from_secs(1)), ..pace };
        assert!(late.budget(1, 1).is_none());
        let patient = Pace { deadline: None, ..pace };
        assert_eq!(patient.budget(1000, 3).unwrap().time, Duration::from_secs(3));
    }
}
