//! The measurement: rounds in which every back end gets the same fresh input, and every
//! answer is compared with the reference's. It returns values and prints nothing.

pub mod call;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod latency;
pub(crate) mod pace;
mod queue;
pub(crate) mod rows;
#[cfg(feature = "gpu")]
pub(crate) mod side_by_side;
#[cfg(feature = "gpu")]
pub(crate) mod start_up;

use std::sync::Arc;
use std::time::{Duration, Instant};

use verilane::{Backend, Fault};

use super::data::answer::Answer;
use super::data::input::Input;
use super::data::recipe::CallMode;
use super::data::source::Source;
use super::data::workload::Case;
use call::call;

/// The back ends to measure, and the one that their answers are compared with.
pub struct BackendSet {
    pub oracle: Arc<dyn Backend>,
    pub measured: Vec<Arc<dyn Backend>>,
    /// Measured too, but only where signatures are verified.
    pub verifiers: Vec<Arc<dyn Backend>>,
}

/// How long a case is measured.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Rounds end after this time, once there are enough of them.
    pub time: Duration,
    /// Rounds to make even if they take longer.
    pub least_rounds: usize,
}

/// Enough for a median.
const MOST_ROUNDS: usize = 100;
/// How many times the budget rounds may take before a single one is enough.
const OVERRUN: u32 = 2;

impl Budget {
    pub fn is_spent(self, rounds: usize, elapsed: Duration) -> bool {
        let over = elapsed >= self.time && rounds >= self.least_rounds;
        rounds >= MOST_ROUNDS || over || elapsed >= self.time * OVERRUN
    }
}

/// One case on every back end.
pub struct Measurement {
    /// The bytes that one call reads.
    pub bytes: u64,
    /// The reference's times, round by round.
    pub reference: Vec<Duration>,
    pub runs: Vec<Run>,
}

/// One case on one back end, in one call mode.
pub struct Run {
    pub backend: Arc<dyn Backend>,
    pub mode: CallMode,
    /// The call of the warm-up, which may compile kernels.
    pub first_call: Option<Duration>,
    pub samples: Vec<Duration>,
    /// The device's share of each sample, where the back end reports it.
    pub device_samples: Vec<Duration>,
    /// How an answer first differed from the reference's.
    pub wrong: Option<String>,
    /// What ended the measurement.
    pub fault: Option<Fault>,
}

/// Measures `case` in rounds, the first of which warms up.
///
/// # Errors
/// The oracle's fault: there is then nothing to compare with.
pub fn measure(
    case: &Case,
    backends: &BackendSet,
    source: &mut Source,
    budget: Budget,
) -> Result<Measurement, Fault> {
    let modes = case.workload.recipe.call_modes();
    let each = |backend| modes.iter().map(move |&mode| Run::new(Arc::clone(backend), mode));
    let runs = backends.measured.iter().flat_map(each).collect();
    let mut measurement = Measurement { bytes: 0, reference: Vec::new(), runs };
    measurement.check_planted(case, source);
    measurement.round(case, backends, source)?;
    measurement.end_warm_up();
    let start = Instant::now();
    for rounds in 1.. {
        measurement.round(case, backends, source)?;
        if budget.is_spent(rounds, start.elapsed()) {
            break;
        }
    }
    Ok(measurement)
}

impl Measurement {
    fn check_planted(&mut self, case: &Case, source: &mut Source) {
        let Some((input, right)) = case.workload.recipe.planted(&mut source.stream) else { return };
        for run in &mut self.runs {
            run.call(&input, &right);
        }
    }

    fn round(&mut self, case: &Case, backends: &BackendSet, source: &mut Source) -> Result<(), Fault> {
        let input = case.workload.recipe.fresh(case.items, source);
        let (answer, time) = call(&input, &backends.oracle, CallMode::Batch)?;
        let (right, wrong) = match input.answer() {
            Some(right) => (right.clone(), answer.difference(right)),
            None => (answer, None),
        };
        self.bytes = input.bytes();
        self.reference.push(time);
        // Later back ends find the input in the cache: every other round runs backwards.
        let (count, is_backwards) = (self.runs.len(), self.reference.len().is_multiple_of(2));
        for position in 0..count {
            let run = &mut self.runs[if is_backwards { count - 1 - position } else { position }];
            if run.mode == CallMode::Batch && Arc::ptr_eq(&run.backend, &backends.oracle) {
                run.samples.push(time);
                run.wrong = run.wrong.take().or_else(|| wrong.clone());
            } else if let Some(time) = run.call(&input, &right) {
                run.samples.push(time);
                run.device_samples.extend(run.backend.take_device_time());
            }
        }
        Ok(())
    }

