//! The formulas: joules a block and watts, under each scheme.
//!
//! There are no figures for each transaction: neither scheme's energy depends on the
//! number of transactions. A PUE (power usage effectiveness: the power of a facility over
//! that of its machines), if given, multiplies every figure of both schemes.

use super::quantity::refused;
use super::{Figure, Quantity, Work};
use verilane::Error;

const NAKAMOTO: &str = "Nakamoto 2008, section 4; target arithmetic as in Bitcoin Core";
const CAMBRIDGE: &str =
    "Cambridge Bitcoin Electricity Consumption Index, methodology; de Vries, Joule 2(5), 2018";
const PLATT: &str = "Platt et al., arXiv:2109.03667";
const COUNTED: &str = "an operation count: each node verifies each vote and each record's signature \
                       and builds the block's Merkle tree";

/// A network under proof of stake, and its load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    validators: u32,
    nodes: u32,
    records_per_block: u32,
    block_time: f64,
}

impl Network {
    /// `validators` vote on each block and run on `nodes` machines; a block of
    /// `records_per_block` signed records comes every `block_time` seconds.
    ///
    /// # Errors
    /// [`Error::Parameter`] if one of them is zero, if there are more nodes than
    /// validators, or if the block time is not a finite number.
    pub fn new(validators: u32, nodes: u32, records_per_block: u32, block_time: f64) -> Result<Self, Error> {
        if validators == 0 {
            return Err(refused("the number of validators", 0, "it must be at least 1"));
        }
        if nodes == 0 || nodes > validators {
            let valid = "it must be at least 1 and at most the number of validators";
            return Err(refused("the number of nodes", nodes, valid));
        }
        if records_per_block == 0 {
            return Err(refused("the number of records a block", 0, "it must be at least 1"));
        }
        super::positive("the block time", block_time)?;
        Ok(Network { validators, nodes, records_per_block, block_time })
    }

    /// The keys that vote on each block.
    pub fn validators(&self) -> u32 {
        self.validators
    }

    /// The machines; one may run many validators.
    pub fn nodes(&self) -> u32 {
        self.nodes
    }

    /// The signed records in a block.
    pub fn records_per_block(&self) -> u32 {
        self.records_per_block
    }

    /// The seconds between blocks.
    pub fn block_time(&self) -> f64 {
        self.block_time
    }

    /// The signatures that each node verifies for a block: the vote of each validator and
    /// the signature of each record.
    pub fn signatures_per_block(&self) -> f64 {
        f64::from(self.validators) + f64::from(self.records_per_block)
    }

    /// The nodes above the leaves of a block's Merkle tree: one fewer than the leaves.
    pub fn merkle_nodes_per_block(&self) -> f64 {
        f64::from(self.records_per_block) - 1.0
    }
}

/// Checks that `value` is a PUE, and gives it.
///
/// # Errors
/// [`Error::Parameter`] unless it is a finite number of at least 1.
pub fn check_pue(value: f64) -> Result<f64, Error> {
    if value.is_finite() && value >= 1.0 {
        return Ok(value);
    }
    Err(refused("the PUE", value, "it must be at least 1: a facility draws no less than its machines"))
}

/// Proof of work: joules a block.
pub fn pow_block(work: Work, joules_per_hash: &Quantity, pue: Option<&Quantity>) -> Figure {
    let joules = Quantity::derived("J", [joules_per_hash], |[joules]| work.hashes() * joules);
    figure(
        joules,
        "hashes × J/hash, hashes = 2^256 / (target + 1) = difficulty × 2^48 / 65535",
        NAKAMOTO,
        pue,
    )
}

/// Proof of work: watts of a network that finds a block every `block_time` seconds.
pub fn pow_power(work: Work, block_time: f64, joules_per_hash: &Quantity, pue: Option<&Quantity>) -> Figure {
    let watts = Quantity::derived("W", [joules_per_hash], |[joules]| work.hashes() / block_time * joules);
    figure(watts, "hashes / block time × J/hash", CAMBRIDGE, pue)
}

/// Proof of work: watts of a network with this hash rate.
pub fn hash_rate_power(hash_rate: &Quantity, joules_per_hash: &Quantity, pue: Option<&Quantity>) -> Figure {
    let watts = Quantity::derived("W", [hash_rate, joules_per_hash], |[rate, joules]| rate * joules);
    figure(watts, "hash rate × J/hash", CAMBRIDGE, pue)
}

