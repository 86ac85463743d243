//! The options, checked, as the model takes them.

use std::time::Duration;

use verilane::Error;
use verilane::ed25519::Rule;
use verilane::pow::Target;
use verilane_cost::model::{Network, check_pue};
use verilane_cost::{Estimate, Quantity, Work, positive};

use super::study::{Entry, Section};
use crate::shared::names::target_of_bits;
use crate::shared::numbers::plain;

/// The ledger to model, and how to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Bitcoin's difficulty, 1 being 2^48 / 65535 hashes a block [default: what the nodes,
    /// all mining on this device, would settle at]
    #[arg(long, value_name = "D", allow_negative_numbers = true, value_parser = difficulty)]
    difficulty: Option<Work>,
    /// The difficulty as a target of 64 hexadecimal digits
    #[arg(long, value_name = "HEX", conflicts_with_all = ["difficulty", "bits"])]
    target: Option<Target>,
    /// The difficulty in the compact form of a header, such as 1d00ffff
    #[arg(long, value_name = "HEX", conflicts_with = "difficulty", value_parser = target_of_bits)]
    bits: Option<Target>,
    /// Keys that vote on each block under proof of stake
    #[arg(long, value_name = "N", default_value = "21", allow_negative_numbers = true, value_parser = whole)]
    validators: u32,
    /// Machines that run the validators [default: one for each validator]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole)]
    nodes: Option<u32>,
    /// Signed records in a block
    #[arg(long, value_name = "N", default_value = "500", allow_negative_numbers = true, value_parser = whole)]
    records_per_block: u32,
    /// Seconds between blocks
    #[arg(long, value_name = "S", default_value = "60", allow_negative_numbers = true, value_parser = number)]
    block_time: f64,
    /// Watts of this device under load, used where no energy counter answers
    #[arg(long, value_name = "W", allow_negative_numbers = true, value_parser = number)]
    device_watts: Option<f64>,
    /// Watts of a validator's machine [default: measured idle power, else --device-watts]
    #[arg(long, value_name = "W", allow_negative_numbers = true, value_parser = number)]
    node_watts: Option<f64>,
    /// Joules a terahash of an ASIC, to set beside this device
    #[arg(long, value_name = "J", allow_negative_numbers = true, value_parser = number)]
    asic_joules_per_th: Option<f64>,
    /// Power usage effectiveness: a facility's power over its machines', for both schemes
    #[arg(long, value_name = "P", allow_negative_numbers = true, value_parser = number)]
    pue: Option<f64>,
    /// The acceptance rule that signatures are verified under: rfc8032, strict or zip215
    #[arg(long, value_name = "RULE", default_value_t = Rule::Zip215)]
    rule: Rule,
    /// Seconds for which each operation is measured
    #[arg(long, value_name = "S", default_value = "1", allow_negative_numbers = true, value_parser = number)]
    seconds: f64,
    /// Seconds until a block reaches the other nodes, in the simulation
    #[arg(long, value_name = "S", default_value = "1", allow_negative_numbers = true, value_parser = number)]
    delay: f64,
    /// Blocks between changes of the simulated difficulty
    #[arg(long, value_name = "N", default_value = "20", allow_negative_numbers = true, value_parser = whole)]
    retarget_window: u32,
    /// Zipf exponent of the institutions' sizes in the simulation; 0 makes all equal
    #[arg(long, value_name = "S", default_value = "1", allow_negative_numbers = true, value_parser = number)]
    size_exponent: f64,
    /// Simulated hours
    #[arg(long, value_name = "N", default_value = "200", allow_negative_numbers = true, value_parser = whole)]
    runs: u32,
    /// The simulation's seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

fn difficulty(text: &str) -> Result<Work, String> {
    Work::from_difficulty(number(text)?).map_err(|error| error.to_string())
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| "it must be a number, such as 60, 0.5 or 1e12".into())
}

fn whole(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("it must be a whole number from 0 to {}", u32::MAX))
}

/// Checked options.
pub struct Scenario {
    pub network: Network,
    /// The work asked for; without it that of the nodes' own equilibrium.
    pub work: Option<Work>,
    pub pue: Option<Quantity>,
    pub node_watts: Option<Quantity>,
    pub asic: Option<Quantity>,
    pub plan: verilane_cost::measure::Plan,
    pub delay: f64,
    pub retarget_window: u32,
    pub size_exponent: f64,
    pub runs: u32,
    pub seed: u64,
}

/// Limits on the events in an hour's simulation.
const SHORTEST_BLOCK_TIME: f64 = 0.1;
const MOST_NODES: u32 = 100_000;
const MOST_RUNS: u32 = 10_000;
const LONGEST_MEASUREMENT: f64 = 3600.0;

fn refuse(name: &'static str, found: impl ToString, valid: &'static str) -> Error {
    Error::Parameter { name, found: found.to_string(), valid }
}

