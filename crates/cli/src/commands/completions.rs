//! `verilane completions`: completion scripts for shells.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::shared::output;
use crate::{Cli, Status};

/// Print the completions for a shell
#[derive(clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub fn run(args: &Args) -> anyhow::Result<Status> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "verilane", &mut script);
    output::text(&String::from_utf8(script)?)?;
    Ok(Status::Passed)
}
