//! The `verilane` command.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    verilane_cli::run(verilane_cli::Cli::parse())
}
