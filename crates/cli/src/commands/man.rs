//! `verilane man`: manual pages.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::shared::output;
use crate::{Cli, Status};

/// Print the manual page, or write a page for each command
#[derive(clap::Args)]
pub struct Args {
    /// The folder to write verilane.1 and a page for each command to; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<Status> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    match &args.out {
        Some(folder) => {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            write_pages(&command, folder)?;
        }
        None => output::text(&String::from_utf8(page(&command)?)?)?,
    }
    Ok(Status::Passed)
}

/// Writes the page of the command and those of its subcommands.
fn write_pages(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = folder.join(format!("{name}.1"));
    fs::write(&path, page(command)?).with_context(|| format!("cannot write {}", path.display()))?;
    command.get_subcommands().try_for_each(|subcommand| write_pages(subcommand, folder))
}

fn page(command: &Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone())
        .source(concat!("verilane ", env!("CARGO_PKG_VERSION")))
        .manual("Verilane")
        .render(&mut page)?;
    Ok(page)
}