fn stated(name: &'static str, value: Option<f64>, unit: &'static str) -> Result<Option<Quantity>, Error> {
    let checked = |value| Ok(Quantity::assumed(positive(name, value)?, unit, name));
    value.map(checked).transpose()
}

impl Scenario {
    /// # Errors
    /// [`Error::Parameter`] for what no network or machine can have.
    pub fn new(options: &Options) -> Result<Self, Error> {
        let nodes = options.nodes.unwrap_or(options.validators);
        let network = Network::new(options.validators, nodes, options.records_per_block, options.block_time)?;
        if nodes > MOST_NODES {
            return Err(refuse("the number of nodes", nodes, "it must be at most 100000; give --nodes"));
        }
        if options.block_time < SHORTEST_BLOCK_TIME {
            return Err(refuse("the block time", options.block_time, "it must be at least 0.1 seconds"));
        }
        if !(Estimate::FEWEST_RUNS as u32..=MOST_RUNS).contains(&options.runs) {
            return Err(refuse("the number of runs", options.runs, "it must lie between 10 and 10000"));
        }
        if !(options.seconds > 0.0 && options.seconds <= LONGEST_MEASUREMENT) {
            let valid = "it must be above 0 and at most 3600";
            return Err(refuse("the seconds of a measurement", options.seconds, valid));
        }
        let pue = options.pue.map(check_pue).transpose()?.map(|pue| Quantity::assumed(pue, "PUE", "--pue"));
        let stated_watts = stated("--device-watts", options.device_watts, "W")?;
        let asic = stated("--asic-joules-per-th", options.asic_joules_per_th, "J/TH")?;
        let scenario = Scenario {
            network,
            work: options.work()?,
            pue,
            node_watts: stated("--node-watts", options.node_watts, "W")?,
            asic: asic.map(|asic| Quantity::derived("J/H", [&asic], |[joules]| joules * 1e-12)),
            plan: verilane_cost::measure::Plan {
                duration: Duration::from_secs_f64(options.seconds),
                stated_watts,
                rule: options.rule,
            },
            delay: options.delay,
            retarget_window: options.retarget_window,
            size_exponent: options.size_exponent,
            runs: options.runs,
            seed: options.seed,
        };
        scenario.mining().check()?;
        scenario.stages().check()?;
        Ok(scenario)
    }

    /// The options' choices, as a section.
    pub fn section(&self) -> Section {
        let mut section = Section::new(
            "scenario",
            "The network that is compared",
            &["Chosen with the options named; change them to model another network."],
        );
        let mut entry = |id, name, value, unit, option: &str| {
            section.entries.push(Entry::of(id, name, &Quantity::assumed(value, unit, option)));
        };
        let network = &self.network;
        entry(
            "validators",
            "Validators, each with a vote on each block",
            network.validators().into(),
            "",
            "--validators",
        );
        entry(
            "nodes",
            "Nodes: machines that mine, or that run the validators",
            network.nodes().into(),
            "",
            "--nodes",
        );
        entry(
            "records_per_block",
            "Signed records in a block",
            network.records_per_block().into(),
            "",
            "--records-per-block",
        );
        entry("block_time", "Time between blocks", network.block_time(), "s", "--block-time");
        entry("delay", "Time until a block reaches the other nodes", self.delay, "s", "--delay");
        entry(
            "retarget_window",
            "Blocks between changes of the difficulty",
            self.retarget_window.into(),
            "",
            "--retarget-window",
        );
        entry(
            "size_exponent",
            "Zipf exponent of the institutions' sizes",
            self.size_exponent,
            "",
            "--size-exponent",
        );
        match &self.pue {
            Some(pue) => section.entries.push(Entry::of("pue", "Power usage effectiveness", pue)),
            None => section.text.push("No PUE was given: every figure is the machines' own draw.".into()),
        }
        section
    }

    /// The consortium of the simulation, under proof of work.
    pub fn mining(&self) -> verilane_cost::simulate::Mining {
        verilane_cost::simulate::Mining {
            nodes: self.network.nodes(),
            block_time: self.network.block_time(),
            delay: self.delay,
            retarget_window: Some(self.retarget_window),
        }
    }

    /// The same records under the paper's election.
    pub fn stages(&self) -> verilane_cost::simulate::Stages {
        verilane_cost::simulate::Stages {
            nodes: self.network.nodes(),
            records_per_second: f64::from(self.network.records_per_block()) / self.network.block_time(),
            threshold: verilane_cost::simulate::Stages::threshold_for(self.network.records_per_block()),
            size_exponent: self.size_exponent,
        }
    }

    /// The runs of the simulation, as a number's source.
    pub fn simulation(&self) -> String {
        format!("simulated: {} hours, seed {}", plain(self.runs.into()), self.seed)
    }
}

impl Options {
    fn work(&self) -> Result<Option<Work>, Error> {
        if self.difficulty.is_some() {
            return Ok(self.difficulty);
        }
        self.target.or(self.bits).map(|target| Work::from_target(&target)).transpose()
    }
}
