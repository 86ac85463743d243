//! Files for figures: one file for each format.

mod csv;
mod json;
mod markdown;

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::bench::data::report::Report;

/// Where reports are written to, by format.
#[derive(clap::Args)]
#[command(next_help_heading = "Export")]
pub struct Files {
    /// Write every sample as JSON
    #[arg(long, value_name = "FILE")]
    export_json: Option<PathBuf>,
    /// Write the rows as CSV
    #[arg(long, value_name = "FILE")]
    export_csv: Option<PathBuf>,
    /// Write the table as Markdown
    #[arg(long, value_name = "FILE")]
    export_markdown: Option<PathBuf>,
}

type Render = fn(&Report) -> anyhow::Result<Vec<u8>>;

impl Files {
    fn each(&self) -> impl Iterator<Item = (&Path, Render)> {
        let files = [
            (&self.export_json, json::render as Render),
            (&self.export_csv, csv::render),
            (&self.export_markdown, markdown::render),
        ];
        files.into_iter().filter_map(|(path, render)| Some((path.as_deref()?, render)))
    }

    /// Makes sure that every file can be written; none is changed.
    ///
    /// # Errors
    /// Those of the file system, with the path.
    pub fn check(&self) -> anyhow::Result<()> {
        for (path, _) in self.each() {
            let file = OpenOptions::new().append(true).create(true).open(path);
            file.with_context(|| format!("cannot write to {}", path.display()))?;
        }
        Ok(())
    }

    /// Writes the report to each file.
    ///
    /// # Errors
    /// Those of the file system, with the path.
    pub fn write(&self, report: &Report) -> anyhow::Result<()> {
        for (path, render) in self.each() {
            std::fs::write(path, render(report)?)
                .with_context(|| format!("cannot write to {}", path.display()))?;
        }
        Ok(())
    }
}
