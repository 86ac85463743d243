//! The model: what a block and a node cost under each scheme.

use verilane_cost::model::{self, Network};
use verilane_cost::{Figure, Quantity, Work};

use super::rates::Rates;
use super::scenario::Scenario;
use super::study::{Axis, Curve, Entry, Line, Plot, Section, Style};
use crate::shared::numbers::plain;
use crate::shared::units::with_unit;

/// The model at the scenario, ready to be swept.
pub struct Block<'a> {
    scenario: &'a Scenario,
    rates: &'a Rates,
    work: Work,
}

/// The unit of a block's cost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Currency {
    Joules,
    /// Machine seconds: known even without an energy counter.
    Seconds,
}

const POW: usize = 1;
const POS: usize = 2;
const WHOLE: usize = 3;
const ASIC: usize = 4;

impl<'a> Block<'a> {
    /// # Errors
    /// [`verilane::Error::Parameter`] if the nodes' own equilibrium is no work at all.
    pub fn new(scenario: &'a Scenario, rates: &'a Rates) -> Result<Self, verilane::Error> {
        let hashes = equilibrium(scenario, rates).quantity.value().unwrap_or(f64::NAN);
        let work = scenario.work.map_or_else(|| Work::from_hashes(hashes), Ok)?;
        Ok(Block { scenario, rates, work })
    }

    fn pue(&self) -> Option<&Quantity> {
        self.scenario.pue.as_ref()
    }

    fn pow(&self, work: Work, currency: Currency) -> Figure {
        match currency {
            Currency::Joules => model::pow_block(work, &self.rates.hash.joules, self.pue()),
            Currency::Seconds => model::pow_machine_time(work, &self.rates.hash.rate),
        }
    }

    fn pos(&self, network: &Network, currency: Currency) -> Figure {
        let (verification, merkle) = (&self.rates.verification, &self.rates.merkle);
        match currency {
            Currency::Joules => model::pos_block(network, &verification.joules, &merkle.joules, self.pue()),
            Currency::Seconds => model::pos_machine_time(network, &verification.rate, &merkle.rate),
        }
    }

    fn whole(&self, network: &Network) -> Figure {
        model::pos_block_whole(network, &self.rates.node, self.pue())
    }

    /// The difficulty at which a block costs the same under both schemes.
    fn break_even(&self, pos: &Figure, for_each_hash: &Quantity) -> Figure {
        let with_pue = match self.pue() {
            Some(pue) if for_each_hash.unit() == "J/H" => {
                Quantity::derived("J/H", [for_each_hash, pue], |[joules, pue]| joules * pue)
            }
            _ => for_each_hash.clone(),
        };
        let figure = model::break_even(&pos.quantity, &with_pue);
        let difficulty =
            Quantity::derived("", [&figure.quantity], |[hashes]| hashes / Work::HASHES_OF_DIFFICULTY_1);
        Figure { quantity: difficulty, formula: format!("({}) / (2^48 / 65535)", figure.formula), ..figure }
    }

    fn seconds_per_hash(&self) -> Quantity {
        Quantity::derived("s/H", [&self.rates.hash.rate], |[rate]| 1.0 / rate)
    }

    fn break_even_marginal(&self, network: &Network) -> Figure {
        // On one device the watts cancel: time decides, whether they are known or not.
        self.break_even(&self.pos(network, Currency::Seconds), &self.seconds_per_hash())
    }

    fn break_even_whole(&self, network: &Network) -> Figure {
        self.break_even(&self.whole(network), &self.rates.hash.joules)
    }

    fn currency(&self) -> Currency {
        let known = [&self.rates.hash.joules, &self.rates.node].iter().any(|joules| joules.value().is_some());
        if known || self.scenario.asic.is_some() { Currency::Joules } else { Currency::Seconds }
    }