/// Proof of work: seconds for which one machine hashes for a block.
pub fn pow_machine_time(work: Work, hash_rate: &Quantity) -> Figure {
    let seconds = Quantity::derived("s", [hash_rate], |[rate]| work.hashes() / rate);
    figure(seconds, "hashes / hash rate", NAKAMOTO, None)
}

/// Proof of stake: joules a block for verification and hashing, on all nodes together.
pub fn pos_block(
    network: &Network,
    joules_per_verification: &Quantity,
    joules_per_merkle_node: &Quantity,
    pue: Option<&Quantity>,
) -> Figure {
    let inputs = [joules_per_verification, joules_per_merkle_node];
    let joules =
        Quantity::derived("J", inputs, |[verification, node]| per_block(network, verification, node));
    figure(
        joules,
        "nodes × ((votes + record signatures) × J/verification + Merkle nodes × J/Merkle node)",
        COUNTED,
        pue,
    )
}

/// Proof of stake: machine seconds a block, on all nodes together.
pub fn pos_machine_time(network: &Network, verification_rate: &Quantity, merkle_rate: &Quantity) -> Figure {
    let seconds = Quantity::derived("s", [verification_rate, merkle_rate], |[verifications, nodes]| {
        per_block(network, 1.0 / verifications, 1.0 / nodes)
    });
    figure(
        seconds,
        "nodes × ((votes + record signatures) / verification rate + Merkle nodes / Merkle rate)",
        COUNTED,
        None,
    )
}

fn per_block(network: &Network, verification: f64, merkle_node: f64) -> f64 {
    let each = network.signatures_per_block() * verification + network.merkle_nodes_per_block() * merkle_node;
    f64::from(network.nodes) * each
}

/// Proof of stake: joules a block of whole machines, idle or not.
pub fn pos_block_whole(network: &Network, node_watts: &Quantity, pue: Option<&Quantity>) -> Figure {
    let joules =
        Quantity::derived("J", [node_watts], |[watts]| f64::from(network.nodes) * watts * network.block_time);
    figure(joules, "nodes × W/node × block time", PLATT, pue)
}

/// Proof of stake: watts of all machines.
pub fn pos_power(network: &Network, node_watts: &Quantity, pue: Option<&Quantity>) -> Figure {
    let watts = Quantity::derived("W", [node_watts], |[watts]| f64::from(network.nodes) * watts);
    figure(watts, "nodes × W/node", PLATT, pue)
}

/// The work at which a block under proof of work costs as much as `pos`.
///
/// `pos` is in joules or in machine seconds, and `for_each_hash` in joules or in seconds a
/// hash. A PUE multiplies both and cancels.
pub fn break_even(pos: &Quantity, for_each_hash: &Quantity) -> Figure {
    let hashes = Quantity::derived("hashes", [pos, for_each_hash], |[pos, hash]| pos / hash);
    figure(hashes, "cost of a block under proof of stake / cost of a hash", "equal cost of a block", None)
}

/// The work that keeps `nodes` machines, all hashing, at one block every
/// `block_time` seconds.
pub fn equilibrium(nodes: u32, hash_rate: &Quantity, block_time: f64) -> Figure {
    let hashes = Quantity::derived("hashes", [hash_rate], |[rate]| f64::from(nodes) * rate * block_time);
    figure(hashes, "nodes × hash rate × block time", NAKAMOTO, None)
}

