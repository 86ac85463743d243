//! The measurement: rounds in which every back end gets the same fresh input,
//! and every answer is compared with the reference's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use verilane::{Backend, Fault};

use super::input::{Answer, Input, Signed, Stream};
use super::workload::Case;

/// The back ends that are measured, and the one that judges their answers.
pub struct Field {
    pub oracle: Arc<dyn Backend>,
    pub measured: Vec<Arc<dyn Backend>>,
}

/// Where fresh input comes from.
pub struct Source {
    pub stream: Stream,
    pub signed: Signed,
}

/// How long a case is measured.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Rounds end after this time, once there are enough of them.
    pub time: Duration,
    /// Rounds that are made even if they take longer.
    pub least_rounds: usize,
}

/// Enough for a median.
const MOST_ROUNDS: usize = 100;
/// What rounds may take beyond the budget before even a single one suffices.
const OVERRUN: u32 = 4;

impl Budget {
    fn is_spent(self, rounds: usize, elapsed: Duration) -> bool {
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

/// One case on one back end.
pub struct Run {
    pub backend: Arc<dyn Backend>,
    /// The warm-up's call, which may have had kernels to compile.
    pub first_call: Option<Duration>,
    pub samples: Vec<Duration>,
    /// The device's own share of each sample, where the back end tells it.
    pub device_samples: Vec<Duration>,
    /// How an answer first differed from the reference's.
    pub wrong: Option<String>,
    /// What ended the measurement.
    pub fault: Option<Fault>,
}

/// Measures `case` in rounds, the first of which warms up.
///
/// # Errors
/// The oracle's fault: without it there is nothing to compare with.
pub fn measure(
    case: &Case,
    field: &Field,
    source: &mut Source,
    budget: Budget,
) -> Result<Measurement, Fault> {
    let runs = field.measured.iter().cloned().map(Run::new).collect();
    let mut measurement = Measurement { bytes: 0, reference: Vec::new(), runs };
    measurement.check_planted(case, source);
    measurement.round(case, field, source)?;
    measurement.end_warm_up();
    let start = Instant::now();
    for rounds in 1.. {
        measurement.round(case, field, source)?;
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

    fn round(&mut self, case: &Case, field: &Field, source: &mut Source) -> Result<(), Fault> {
        let input = case.workload.recipe.fresh(case.items, &mut source.stream, &source.signed);
        let (right, time) = input.run(field.oracle.as_ref())?;
        self.bytes = input.bytes();
        self.reference.push(time);
        for run in &mut self.runs {
            if Arc::ptr_eq(&run.backend, &field.oracle) {
                run.samples.push(time);
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
    fn new(backend: Arc<dyn Backend>) -> Self {
        let (samples, device_samples) = (Vec::new(), Vec::new());
        Run { backend, first_call: None, samples, device_samples, wrong: None, fault: None }
    }

    /// The time of a call whose answer is then checked; none after a fault.
    fn call(&mut self, input: &Input, right: &Answer) -> Option<Duration> {
        if self.fault.is_some() {
            return None;
        }
        self.backend.take_device_time();
        match input.run(self.backend.as_ref()) {
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
    use verilane::ed25519::{Batch, Rule};
    use verilane::merkle::Root;
    use verilane::pow::{Nonce, NonceWindow, Puzzle};
    use verilane::reference::Reference;
    use verilane::{BackendInfo, BackendKind, Digest, Hash, Records, Threads, Tree};

    use super::*;
    use crate::cli::bench::workload;

    /// Answers as the reference does, but for one item of each answer.
    struct Liar {
        reference: Reference,
        info: BackendInfo,
    }

    impl Liar {
        fn new() -> Self {
            let info =
                BackendInfo { kind: BackendKind::Gpu, threads: 1, detail: "a liar".into(), software: true };
            Liar { reference: reference(), info }
        }
    }

    impl Backend for Liar {
        fn info(&self) -> &BackendInfo {
            &self.info
        }

        fn hash(&self, hash: Hash, records: &Records<'_>, out: &mut [Digest]) -> Result<(), Fault> {
            self.reference.hash(hash, records, out)?;
            out[2].0[31] ^= 1;
            Ok(())
        }

        fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault> {
            let root = self.reference.merkle_root(tree, leaves)?;
            Ok(Root { mutated: !root.mutated, ..root })
        }

        fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
            self.reference.verify(rule, batch, out)?;
            out[2] = !out[2];
            Ok(())
        }

        fn first_occurrences(&self, prints: &[Digest], out: &mut [u32]) -> Result<(), Fault> {
            self.reference.first_occurrences(prints, out)?;
            out[2] = 3;
            Ok(())
        }

        fn search(&self, _: &Puzzle, _: NonceWindow) -> Result<Option<Nonce>, Fault> {
            Ok(None)
        }

        fn take_device_time(&self) -> Option<Duration> {
            Some(Duration::from_micros(7))
        }
    }

    /// Serves nothing.
    struct Broken(BackendInfo);

    impl Backend for Broken {
        fn info(&self) -> &BackendInfo {
            &self.0
        }

        fn hash(&self, _: Hash, _: &Records<'_>, _: &mut [Digest]) -> Result<(), Fault> {
            Err(lost())
        }

        fn merkle_root(&self, _: Tree, _: &[Digest]) -> Result<Root, Fault> {
            Err(lost())
        }

        fn verify(&self, _: Rule, _: &Batch<'_>, _: &mut [bool]) -> Result<(), Fault> {
            Err(lost())
        }

        fn first_occurrences(&self, _: &[Digest], _: &mut [u32]) -> Result<(), Fault> {
            Err(lost())
        }

        fn search(&self, _: &Puzzle, _: NonceWindow) -> Result<Option<Nonce>, Fault> {
            Err(lost())
        }
    }

    fn lost() -> Fault {
        Fault::DeviceLost("unplugged".into())
    }

    fn reference() -> Reference {
        Reference::new(Threads::new(1).unwrap())
    }

    fn measure_each(backend: impl Backend + 'static, judge: impl Fn(&str, &Measurement)) {
        let oracle: Arc<dyn Backend> = Arc::new(reference());
        let field = Field { measured: vec![oracle.clone(), Arc::new(backend)], oracle };
        let mut stream = Stream::new(1);
        let signed = Signed::new(16, &mut stream);
        let mut source = Source { stream, signed };
        let budget = Budget { time: Duration::ZERO, least_rounds: 2 };
        for workload in workload::all() {
            let case = Case { workload, items: 16 };
            let measurement = measure(&case, &field, &mut source, budget).unwrap();
            judge(&case.workload.name, &measurement);
        }
    }

    #[test]
    fn every_lie_is_found() {
        measure_each(Liar::new(), |name, measurement| {
            let [honest, liar] = &measurement.runs[..] else { panic!("two back ends ran") };
            assert_eq!(honest.wrong, None, "{name}");
            let wrong = liar.wrong.as_deref().unwrap_or_else(|| panic!("{name}: the lie passed"));
            assert!(wrong.contains("instead of"), "{name}: {wrong}");
            assert_eq!(liar.device_samples, [Duration::from_micros(7)]);
        });
    }

    #[test]
    fn a_fault_ends_one_back_end_only() {
        let info = BackendInfo { kind: BackendKind::Gpu, threads: 1, detail: String::new(), software: false };
        measure_each(Broken(info), |name, measurement| {
            let [sound, broken] = &measurement.runs[..] else { panic!("two back ends ran") };
            assert_eq!((sound.samples.len(), &sound.fault), (1, &None), "{name}");
            assert_eq!((broken.samples.len(), &broken.fault), (0, &Some(lost())), "{name}");
            assert_eq!(broken.first_call, None);
        });
    }

    #[test]
    fn budgets_end() {
        let budget = Budget { time: Duration::from_secs(1), least_rounds: 3 };
        let secs = Duration::from_secs;
        assert!(!budget.is_spent(99, Duration::ZERO) && budget.is_spent(100, Duration::ZERO));
        assert!(!budget.is_spent(2, secs(1)) && budget.is_spent(3, secs(1)));
        assert!(budget.is_spent(1, secs(4)), "a call much longer than the budget is made once");
    }
}
