//! The `verilane` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    verilane_cli::run(std::env::args_os())
}