    /// The comparison in sentences.
    pub fn summary(&self) -> Vec<String> {
        let network = &self.scenario.network;
        let value = |figure: &Figure| figure.quantity.value();
        let show = |figure: &Figure| match value(figure) {
            Some(value) => with_unit(value, figure.quantity.unit()),
            None => "unavailable".into(),
        };
        let [pow, pos] = [self.pow(self.work, Currency::Seconds), self.pos(network, Currency::Seconds)];
        let mut sentences = Vec::new();
        if let (Some(work), Some(stake)) = (value(&pow), value(&pos)) {
            sentences.push(format!(
                "A block at difficulty {} is {} of hashing on this device; what its {} nodes verify for it \
                 under proof of stake is {} on the same device, {} times {}.",
                plain(self.work.difficulty()),
                show(&pow),
                network.nodes(),
                show(&pos),
                plain((work / stake).max(stake / work)),
                if work >= stake { "less" } else { "more" },
            ));
        }
        let [pow, pos] = [self.pow(self.work, Currency::Joules), self.pos(network, Currency::Joules)];
        let whole = self.whole(network);
        sentences.push(match [&pow, &pos, &whole].iter().any(|figure| value(figure).is_some()) {
            true => format!(
                "Energy of a block: proof of work {}; proof of stake {} of its own computing, {} of whole machines.",
                show(&pow),
                show(&pos),
                show(&whole)
            ),
            false => "Energy of a block: unavailable, since no energy counter answers; --device-watts would give it."
                .into(),
        });
        sentences.push(format!(
            "Both schemes' own computing costs the same at difficulty {}; above it, proof of work costs more.",
            show(&self.break_even_marginal(network)),
        ));
        sentences
    }

    pub fn section(&self) -> Section {
        let mut section = Section::new(
            "block",
            "What a block and a node cost",
            &[
                "Joules a block and watts a node lead. Figures for each transaction are left out: neither \
                 scheme's energy depends on how full its blocks are, so dividing by transactions says more of \
                 demand than of the scheme.",
                "Marginal is what the scheme's own computing adds to machines that run anyway; whole-node counts \
                 machines from the plug, idle or not. The truth for a node that does other work lies between.",
            ],
        );
        if self.rates.hash.joules.value().is_none() {
            section.text.push(format!(
                "The energy of this device is unavailable ({}). Give --device-watts, its watts under load; until \
                 then times on this device stand where joules would.",
                self.rates.hash.joules.source()
            ));
        }
        section.entries = self.entries();
        section.plots = vec![self.over_difficulty(), self.over_validators(), self.break_even_line()];
        section
    }

    fn entries(&self) -> Vec<Entry> {
        [self.work_entries(), self.block_entries(), self.power_entries(), self.break_even_entries()].concat()
    }

    /// The hashes of a block, chosen or settled at.
    fn work_entries(&self) -> Vec<Entry> {
        let chosen = |unit, value| Quantity::assumed(value, unit, "chosen: --difficulty, --target or --bits");
        let (hashes, difficulty, formula) = match self.scenario.work {
            Some(work) => (
                chosen("hashes", work.hashes()),
                chosen("", work.difficulty()),
                "2^256 / (target + 1) = difficulty × 2^48 / 65535".to_string(),
            ),
            None => {
                let Figure { quantity: hashes, formula, .. } = equilibrium(self.scenario, self.rates);
                let difficulty =
                    Quantity::derived("", [&hashes], |[hashes]| hashes / Work::HASHES_OF_DIFFICULTY_1);
                (hashes, difficulty, formula)
            }
        };
        vec![
            Entry { formula: Some(formula), ..Entry::of("hashes_per_block", "PoW: hashes a block", &hashes) },
            Entry {
                formula: Some("hashes / (2^48 / 65535)".into()),
                ..Entry::of("difficulty", "PoW: difficulty", &difficulty)
            },
        ]
    }

    /// What a block costs in energy and in time.
    fn block_entries(&self) -> Vec<Entry> {
        let network = &self.scenario.network;
        let pow = |currency| self.pow(self.work, currency);
        let mut entries =
            vec![Entry::modelled("pow_block", "PoW: energy of a block, this device", &pow(Currency::Joules))];
        entries.extend(self.scenario.asic.as_ref().map(|asic| {
            let figure = model::pow_block(self.work, asic, self.pue());
            Entry::modelled("pow_block_asic", "PoW: energy of a block, ASIC", &figure)
        }));
        let figures = [
            ("pos_block", "PoS: energy of a block, marginal", self.pos(network, Currency::Joules)),
            ("pos_block_whole", "PoS: energy of a block, whole nodes", self.whole(network)),
            ("pow_block_time", "PoW: time of this device for a block", pow(Currency::Seconds)),
            (
                "pos_block_time",
                "PoS: time of this device for a block, all nodes' together",
                self.pos(network, Currency::Seconds),
            ),
        ];
        entries.extend(figures.map(|(id, name, figure)| Entry::modelled(id, name, &figure)));
        entries
    }

