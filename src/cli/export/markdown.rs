//! Markdown: the machine, the table and its footnotes.

use crate::cli::bench::Report;
use crate::cli::bench::table::{Table, footnotes};

pub fn render(report: &Report) -> anyhow::Result<Vec<u8>> {
    let table = Table::new(report);
    let mut text = report.machine.to_string().replace('\n', "  \n");
    text.push_str("\n\n");
    text.push_str(&line(&table.header));
    let rule: Vec<_> = table.numeric.iter().map(|&numeric| if numeric { "--:" } else { "---" }).collect();
    text.push_str(&line(&rule));
    for cells in &table.lines {
        text.push_str(&line(cells));
    }
    for note in footnotes(report) {
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
