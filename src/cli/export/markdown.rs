//! Markdown: the machine, the table and its footnotes.

use crate::cli::bench::{Report, table};

pub fn render(report: &Report) -> anyhow::Result<Vec<u8>> {
    let mut text = report.machine.to_string().replace('\n', "  \n");
    text.push_str("\n\n");
    text.push_str(&line(&table::HEADER));
    text.push_str("|---|---|---|--:|--:|--:|--:|---|\n");
    for cells in table::lines(report) {
        text.push_str(&line(&cells));
    }
    for note in table::footnotes(report) {
        text.push_str(&format!("\n- {}", escape(&note)));
    }
    text.push('\n');
    Ok(text.into_bytes())
}

fn line(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| escape(cell.as_ref())).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// An adapter's name could hold a bar, which would end the cell.
fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}
