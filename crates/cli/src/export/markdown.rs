//! Markdown: the machine, the table and its footnotes; and the short tables of a full run.

use crate::bench::data::report::Report;
use crate::bench::render::footnotes;
#[cfg(feature = "gpu")]
use crate::bench::render::summary;
use crate::bench::render::table::Table;

pub fn render(report: &Report) -> anyhow::Result<Vec<u8>> {
    let table = Table::new(report);
    let mut text = report.machine.to_string().replace('\n', "  \n");
    text.push_str("\n\n");
    push(&mut text, &table);
    for note in footnotes(report) {
        text.push_str(&format!("\n- {}", escape(&note)));
    }
    text.push('\n');
    #[cfg(feature = "gpu")]
    for table in report.full.iter().flat_map(summary::tables) {
        text.push('\n');
        push(&mut text, &table);
    }
    Ok(text.into_bytes())
}

fn push(text: &mut String, table: &Table) {
    text.push_str(&line(&table.header));
    let rule: Vec<_> = table.numeric.iter().map(|&numeric| if numeric { "--:" } else { "---" }).collect();
    text.push_str(&line(&rule));
    for cells in &table.lines {
        text.push_str(&line(cells));
    }
}

fn line(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| escape(cell.as_ref())).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Escapes bars, which end cells: an adapter's name may have one.
fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}
