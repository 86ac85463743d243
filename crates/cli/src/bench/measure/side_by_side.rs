//! The CPU and the GPU at the same time: one call, split between both in the ratio of
//! their rates. An engine places a call on one of them; a caller that splits its calls so,
//! or has many, reaches this rate.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use verilane::{Backend, Fault};

use super::Budget;
use super::call::call;
use super::rows::seconds;
use crate::bench::data::answer::Answer;
use crate::bench::data::input::Input;
use crate::bench::data::recipe::{CallMode, Recipe};
use crate::bench::data::side_by_side::SideBySide;
use crate::bench::data::source::Source;
use crate::bench::data::workload::Case;
use crate::shared::statistics::median;

/// Whether a part of the input can be measured as a smaller one: not where back ends keep
/// state from call to call.
pub fn can_be_split(case: &Case) -> bool {
    case.items > 1 && !matches!(case.workload.recipe, Recipe::Index { .. } | Recipe::Queue)
}

/// Measures the case on the CPU and the GPU, given the rate of each alone.
///
/// # Errors
/// The first fault of any back end.
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
            let (right, _) = call(input, oracle, CallMode::Batch)?;
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

/// Shares with which both end at the same time; at least one item each.
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
        let gpu = scope.spawn(|| call(gpu_input, gpu, CallMode::Batch));
        let cpu = call(cpu_input, cpu, CallMode::Batch);
        (cpu, gpu.join().expect("a back end does not panic"))
    });
    let time = start.elapsed();
    Ok(([cpu?.0, gpu?.0], time))
}

#[cfg(test)]
mod tests {
    use verilane::BackendKind;

    use super::super::fake::{Behaviour, Fake};
    use super::*;
    use crate::bench::data::workload;

    fn both(name: &str, gpu: Behaviour) -> Result<SideBySide, Fault> {
        let fake = |kind, manner| Arc::new(Fake::new(kind, manner)) as Arc<dyn Backend>;
        let late = Behaviour::Late(Duration::from_millis(5));
        let (cpu, gpu) = (fake(BackendKind::Cpu, late), fake(BackendKind::Gpu, gpu));
        let oracle = fake(BackendKind::Reference, Behaviour::Honest);
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
            let late = both(name, Behaviour::Late(Duration::from_millis(5))).unwrap();
            assert_eq!((late.cpu_items, late.gpu_items, late.checked), (10, 30, true), "{name}");
            assert_eq!(late.per_second, 40.0 / late.median_s, "{name}");
            assert_eq!(late.of_sum, late.per_second / 400.0, "{name}");
        }
        assert!(both("dedup", Behaviour::Late(Duration::from_millis(5))).unwrap().median_s >= 0.005);
    }

    #[test]
    fn lies_and_faults_are_told() {
        let lie = both("verify.strict", Behaviour::Lies).unwrap();
        assert!(!lie.checked && lie.mismatch.unwrap().starts_with("verdict 29 is"));
        assert_eq!(both("dedup", Behaviour::Faults).unwrap_err(), Fault::DeviceLost("unplugged".into()));
    }
}
