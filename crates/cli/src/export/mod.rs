//! Exporters of benchmark reports: one file for each format.

mod csv;
mod json;
mod markdown;

use std::path::PathBuf;

use crate::bench::data::report::Report;
use crate::shared::exports::Exports;

/// Where reports are written, by format.
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

impl Files {
    /// The files asked for.
    pub fn exports(&self) -> Exports<'_, Report> {
        Exports::new([
            (&self.export_json, json::render),
            (&self.export_csv, csv::render),
            (&self.export_markdown, markdown::render),
        ])
    }
}