    /// What a node and the network draw.
    fn power_entries(&self) -> Vec<Entry> {
        let (network, rates, pue) = (&self.scenario.network, self.rates, self.pue());
        let mining = model::hash_rate_power(&rates.hash.rate, &rates.hash.joules, pue);
        let network_power =
            |joules: &Quantity| model::pow_power(self.work, network.block_time(), joules, pue);
        let figures = [
            ("pow_node_power", "PoW: power of a node that mines on this device", mining),
            (
                "pos_node_power_marginal",
                "PoS: power that a block's work adds to a node",
                self.marginal_power(),
            ),
            ("pos_node_power", "PoS: power of a whole node", self.node_power()),
            ("pow_power", "PoW: power of the network, this device", network_power(&rates.hash.joules)),
        ];
        let mut entries = figures.map(|(id, name, figure)| Entry::modelled(id, name, &figure)).to_vec();
        entries.extend(self.scenario.asic.as_ref().map(|asic| {
            Entry::modelled("pow_power_asic", "PoW: power of the network, ASIC", &network_power(asic))
        }));
        let whole = model::pos_power(network, &rates.node, pue);
        entries.push(Entry::modelled("pos_power", "PoS: power of the network, whole nodes", &whole));
        entries
    }

    /// The difficulties at which both schemes cost the same.
    fn break_even_entries(&self) -> Vec<Entry> {
        let network = &self.scenario.network;
        let figures = [
            (
                "break_even",
                "Difficulty at which both cost the same, marginal",
                self.break_even_marginal(network),
            ),
            (
                "break_even_whole",
                "Difficulty at which both cost the same, whole nodes",
                self.break_even_whole(network),
            ),
        ];
        let mut entries = figures.map(|(id, name, figure)| Entry::modelled(id, name, &figure)).to_vec();
        entries.extend(self.scenario.asic.as_ref().map(|asic| {
            let figure = self.break_even(&self.pos(network, Currency::Joules), asic);
            let name = "Difficulty at which both cost the same, marginal, mined on ASICs";
            Entry::modelled("break_even_asic", name, &figure)
        }));
        entries
    }

    fn marginal_power(&self) -> Figure {
        let network = &self.scenario.network;
        let block = self.pos(network, Currency::Joules);
        let share = f64::from(network.nodes()) * network.block_time();
        Figure {
            quantity: Quantity::derived("W", [&block.quantity], |[joules]| joules / share),
            formula: "marginal J/block / nodes / block time".into(),
            citation: block.citation,
        }
    }

    fn node_power(&self) -> Figure {
        let network = &self.scenario.network;
        let all = model::pos_power(network, &self.rates.node, self.pue());
        let nodes = f64::from(network.nodes());
        Figure {
            quantity: Quantity::derived("W", [&all.quantity], |[watts]| watts / nodes),
            formula: if self.pue().is_some() { "W/node × PUE".into() } else { "W/node".into() },
            citation: all.citation,
        }
    }

    fn y_axis(&self) -> Axis {
        match self.currency() {
            Currency::Joules => Axis::logarithmic("energy of a block", "J"),
            Currency::Seconds => Axis::logarithmic("time of this device for a block", "s"),
        }
    }

    fn over_difficulty(&self) -> Plot {
        let (network, currency) = (&self.scenario.network, self.currency());
        let xs = self.difficulties();
        let work = |difficulty: f64| Work::from_difficulty(difficulty).ok();
        let mut curves = vec![
            Curve::of(
                Style { id: "pow", name: "PoW, this device", colour: POW, line: Line::Solid },
                &xs,
                |difficulty| Some(self.pow(work(difficulty)?, currency)),
            ),
            Curve::of(
                Style { id: "pos", name: "PoS, marginal", colour: POS, line: Line::Solid },
                &xs,
                |_| Some(self.pos(network, currency)),
            ),
        ];
        if currency == Currency::Joules {
            curves.push(Curve::of(
                Style { id: "pos_whole", name: "PoS, whole nodes", colour: WHOLE, line: Line::Dashed },
                &xs,
                |_| Some(self.whole(network)),
            ));
        }
        if let Some(asic) = &self.scenario.asic {
            curves.push(Curve::of(
                Style { id: "pow_asic", name: "PoW, ASIC", colour: ASIC, line: Line::Dashed },
                &xs,
                |difficulty| Some(model::pow_block(work(difficulty)?, asic, self.pue())),
            ));
        }
        let pos = self.pos(network, currency).quantity.value();
        let crossing = self.break_even_marginal(network).quantity.value();
        let highlights =
            crossing.zip(pos).map(|(x, y)| (x, y, format!("equal at {}", plain(x)))).into_iter().collect();
        Plot {
            id: "over_difficulty",
            title: format!("A block's cost by difficulty, {} nodes", network.nodes()),
            x: Axis::logarithmic("difficulty", ""),
            y: self.y_axis(),
            curves,
            highlights,
        }
    }

