//! The command `verilane`. Its interface is the command line: it is a library only for the
//! binary, the benchmarks and the fuzz targets.
//!
//! `commands` has a file or folder for each subcommand, `shared` what several of them use,
//! `bench` the workloads, their measurement and their tables, `export` the files for them.

// Nobody prints a command's options.
#![allow(missing_debug_implementations)]

#[doc(hidden)]
pub mod bench;
mod commands;
mod export;
mod parquet;
mod shared;
#[doc(hidden)]
pub mod signatures;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};

use commands::Command;
use shared::context::{Context, Global};
use shared::{color, log, output};

/// The heavy jobs of a ledger node, on GPUs and SIMD CPUs, with identical answers.
#[derive(Parser)]
#[command(
    name = "verilane",
    version,
    max_term_width = 100,
    help_template = TEMPLATE,
    before_help = JOBS,
    after_help = EXIT_CODES
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const TEMPLATE: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// The commands by what they do.
const JOBS: &str = "  \
  Check blocks and signatures  audit, verify
  Fingerprints and roots       dedup, merkle, cid
  Ledgers and proofs           ledger, prove, check
  Proof of work                mine
  This machine                 devices, bench, cost
  Shell                        completions, man

Reading and writing Parquet needs a build with `--features parquet`.";

const EXIT_CODES: &str = "Exit codes: 0 all is well; 1 a check failed; 2 the input cannot be read, \
                          the usage is wrong, or the back end asked for is not there.";

/// How a command ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All is well: exit code 0.
    Passed,
    /// A check failed: exit code 1.
    Failed,
    /// Some input could not be read, and the rest was processed: exit code 2.
    Unreadable,
}

impl Status {
    /// The end of a command that checks what it can read.
    fn of(some_unreadable: bool, some_failed: bool) -> Self {
        match (some_unreadable, some_failed) {
            (true, _) => Status::Unreadable,
            (false, true) => Status::Failed,
            (false, false) => Status::Passed,
        }
    }
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

/// Runs the command line. An error is printed in one line and is exit code 2.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let matches = Cli::command().color(color::choice(&arguments)).get_matches_from(arguments);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    color::apply(cli.global.color());
    log::start(cli.global.verbose());
    let context = Context::new(cli.global);
    cli.command.run(&context).map_or_else(
        |error| {
            output::error(&error);
            ExitCode::from(2)
        },
        ExitCode::from,
    )
}
