//! Energy counters, and which of them count for a back end.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Quantity, rapl};
use verilane::{BackendInfo, BackendKind};

/// An energy counter: it grows, and may wrap to zero.
pub struct Counter {
    name: String,
    /// The highest reading, after which the counter wraps to zero.
    range: Option<u64>,
    read: Box<dyn Fn() -> Option<u64> + Send + Sync>,
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counter")
            .field("name", &self.name)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

impl Counter {
    /// A counter that `read` gives in microjoules; `range` is its highest reading if it
    /// wraps.
    pub fn new(
        name: String,
        range: Option<u64>,
        read: impl Fn() -> Option<u64> + Send + Sync + 'static,
    ) -> Self {
        Counter { name, range, read: Box::new(read) }
    }

    /// The name of the counter.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The reading in microjoules; none if the counter cannot be read.
    pub fn read(&self) -> Option<u64> {
        (self.read)()
    }

    /// The joules since the reading `before`, if the counter has wrapped once at most; none
    /// if it cannot be read.
    pub fn joules_since(&self, before: u64) -> Option<f64> {
        let now = self.read()?;
        let microjoules = match now.checked_sub(before) {
            Some(difference) => difference,
            None => self.range?.checked_sub(before)?.checked_add(now)?.checked_add(1)?,
        };
        Some(microjoules as f64 / 1e6)
    }
}

/// The source of a back end's power figures.
#[derive(Debug)]
#[non_exhaustive]
pub enum Power {
    /// Energy counters that together cover the devices of the back end.
    Metered(Vec<Counter>),
    /// Watts under load, as the caller states them.
    Stated(Quantity),
    /// No source, with the reason.
    Unknown(String),
}

impl Power {
    /// The counters of the devices of `backend` if they can be read; else the `stated`
    /// watts, if any.
    pub fn of(backend: &BackendInfo, stated: Option<Quantity>) -> Self {
        match counters(backend) {
            Ok(counters) => Power::Metered(counters),
            Err(reason) => stated.map_or(Power::Unknown(reason), Power::Stated),
        }
    }

    /// Starts a measurement.
    pub(super) fn start(&self) -> PowerMeasurement<'_> {
        let readings = match self {
            Power::Metered(counters) => counters.iter().map(Counter::read).collect(),
            Power::Stated(_) | Power::Unknown(_) => Some(Vec::new()),
        };
        PowerMeasurement { power: self, readings, start: Instant::now() }
    }

    /// The mean watts over `duration` while nothing runs. Unavailable without a counter,
    /// since stated watts are those under load.
    pub fn idle(&self, duration: Duration) -> Quantity {
        let reason = match self {
            Power::Metered(_) => {
                let measurement = self.start();
                std::thread::sleep(duration);
                return measurement.watts();
            }
            Power::Stated(_) => "no energy counter answers, and the watts stated are under load",
            Power::Unknown(reason) => reason,
        };
        Quantity::unavailable("W", reason)
    }
}

/// A running measurement of power.
pub(super) struct PowerMeasurement<'a> {
    power: &'a Power,
    readings: Option<Vec<u64>>,
    start: Instant,
}

impl PowerMeasurement<'_> {
    /// The mean watts since the start.
    pub fn watts(&self) -> Quantity {
        match self.power {
            Power::Metered(counters) => self.metered(counters),
            Power::Stated(watts) => watts.clone(),
            Power::Unknown(reason) => Quantity::unavailable("W", reason),
        }
    }

    fn metered(&self, counters: &[Counter]) -> Quantity {
        let names = counters.iter().map(Counter::name).collect::<Vec<_>>().join(" + ");
        let joules: Option<f64> = self.readings.as_ref().and_then(|readings| {
            counters.iter().zip(readings).map(|(counter, &before)| counter.joules_since(before)).sum()
        });
        match joules {
            Some(joules) => Quantity::measured(joules / self.start.elapsed().as_secs_f64(), "W", names),
            None => Quantity::unavailable("W", format!("{names} could not be read to the end")),
        }
    }
}

fn counters(backend: &BackendInfo) -> Result<Vec<Counter>, String> {
    let processor = rapl::counters(Path::new(rapl::SYSFS));
    if backend.kind != BackendKind::Gpu || backend.software {
        return processor;
    }
    let mut counters = vec![adapter(&backend.detail)?];
    // The host's processor works too while the card does. If it cannot be read, the
    // source of the quantity names the card's counter alone.
    counters.extend(processor.into_iter().flatten());
    Ok(counters)
}

#[cfg(feature = "nvml")]
fn adapter(name: &str) -> Result<Counter, String> {
    super::nvml::counter(name)
}

#[cfg(not(feature = "nvml"))]
fn adapter(_name: &str) -> Result<Counter, String> {
    Err("this build of verilane has no `nvml` feature".into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::Mark;

    /// A counter that grows by `step` microjoules with each reading.
    fn growing(start: u64, step: u64, range: Option<u64>) -> Counter {
        let reading = Arc::new(AtomicU64::new(start));
        Counter::new("test".into(), range, move || Some(reading.fetch_add(step, Ordering::Relaxed)))
    }

    #[test]
    fn counters_wrap() {
        let counter = |now| Counter::new("test".into(), Some(999), move || Some(now));
        assert_eq!(counter(600).joules_since(100), Some(500e-6));
        // 900 ..= 999, then 0 ..= 99: 200 steps.
        assert_eq!(counter(100).joules_since(900), Some(200e-6));
        let endless = Counter::new("test".into(), None, || Some(1));
        assert_eq!(endless.joules_since(2), None);
    }

    #[test]
    fn the_energy_of_all_counters_is_added() {
        let power = Power::Metered(vec![growing(0, 2_000_000, None), growing(7, 500_000, None)]);
        let watts = power.idle(Duration::from_millis(20));
        assert_eq!((watts.mark(), watts.source()), (Mark::Measured, "test + test"));
        // 2.5 J in 20 ms or more.
        let watts = watts.value().unwrap();
        assert!(watts > 0.0 && watts <= 2.5 / 0.02, "{watts}");
    }

    #[test]
    fn a_counter_that_fails_gives_no_number() {
        let broken = Counter::new("broken".into(), None, || None);
        let power = Power::Metered(vec![growing(0, 1, None), broken]);
        let watts = power.start().watts();
        assert_eq!((watts.value(), watts.mark()), (None, Mark::Unavailable));
        assert_eq!(power.idle(Duration::ZERO).value(), None);
    }

    #[test]
    fn stated_watts_are_assumed_and_not_idle() {
        let power = Power::Stated(Quantity::assumed(65.0, "W", "--device-watts"));
        assert_eq!(power.start().watts(), Quantity::assumed(65.0, "W", "--device-watts"));
        assert_eq!(power.idle(Duration::ZERO).mark(), Mark::Unavailable);
        assert_eq!(Power::Unknown("none".into()).start().watts().value(), None);
    }
}