    /// Powers of ten from below the break-even and the chosen difficulty up to
    /// beyond Bitcoin's, which lay between 10¹⁴ and 10¹⁵ in 2025.
    fn difficulties(&self) -> Vec<f64> {
        let chosen = self.work.difficulty();
        let crossing = self.break_even_marginal(&self.scenario.network).quantity.value().unwrap_or(chosen);
        let lowest = chosen.min(crossing).log10().floor() as i32 - 1;
        let highest = (chosen.log10().ceil() as i32 + 1).max(15);
        (lowest.max(-9)..=highest.min(67)).map(|exponent| 10f64.powi(exponent)).collect()
    }

    /// A network of `validators`, in the scenario's proportion of validators to nodes.
    fn network(&self, validators: f64) -> Option<Network> {
        let network = &self.scenario.network;
        let proportion = f64::from(network.nodes()) / f64::from(network.validators());
        let nodes = (validators * proportion).round().max(1.0);
        Network::new(validators as u32, nodes as u32, network.records_per_block(), network.block_time()).ok()
    }

    fn validators(&self) -> Vec<f64> {
        let most = f64::from(self.scenario.network.validators()).log10().ceil().max(4.0) as i32;
        let decades = (0..most.min(9)).flat_map(|e| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(e)));
        decades.chain([10f64.powi(most.min(9))]).collect()
    }

    fn over_validators(&self) -> Plot {
        let currency = self.currency();
        let xs = self.validators();
        let mut curves = vec![
            Curve::of(
                Style { id: "pos", name: "PoS, marginal", colour: POS, line: Line::Solid },
                &xs,
                |validators| Some(self.pos(&self.network(validators)?, currency)),
            ),
            Curve::of(
                Style { id: "pow", name: "PoW, this device", colour: POW, line: Line::Solid },
                &xs,
                |_| Some(self.pow(self.work, currency)),
            ),
        ];
        if currency == Currency::Joules {
            curves.push(Curve::of(
                Style { id: "pos_whole", name: "PoS, whole nodes", colour: WHOLE, line: Line::Dashed },
                &xs,
                |validators| Some(self.whole(&self.network(validators)?)),
            ));
        }
        if let Some(asic) = &self.scenario.asic {
            curves.push(Curve::of(
                Style { id: "pow_asic", name: "PoW, ASIC", colour: ASIC, line: Line::Dashed },
                &xs,
                |_| Some(model::pow_block(self.work, asic, self.pue())),
            ));
        }
        Plot {
            id: "over_validators",
            title: format!(
                "A block's cost by validators, proof of work at difficulty {}",
                plain(self.work.difficulty())
            ),
            x: Axis::logarithmic("validators", ""),
            y: self.y_axis(),
            curves,
            highlights: Vec::new(),
        }
    }

    fn break_even_line(&self) -> Plot {
        let xs = self.validators();
        let curves = vec![
            Curve::of(
                Style { id: "marginal", name: "marginal", colour: POS, line: Line::Solid },
                &xs,
                |validators| Some(self.break_even_marginal(&self.network(validators)?)),
            ),
            Curve::of(
                Style { id: "whole", name: "whole nodes", colour: WHOLE, line: Line::Dashed },
                &xs,
                |validators| Some(self.break_even_whole(&self.network(validators)?)),
            ),
        ];
        let here =
            (f64::from(self.scenario.network.validators()), self.work.difficulty(), "this scenario".into());
        Plot {
            id: "break_even",
            title: "The break-even line: above it, proof of work costs more".into(),
            x: Axis::logarithmic("validators", ""),
            y: Axis::logarithmic("difficulty of equal cost", ""),
            curves,
            highlights: vec![here],
        }
    }
}

/// The work that the nodes, all mining on this device, settle at.
fn equilibrium(scenario: &Scenario, rates: &Rates) -> Figure {
    let network = &scenario.network;
    model::equilibrium(network.nodes(), &rates.hash.rate, network.block_time())
}
