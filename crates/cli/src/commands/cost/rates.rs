//! The measured rates and powers of this machine.

use indicatif::ProgressBar;
use verilane::{Engine, Error};
use verilane_cost::Quantity;
use verilane_cost::measure::{self, Measured};

use super::scenario::Scenario;
use super::study::{Entry, Section};
use crate::shared::backends_used::BackendsUsed;

/// The measured operations and the powers.
pub struct Rates {
    pub hash: Measured,
    pub verification: Measured,
    pub merkle: Measured,
    pub idle: Quantity,
    /// Watts of a validator's machine.
    pub node: Quantity,
}

impl Rates {
    pub const STEPS: u64 = 4;

    pub fn measure(engine: &Engine, scenario: &Scenario, bar: &ProgressBar) -> Result<Self, Error> {
        let plan = &scenario.plan;
        let step = |name: &'static str| {
            bar.inc(1);
            bar.set_message(name);
        };
        bar.set_message("double SHA-256");
        let hash = measure::hashes(engine, plan)?;
        step("signatures");
        let verification = measure::verifications(engine, plan)?;
        step("Merkle trees");
        let merkle = measure::merkle_nodes(engine, plan)?;
        step("idle power");
        let idle = measure::idle_power(&verification.report.backend, plan);
        bar.inc(1);
        let node = scenario.node_watts.clone().unwrap_or_else(|| match idle.value() {
            Some(_) => idle.clone(),
            None => under_load(plan.stated_watts.as_ref()).unwrap_or_else(|| idle.clone()),
        });
        Ok(Rates { hash, verification, merkle, idle, node })
    }

    /// Whether every result was right.
    pub fn checked(&self) -> bool {
        self.each().iter().all(|measured| measured.checked)
    }

    /// Records where the operations ran.
    pub fn record_backends(&self, backends: &mut BackendsUsed) {
        for measured in self.each() {
            backends.record_report(&measured.report);
        }
    }

    fn each(&self) -> [&Measured; 3] {
        [&self.hash, &self.verification, &self.merkle]
    }

    pub fn section(&self, scenario: &Scenario) -> Section {
        let mut section = Section::new("measured", "What this machine does", &[]);
        if scenario.plan.stated_watts.is_some() && self.hash.joules.source() != "--device-watts" {
            section
                .text
                .push("An energy counter answers, so --device-watts is not used for the operations.".into());
        }
        section.text.push(format!(
            "Each operation ran through the engine, the same code that serves a node, for {} s or more, and \
             each result was compared with the known one: block 0 of Bitcoin up to its own nonce, signed \
             votes of 100 bytes some of which were spoiled (rule {}), Merkle roots against hashing node \
             by node. Joules count all that the device draws under load.",
            scenario.plan.duration.as_secs_f64(),
            scenario.plan.rule,
        ));
        let entries = [
            Entry::of("hash_rate", "Double SHA-256", &self.hash.rate),
            Entry::of("joules_per_hash", "Energy of a hash", &self.hash.joules),
            Entry::of("verification_rate", "Ed25519 verification", &self.verification.rate),
            Entry::of("joules_per_verification", "Energy of a verification", &self.verification.joules),
            Entry::of("merkle_rate", "Merkle nodes, RFC 6962", &self.merkle.rate),
            Entry::of("joules_per_merkle_node", "Energy of a Merkle node", &self.merkle.joules),
            Entry::of("idle_power", "Power when idle", &self.idle),
        ];
        section.entries.extend(entries);
        if let Some(asic) = &scenario.asic {
            section.entries.push(Entry::of("asic_joules_per_hash", "Energy of a hash on an ASIC", asic));
        }
        section
    }
}

/// The device's watts under load, for a node of which no more is known.
fn under_load(stated: Option<&Quantity>) -> Option<Quantity> {
    let watts = stated?.value()?;
    Some(Quantity::assumed(watts, "W", "--device-watts, under load: an upper bound for a node"))
}