    fn end_warm_up(&mut self) {
        self.reference.clear();
        for run in &mut self.runs {
            run.first_call = run.samples.pop();
            run.device_samples.clear();
        }
    }
}

impl Run {
    fn new(backend: Arc<dyn Backend>, mode: CallMode) -> Self {
        let (samples, device_samples) = (Vec::new(), Vec::new());
        Run { backend, mode, first_call: None, samples, device_samples, wrong: None, fault: None }
    }

    /// Makes a call and checks its answer. Returns the call's time; none after a fault.
    fn call(&mut self, input: &Input, right: &Answer) -> Option<Duration> {
        if self.fault.is_some() {
            return None;
        }
        self.backend.take_device_time();
        match call(input, &self.backend, self.mode) {
            Ok((answer, time)) => {
                self.wrong = self.wrong.take().or_else(|| answer.difference(right));
                Some(time)
            }
            Err(fault) => {
                self.fault = Some(fault);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use verilane::BackendKind;

    use super::fake::{Behaviour, Fake};
    use super::*;
    use crate::bench::data::workload::{self, Scale};

    /// Measures every workload on the oracle and on a GPU of this behaviour.
    fn measure_each(behaviour: Behaviour, judge: impl Fn(&str, &Run, &Run)) {
        let oracle: Arc<dyn Backend> = Arc::new(Fake::new(BackendKind::Reference, Behaviour::Honest));
        let gpu = Arc::new(Fake::new(BackendKind::Gpu, behaviour));
        let backends = BackendSet { measured: vec![oracle.clone(), gpu], oracle, verifiers: Vec::new() };
        let once = Budget { time: Duration::ZERO, least_rounds: 1 };
        let scale = Scale { quick: true, full: false, hardware_gpu: false };
        for case in workload::all().iter().flat_map(|workload| workload.cases(&[16], scale)) {
            let mut source = workload::source(std::slice::from_ref(&case));
            let measurement = measure(&case, &backends, &mut source, once).unwrap();
            let modes = case.workload.recipe.call_modes().len();
            let (reference, gpu) = measurement.runs.split_at(modes);
            assert_eq!(gpu.len(), modes, "two back ends ran");
            reference.iter().zip(gpu).for_each(|(reference, gpu)| judge(&case.workload.name, reference, gpu));
        }
    }

    #[test]
    fn honest_answers_pass() {
        measure_each(Behaviour::Honest, |name, reference, gpu| {
            assert_eq!((&reference.wrong, &gpu.wrong), (&None, &None), "{name}");
            assert_eq!((reference.samples.len(), gpu.samples.len()), (1, 1), "{name}");
            assert_eq!(gpu.device_samples, [Duration::from_micros(7)], "{name}");
        });
    }

    #[test]
    fn every_lie_is_found() {
        measure_each(Behaviour::Lies, |name, reference, gpu| {
            assert_eq!(reference.wrong, None, "{name}");
            // An engine tests its back ends itself.
            let found = gpu.wrong.clone().or(gpu.fault.as_ref().map(ToString::to_string));
            let found = found.unwrap_or_else(|| panic!("{name}: the lie passed"));
            let is_lie = found.contains("instead of") || found.starts_with("the self-test failed");
            assert!(is_lie, "{name}: {found}");
        });
    }

    #[test]
    fn a_fault_ends_one_back_end_only() {
        measure_each(Behaviour::Faults, |name, reference, gpu| {
            assert_eq!((reference.samples.len(), &reference.fault), (1, &None), "{name}");
            assert_eq!((gpu.samples.len(), gpu.first_call), (0, None), "{name}");
            assert_eq!(gpu.fault, Some(Fault::DeviceLost("unplugged".into())), "{name}");
        });
    }

    #[test]
    fn samples_are_the_time_of_the_call() {
        let delay = Duration::from_millis(3);
        measure_each(Behaviour::Late(delay), |name, reference, gpu| {
            assert!(gpu.samples[0] >= delay && gpu.first_call >= Some(delay), "{name}");
            assert_eq!((&reference.wrong, &gpu.wrong), (&None, &None), "{name}");
        });
    }

    #[test]
    fn budgets_end() {
        let budget = Budget { time: Duration::from_secs(1), least_rounds: 3 };
        let secs = Duration::from_secs;
        assert!(!budget.is_spent(99, Duration::ZERO) && budget.is_spent(100, Duration::ZERO));
        assert!(!budget.is_spent(2, secs(1)) && budget.is_spent(3, secs(1)));
        assert!(budget.is_spent(1, secs(2)), "a call much longer than the budget is made once");
    }
}