fn figure(quantity: Quantity, formula: &str, citation: &'static str, pue: Option<&Quantity>) -> Figure {
    let Some(pue) = pue else {
        return Figure { quantity, formula: formula.into(), citation };
    };
    let quantity = Quantity::derived(quantity.unit(), [&quantity, pue], |[value, pue]| value * pue);
    // The PUE multiplies the whole product; a definition of a factor follows a comma.
    let formula = match formula.split_once(", ") {
        Some((product, definition)) => format!("{product} × PUE, {definition}"),
        None => format!("{formula} × PUE"),
    };
    Figure { quantity, formula, citation }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mark;

    fn assumed(value: f64, unit: &'static str) -> Quantity {
        Quantity::assumed(value, unit, "worked example")
    }

    fn close(figure: &Figure, expected: f64) {
        let value = figure.quantity.value().unwrap();
        assert!((value / expected - 1.0).abs() < 1e-9, "{value} {expected}");
    }

    #[test]
    fn published_network_power() {
        // de Vries, "Bitcoin's growing energy problem", Joule 2(5), 2018: 26 EH/s on
        // Antminer S9 of 1,372 W for 14 TH/s are "at least 2.55 gigawatts".
        let power = hash_rate_power(&assumed(26e18, "H/s"), &assumed(1372.0 / 14e12, "J/H"), None);
        close(&power, 2.548e9);
        assert_eq!((power.quantity.value().unwrap() / 1e7).round() / 100.0, 2.55);
        // The same from the work of 26 EH/s at ten minutes a block.
        let work = Work::from_hashes(26e18 * 600.0).unwrap();
        close(&pow_power(work, 600.0, &assumed(98e-12, "J/H"), None), 2.548e9);
    }

    #[test]
    fn proof_of_work_by_hand() {
        // Difficulty 1 at 1 nJ/hash: 4.295 J; with PUE 1.2, 5.154 J.
        let work = Work::from_difficulty(1.0).unwrap();
        close(&pow_block(work, &assumed(1e-9, "J/H"), None), 4.295_032_833_000_015);
        let pue = assumed(1.2, "");
        let block = pow_block(work, &assumed(1e-9, "J/H"), Some(&pue));
        close(&block, 5.154_039_399_600_018);
        assert!(block.formula.starts_with("hashes × J/hash × PUE, hashes ="), "{}", block.formula);
        close(&pow_machine_time(work, &assumed(1e9, "H/s")), 4.295_032_833_000_015);
        close(&equilibrium(4, &assumed(1e6, "H/s"), 10.0), 4e7);
    }

    #[test]
    fn proof_of_stake_by_hand() {
        // 4 nodes × ((10 votes + 90 signatures) × 2 mJ + 89 × 1 mJ) = 1.156 J.
        let network = Network::new(10, 4, 90, 5.0).unwrap();
        close(&pos_block(&network, &assumed(2e-3, "J"), &assumed(1e-3, "J"), None), 1.156);
        close(&pos_machine_time(&network, &assumed(500.0, "/s"), &assumed(1000.0, "/s")), 1.156);
        // Platt et al.: n nodes of p watts; 4 × 65 W × 5 s = 1300 J.
        close(&pos_block_whole(&network, &assumed(65.0, "W"), None), 1300.0);
        close(&pos_power(&network, &assumed(65.0, "W"), Some(&assumed(1.5, ""))), 390.0);
    }

    #[test]
    fn both_schemes_cost_the_same_at_break_even() {
        let network = Network::new(21, 21, 500, 60.0).unwrap();
        let (verification, node, hash) = (assumed(2e-3, "J"), assumed(1e-5, "J"), assumed(1e-8, "J"));
        let pos = pos_block(&network, &verification, &node, None).quantity;
        let hashes = break_even(&pos, &hash).quantity.value().unwrap();
        let pow = pow_block(Work::from_hashes(hashes).unwrap(), &hash, None);
        close(&pow, pos.value().unwrap());
    }

    #[test]
    fn unavailable_inputs_give_no_figure() {
        let network = Network::new(1, 1, 1, 1.0).unwrap();
        let (unknown, known) = (Quantity::unavailable("J", "no counter"), assumed(1.0, "J"));
        for figure in [
            pow_block(Work::from_difficulty(1.0).unwrap(), &unknown, Some(&known)),
            pos_block(&network, &known, &unknown, None),
            pos_block_whole(&network, &unknown, None),
            break_even(&known, &unknown),
        ] {
            assert_eq!((figure.quantity.value(), figure.quantity.mark()), (None, Mark::Unavailable));
        }
    }

    #[test]
    fn impossible_networks_are_refused() {
        let refusal = |validators, nodes, records, time| {
            Network::new(validators, nodes, records, time).unwrap_err().to_string()
        };
        assert_eq!(refusal(0, 1, 1, 1.0), "the number of validators cannot be 0: it must be at least 1");
        assert!(refusal(3, 4, 1, 1.0).contains("at most the number of validators"));
        assert!(refusal(3, 0, 1, 1.0).contains("nodes cannot be 0"));
        assert!(refusal(3, 3, 0, 1.0).contains("records a block cannot be 0"));
        assert!(refusal(3, 3, 1, f64::NAN).contains("block time cannot be NaN"));
        assert_eq!(check_pue(1.0).unwrap(), 1.0);
        for pue in [0.99, -1.0, f64::NAN, f64::INFINITY] {
            assert!(check_pue(pue).unwrap_err().to_string().contains("at least 1"));
        }
    }
}
