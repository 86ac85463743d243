//! The command `verilane`: one file for each subcommand, and what they share.
//!
//! A library only so that the binary, benchmarks and fuzz targets share it; its interface
//! is the command line.

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

use std::process::ExitCode;

use clap::Parser;

use commands::Command;
use shared::context::{Context, Global};
use shared::{log, output};

/// The heavy jobs of a ledger node, on GPUs and SIMD CPUs, with identical answers.
#[derive(Parser)]
#[command(name = "verilane", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all is well; 1 a check failed; 2 the input cannot be read, \
                          the usage is wrong, or the back end asked for is not there.";

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

/// Runs the command; an error is printed in one line and is exit code 2.
pub fn run(cli: Cli) -> ExitCode {
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
