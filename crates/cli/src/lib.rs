//! The command `verilane`: one file for each subcommand, and what they share.
//!
//! A library only so that the binary, benchmarks and fuzz targets share it; its interface
//! is the command line.

// Nobody prints a command's options.
#![allow(missing_debug_implementations)]

mod audit;
#[doc(hidden)]
pub mod bench;
mod canonical;
mod check;
mod chunked;
mod cid;
mod contents;
mod context;
mod cost;
mod dedup;
mod devices;
mod digester;
mod earlier;
mod export;
mod input;
mod ledger;
mod lines;
mod log;
mod machine;
mod merkle;
mod mine;
mod output;
mod parquet;
#[cfg(feature = "gpu")]
mod probe;
mod progress;
mod prove;
mod ran;
#[doc(hidden)]
pub mod signatures;
mod units;
mod verify;
mod walk;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use context::Context;

/// The heavy jobs of a ledger node, on GPUs and SIMD CPUs, with identical answers.
#[derive(Parser)]
#[command(name = "verilane", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    global: context::Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all is well; 1 a check failed; 2 the input cannot be read, \
                          the usage is wrong, or the back end asked for is not there.";

#[derive(Subcommand)]
enum Command {
    Audit(audit::Args),
    Bench(bench::Args),
    Check(check::Args),
    Cid(cid::Args),
    Cost(Box<cost::Args>),
    Dedup(dedup::Args),
    Devices(devices::Args),
    Ledger(ledger::Args),
    Merkle(merkle::Args),
    Mine(mine::Args),
    Prove(prove::Args),
    Verify(verify::Args),
}

/// How a command ended, short of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All is well: exit code 0.
    Passed,
    /// A check failed: exit code 1.
    Failed,
    /// Some input could not be read; the rest was worked on: exit code 2.
    Unreadable,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(match status {
            Status::Passed => 0,
            Status::Failed => 1,
            Status::Unreadable => 2,
        })
    }
}

/// Runs the command; an error is printed in one line and is exit code 2.
pub fn run(cli: Cli) -> ExitCode {
    log::start(cli.global.verbose());
    let context = Context::new(cli.global);
    let result = match cli.command {
        Command::Audit(args) => audit::run(&args, &context),
        Command::Bench(args) => bench::run(&args, &context),
        Command::Check(args) => check::run(&args, &context),
        Command::Cid(args) => cid::run(&args, &context),
        Command::Cost(args) => cost::run(&args, &context),
        Command::Dedup(args) => dedup::run(&args, &context),
        Command::Devices(args) => devices::run(&args, &context),
        Command::Ledger(args) => ledger::run(&args, &context),
        Command::Merkle(args) => merkle::run(&args, &context),
        Command::Mine(args) => mine::run(&args, &context),
        Command::Prove(args) => prove::run(&args, &context),
        Command::Verify(args) => verify::run(&args, &context),
    };
    result.map_or_else(
        |error| {
            output::error(&error);
            ExitCode::from(2)
        },
        ExitCode::from,
    )
}
