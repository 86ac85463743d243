//! One file, or folder, for each subcommand.

mod audit;
mod bench;
mod check;
mod cid;
mod completions;
mod cost;
mod dedup;
mod devices;
mod ledger;
mod man;
mod merkle;
mod mine;
mod prove;
mod verify;

use clap::Subcommand;

use crate::Status;
use crate::shared::context::Context;

#[derive(Subcommand)]
pub enum Command {
    Audit(audit::Args),
    Bench(bench::Args),
    Check(check::Args),
    Cid(cid::Args),
    Completions(completions::Args),
    Cost(Box<cost::Args>),
    Dedup(dedup::Args),
    Devices(devices::Args),
    Ledger(ledger::Args),
    Man(man::Args),
    Merkle(merkle::Args),
    Mine(mine::Args),
    Prove(prove::Args),
    Verify(verify::Args),
}

impl Command {
    pub fn run(&self, context: &Context) -> anyhow::Result<Status> {
        match self {
            Command::Audit(args) => audit::run(args, context),
            Command::Bench(args) => bench::run(args, context),
            Command::Check(args) => check::run(args, context),
            Command::Cid(args) => cid::run(args, context),
            Command::Completions(args) => completions::run(args),
            Command::Cost(args) => cost::run(args, context),
            Command::Dedup(args) => dedup::run(args, context),
            Command::Devices(args) => devices::run(args, context),
            Command::Ledger(args) => ledger::run(args, context),
            Command::Man(args) => man::run(args),
            Command::Merkle(args) => merkle::run(args, context),
            Command::Mine(args) => mine::run(args, context),
            Command::Prove(args) => prove::run(args, context),
            Command::Verify(args) => verify::run(args, context),
        }
    }
}
