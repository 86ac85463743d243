//! The simulation: an hour of the consortium under each scheme.

use indicatif::ProgressBar;
use verilane::Error;
use verilane_cost::simulate::{
    Mining, MiningEstimates, Stages, StagesEstimates, StagesRun, fork_share, retargeted_block_time,
    stale_share,
};
use verilane_cost::{Estimate, Figure, Quantity, model};

use super::rates::Rates;
use super::scenario::Scenario;
use super::study::{Axis, Curve, Entry, Line, Plot, Point, Section, Style};
use crate::shared::numbers::plain;
use crate::shared::units::with_unit;

const HOUR: f64 = 3600.0;
/// Delays of the sweep, in block times.
const DELAYS: [f64; 12] = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
pub const STEPS: u64 = 2 + DELAYS.len() as u64;

pub fn section(scenario: &Scenario, rates: &Rates, bar: &ProgressBar) -> Result<Section, Error> {
    let (mining, stages) = (scenario.mining(), scenario.stages());
    bar.set_message("an hour of proof of work");
    let work_runs = mining.repeat(HOUR, scenario.runs, scenario.seed)?;
    bar.inc(1);
    bar.set_message("an hour of contribution stages");
    let stage_runs = stages.repeat(HOUR, scenario.runs, scenario.seed)?;
    bar.inc(1);
    let mut section = Section::new(
        "hour",
        "An hour of the consortium, simulated",
        &[
            "Proof of work: the nodes, equal and all mining on this device, find blocks as a Poisson process; the \
             difficulty begins where they settle and is set anew after each window, by a factor of four at most. A \
             block reaches the others after the delay, and each node mines on the highest block that it knows.",
            "Contribution stages, after Chen and Cheng, section 4.2: signed lists of records arrive until more than c but \
             fewer than 2c records are there; who uploaded the most produces the next block. One producer is \
             named in advance, so no block becomes stale, whatever the delay; a late block only waits.",
        ],
    );
    section.text.push(format!(
        "The paper leaves open how lists arrive, how large they are and who wins a draw. Chosen: Poisson \
         arrivals; 1 to c − 1 records in a list, all numbers equally likely, the largest lists that keep every \
         stage below 2c; institutions with sizes after Zipf's law, exponent {}; a draw goes to who had the number \
         first. c = {} makes a mean stage carry what a block of proof of work carries, {} records.",
        scenario.size_exponent,
        stages.threshold,
        plain(stages.mean_records())
    ));
    section.entries = work_entries(scenario, &MiningEstimates::of(&work_runs, HOUR));
    section.entries.push(mining_energy(scenario, rates));
    section.entries.extend(stage_entries(scenario, rates, &stages, &stage_runs));
    section.plots = vec![staleness(scenario, &mining, bar)?];
    Ok(section)
}

fn work_entries(scenario: &Scenario, work: &MiningEstimates) -> Vec<Entry> {
    let source = scenario.simulation();
    let network = &scenario.network;
    let (nodes, block_time, window) = (network.nodes(), network.block_time(), scenario.retarget_window);
    let in_the_long_run = match window {
        1 => "no mean with a window of one block".into(),
        _ => with_unit(retargeted_block_time(block_time, window), "s"),
    };
    let counted = |id, name, estimate, unit, formula: &str| {
        Entry::simulated(id, name, estimate, unit, &source, formula)
    };
    vec![
        counted(
            "pow_blocks",
            "PoW: blocks in the chain",
            work.blocks,
            "blocks",
            "blocks of the longest chain",
        ),
        counted(
            "pow_mean_block_time",
            "PoW: mean block time",
            work.block_time,
            "s",
            &format!(
                "1 h / blocks; closed forms: {} before the first retarget, block time × window / (window − 1) = {} \
                 in the long run",
                with_unit(block_time, "s"),
                in_the_long_run
            ),
        ),
        counted(
            "pow_stale_share",
            "PoW: stale blocks",
            work.stale_share,
            "share",
            &format!(
                "(found − chain) / found; closed form, difficulty held: x / (1 + x) = {}, heights with rivals \
                 1 − e^−x = {}, x = (1 − 1/nodes) × delay / block time",
                with_unit(stale_share(nodes, block_time, scenario.delay), "share"),
                with_unit(fork_share(nodes, block_time, scenario.delay), "share"),
            ),
        ),
        counted(
            "pow_records",
            "PoW: records carried",
            work.blocks.map(|blocks| blocks.map(|blocks| blocks * f64::from(network.records_per_block()))),
            "records",
            "blocks × records a block",
        ),
    ]
}

fn mining_energy(scenario: &Scenario, rates: &Rates) -> Entry {
    let power = model::hash_rate_power(&rates.hash.rate, &rates.hash.joules, scenario.pue.as_ref());
    let nodes = f64::from(scenario.network.nodes());
    let figure = Figure {
        quantity: Quantity::derived("J", [&power.quantity], |[watts]| nodes * watts * HOUR),
        formula: format!("nodes × {} × 1 h, all of it spent whether a block comes or not", power.formula),
        ..power
    };
    Entry::modelled("pow_energy", "PoW: energy of the hour", &figure)
}

