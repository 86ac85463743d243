//! The CPU and the GPU at once: what one call takes, split between both in the ratio
//! of their rates. An engine places a call on one of them; whoever has many calls, or
//! splits them so, reaches this rate.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use verilane::{Backend, Fault};

use super::input::{Answer, Input, Manner, Recipe};
use super::measure::Budget;
use super::report::seconds;
use super::source::Source;
use super::workload::Case;
use crate::shared::statistics::median;

/// Both at once, on shares of one size.
#[derive(Clone, Debug, Serialize)]
pub struct SideBySide {
    pub workload: String,
    pub item_bytes: [usize; 2],
    pub items: usize,
    pub cpu_items: usize,
    pub gpu_items: usize,
    /// The adapter.
    pub detail: String,
    pub software: bool,
    /// From the start of both to the end of the later one.
    pub samples_s: Vec<f64>,
    pub median_s: f64,
    pub per_second: f64,
    /// Of the sum of the rates that both have alone.
    pub of_sum: f64,
    pub unit: &'static str,
    pub checked: bool,
    /// How an answer first differed.
    pub mismatch: Option<String>,
}

/// Whether a part of the input is as good as a smaller one: not if back ends keep
/// something from call to call.
pub fn can_be_split(case: &Case) -> bool {
    case.items > 1 && !matches!(case.workload.recipe, Recipe::Index { .. } | Recipe::Queue)
}

/// Measures the case on the CPU and the GPU, whose rates alone are known.
///
/// # Errors
/// The first fault, of whichever back end.
pub fn measure(
    case: &Case,
    [cpu, gpu]: [&Arc<dyn Backend>; 2],
    [cpu_rate, gpu_rate]: [f64; 2],
    oracle: &Arc<dyn Backend>,
    source: &mut Source,
    budget: Budget,
) -> Result<SideBySide, Fault> {
    let shares = shares(case.items, cpu_rate, gpu_rate);
    let (mut samples, mut mismatch) = (Vec::new(), None);
    let start = Instant::now();
    while samples.is_empty() || !budget.is_spent(samples.len(), start.elapsed()) {
        let inputs = shares.map(|items| case.workload.recipe.fresh(items, source));
        let (answers, time) = at_once([cpu, gpu], &inputs)?;
        samples.push(time);
        for (input, answer) in inputs.iter().zip(answers) {
            let (right, _) = input.run(oracle, Manner::AtOnce)?;
            mismatch = mismatch.or_else(|| answer.difference(&right));
        }
    }
    let middle = median(&samples).unwrap_or_default().as_secs_f64();
    let per_second = case.items as f64 / middle;
    let [cpu_items, gpu_items] = shares;
    Ok(SideBySide {
        workload: case.workload.name.clone(),
        item_bytes: case.workload.recipe.item_bytes(),
        items: case.items,
        cpu_items,
        gpu_items,
        detail: gpu.info().detail.clone(),
        software: gpu.info().software,
        samples_s: seconds(&samples),
        median_s: middle,
        per_second,
        of_sum: per_second / (cpu_rate + gpu_rate),
        unit: case.workload.unit(),
        checked: mismatch.is_none(),
        mismatch,
    })
}

/// At least one item for each, so that both end at the same time if they can.
fn shares(items: usize, cpu_rate: f64, gpu_rate: f64) -> [usize; 2] {
    let cpu = items as f64 * cpu_rate / (cpu_rate + gpu_rate);
    let cpu = (cpu.round() as usize).clamp(1, items - 1);
    [cpu, items - cpu]
}

fn at_once(
    [cpu, gpu]: [&Arc<dyn Backend>; 2],
    [cpu_input, gpu_input]: &[Input; 2],
) -> Result<([Answer; 2], Duration), Fault> {
    let start = Instant::now();
    let (cpu, gpu) = thread::scope(|scope| {
        let gpu = scope.spawn(|| gpu_input.run(gpu, Manner::AtOnce));
        let cpu = cpu_input.run(cpu, Manner::AtOnce);
        (cpu, gpu.join().expect("a back end does not panic"))
    });
    let time = start.elapsed();
    Ok(([cpu?.0, gpu?.0], time))
}

#[cfg(test)]
mod tests {
    use verilane::BackendKind;

    use super::*;
    use crate::bench::fake::{Fake, Manner};
    use crate::bench::workload;

    fn both(name: &str, gpu: Manner) -> Result<SideBySide, Fault> {
        let fake = |kind, manner| Arc::new(Fake::new(kind, manner)) as Arc<dyn Backend>;
        let late = Manner::Late(Duration::from_millis(5));
        let (cpu, gpu) = (fake(BackendKind::Cpu, late), fake(BackendKind::Gpu, gpu));
        let oracle = fake(BackendKind::Reference, Manner::Honest);
        let case = Case { workload: workload::select(&[name.into()]).unwrap().remove(0), items: 40 };
        let mut source = workload::source(std::slice::from_ref(&case));
        let budget = Budget { time: Duration::ZERO, least_rounds: 1 };
        measure(&case, [&cpu, &gpu], [100.0, 300.0], &oracle, &mut source, budget)
    }

    #[test]
    fn shares_are_as_the_rates() {
        assert_eq!(shares(40, 100.0, 300.0), [10, 30]);
        assert_eq!(shares(3, 1.0, 1e9), [1, 2]);
        assert_eq!(shares(2, 1e9, 1.0), [1, 1]);
    }

    #[test]
    fn both_run_at_the_same_time_and_are_checked() {
        for name in ["hash.sha256", "merkle.bitcoin", "verify.strict", "dedup", "pow.sha256d", "check"] {
            let late = both(name, Manner::Late(Duration::from_millis(5))).unwrap();
            assert_eq!((late.cpu_items, late.gpu_items, late.checked), (10, 30, true), "{name}");
            assert_eq!(late.per_second, 40.0 / late.median_s, "{name}");
            assert_eq!(late.of_sum, late.per_second / 400.0, "{name}");
        }
        assert!(both("dedup", Manner::Late(Duration::from_millis(5))).unwrap().median_s >= 0.005);
    }

    #[test]
    fn lies_and_faults_are_told() {
        let lie = both("verify.strict", Manner::Lies).unwrap();
        assert!(!lie.checked && lie.mismatch.unwrap().starts_with("verdict 29 is"));
        assert_eq!(both("dedup", Manner::Faults).unwrap_err(), Fault::DeviceLost("unplugged".into()));
    }
}
