//! `verilane cost`: the cost of proof of work and of proof of stake on this machine.

mod block;
mod csv;
mod hour;
mod html;
mod plot;
mod rates;
mod review;
mod scenario;
mod study;
mod text;

use std::path::PathBuf;

use crate::Status;
use crate::shared::backends_used::BackendsUsed;
use crate::shared::context::Context;
use crate::shared::exports::Exports;
use crate::shared::machine::Machine;
use crate::shared::output::print;
use crate::shared::progress;
use block::Block;
use rates::Rates;
use scenario::Scenario;
use study::{Section, Study};

/// Compare what proof of work and proof of stake cost, from rates measured on this machine
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    options: scenario::Options,
    #[command(flatten)]
    files: Files,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Export")]
struct Files {
    /// Write a report with plots, one self-contained HTML file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write every number with its mark as JSON
    #[arg(long, value_name = "FILE")]
    export_json: Option<PathBuf>,
    /// Write every number with its mark as CSV
    #[arg(long, value_name = "FILE")]
    export_csv: Option<PathBuf>,
}

impl Files {
    fn exports(&self) -> Exports<'_, Study> {
        Exports::new([
            (&self.report, |study| Ok(html::render(study).into())),
            (&self.export_json, |study| Ok(serde_json::to_vec_pretty(study)?)),
            (&self.export_csv, csv::render),
        ])
    }
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let scenario = Scenario::new(&args.options)?;
    let exports = args.files.exports();
    exports.check()?;
    let study = study(&scenario, context)?;
    exports.write(&study)?;
    print(context, &study)?;
    Ok(if study.checked { Status::Passed } else { Status::Failed })
}

fn study(scenario: &Scenario, context: &Context) -> anyhow::Result<Study> {
    let bar = progress::cases(Rates::STEPS + hour::STEPS);
    let rates = Rates::measure(&context.engine()?, scenario, &bar)?;
    let mut backends = BackendsUsed::default();
    rates.record_backends(&mut backends);
    let checked = rates.checked();
    let mut summary = Vec::new();
    let mut sections = vec![rates.section(scenario), scenario.section()];
    if checked {
        let block = Block::new(scenario, &rates)?;
        summary = block.summary();
        summary.extend(review::summary(&rates));
        sections.insert(0, block.section());
        sections.extend([hour::section(scenario, &rates, &bar)?, review::section(&rates)]);
    } else {
        summary.push("A result of the measured operations was wrong: nothing was computed from them.".into());
    }
    sections.push(limits());
    bar.finish_and_clear();
    let machine = Machine::new(&context.options)?;
    Ok(Study { schema_version: 1, machine, backends, checked, summary, sections })
}

fn limits() -> Section {
    Section::new(
        "limits",
        "What these figures do not say",
        &[
            "Ed25519 figures do not transfer to Ethereum's votes: those are BLS12-381 signatures, verified by pairings \
             and aggregated by the thousand, so a vote there costs neither what one costs here nor as often.",
            "Proof of work on a processor or a GPU is not how Bitcoin is mined. Its difficulty is held by ASICs, three \
             or more orders of magnitude more thrifty; --asic-joules-per-th sets one beside this device.",
            "Energy counters see the processor's packages, their memory, or a card: not drives, fans, screens or \
             losses of the power supply. --device-watts is what the user says, and is not checked.",
            "Networking, storage and the making of machines are not counted. Validators are not machines: many may \
             run on one (--nodes), and marginal energy counts each node once.",
            "The schemes do not buy the same thing. Proof of work admits anyone who hashes; the stages of Chen and Cheng \
             admit known institutions, and trust that their uploads are honest.",
        ],
    )
}