fn stage_entries(scenario: &Scenario, rates: &Rates, stages: &Stages, runs: &[StagesRun]) -> Vec<Entry> {
    let source = scenario.simulation();
    let estimates = StagesEstimates::of(runs, HOUR);
    let counted = |id, name, estimate, unit, formula: &str| {
        Entry::simulated(id, name, estimate, unit, &source, formula)
    };
    let mean_records = stages.mean_records();
    vec![
        counted("pos_blocks", "Stages: blocks", estimates.blocks, "blocks", "stages that ended"),
        counted(
            "pos_mean_block_time",
            "Stages: mean block time",
            estimates.block_time,
            "s",
            &format!(
                "1 h / blocks; closed form: mean stage / records a second = {}",
                with_unit(mean_records / stages.records_per_second, "s")
            ),
        ),
        counted(
            "pos_records_per_block",
            "Stages: records in a block",
            estimates.records_per_block,
            "records",
            &format!(
                "records / blocks; closed form: c/2 × ((1 + 1/(c − 1))^c − 1/(c − 1)) = {}, about e/2 × c",
                plain(mean_records)
            ),
        ),
        counted(
            "pos_records",
            "Stages: records carried",
            estimates.records,
            "records",
            "records of the stages that ended",
        ),
        counted(
            "pos_largest_wins",
            "Stages: blocks produced by the largest institution",
            estimates.largest_wins,
            "share",
            &format!("won / blocks; its share of the records is {}", with_unit(stages.shares()[0], "share")),
        ),
        stage_energy(scenario, rates, runs),
    ]
}

fn stage_energy(scenario: &Scenario, rates: &Rates, runs: &[StagesRun]) -> Entry {
    const NAME: (&str, &str) = ("pos_energy", "Stages: energy of the hour, marginal");
    const FORMULA: &str =
        "nodes × ((blocks × votes + records) × J/verification + (records − blocks) × J/Merkle node)";
    let (verification, merkle) = (&rates.verification.joules, &rates.merkle.joules);
    let network = &scenario.network;
    let pue = scenario.pue.as_ref().and_then(Quantity::value).unwrap_or(1.0);
    let energy = |run: &StagesRun, verification: f64, merkle: f64| {
        let (blocks, records) = (run.blocks as f64, run.records as f64);
        let signatures = blocks * f64::from(network.validators()) + records;
        f64::from(network.nodes()) * pue * (signatures * verification + (records - blocks) * merkle)
    };
    let estimate = verification.value().zip(merkle.value()).and_then(|(verification, merkle)| {
        Estimate::of(&runs.iter().map(|run| energy(run, verification, merkle)).collect::<Vec<_>>())
    });
    let formula = if scenario.pue.is_some() { format!("{FORMULA} × PUE") } else { FORMULA.into() };
    match estimate {
        Some(_) => {
            let source = format!("{}; {}", scenario.simulation(), verification.source());
            Entry::simulated(NAME.0, NAME.1, estimate, "J", &source, &formula)
        }
        None => Entry {
            formula: Some(formula),
            ..Entry::of(NAME.0, NAME.1, &Quantity::unavailable("J", verification.source()))
        },
    }
}

fn staleness(scenario: &Scenario, mining: &Mining, bar: &ProgressBar) -> Result<Plot, Error> {
    let Mining { nodes, block_time, .. } = *mining;
    let mut points = Vec::new();
    for delay in DELAYS.map(|share| share * block_time) {
        bar.set_message("stale blocks by delay");
        let held = Mining { delay, retarget_window: None, ..*mining };
        let estimates = MiningEstimates::of(&held.repeat(HOUR, scenario.runs, scenario.seed)?, HOUR);
        points.extend(estimates.stale_share.map(|share| Point {
            x: delay,
            y: share.mean,
            interval: Some([share.low, share.high]),
        }));
        bar.inc(1);
    }
    let simulated = Curve {
        id: "simulated",
        name: "simulated",
        colour: 1,
        line: Line::Points,
        mark: if points.is_empty() { "unavailable" } else { "assumed" }.into(),
        source: scenario.simulation(),
        formula: "(found − chain) / found, difficulty held".into(),
        points,
    };
    let fine: Vec<f64> = (0..=40).map(|step| f64::from(step) / 40.0 * block_time).collect();
    let figure = |value: f64, formula: &str| {
        let quantity = Quantity::assumed(value, "share", "closed form");
        Some(Figure { quantity, formula: formula.into(), citation: "" })
    };
    let closed = Curve::of(
        Style { id: "closed_form", name: "closed form", colour: 1, line: Line::Solid },
        &fine,
        |delay| {
            figure(
                stale_share(nodes, block_time, delay),
                "x / (1 + x), x = (1 − 1/nodes) × delay / block time",
            )
        },
    );
    let stages = Curve::of(
        Style { id: "stages", name: "contribution stages", colour: 2, line: Line::Solid },
        &[0.0, block_time],
        |_| figure(0.0, "none: one producer is named in advance"),
    );
    Ok(Plot {
        id: "stale_share",
        title: format!(
            "Stale blocks by delay, {nodes} nodes, difficulty held: simulated with 95 % intervals, and x / (1 + x)"
        ),
        x: Axis::linear("delay until a block reaches the other nodes", "s"),
        y: Axis::linear("stale blocks", "share"),
        curves: vec![simulated, closed, stages],
        highlights: Vec::new(),
    })
}
