//! The report as people read it.

use std::fmt;

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use super::remarks::remarks;
use super::report::{Report, Row};
use crate::cli::units::{Bytes, Count, Rate, Seconds};

/// The table's columns; those from the third number are aligned to the right.
pub const HEADER: [&str; 8] =
    ["workload", "input", "back end", "median", "per second", "data", "vs reference", "check"];
const FIRST_NUMBER: usize = 3;

/// One line for each row; what repeats the line above is left empty.
pub fn lines(report: &Report) -> Vec<[String; HEADER.len()]> {
    let mut lines: Vec<_> = report.rows.iter().map(line).collect();
    for index in (1..lines.len()).rev() {
        let [above, here] = &report.rows[index - 1..=index] else { continue };
        let same_workload = above.workload == here.workload;
        if same_workload {
            lines[index][0].clear();
        }
        if same_workload && (above.items, above.item_bytes) == (here.items, here.item_bytes) {
            lines[index][1].clear();
        }
    }
    lines
}

fn line(row: &Row) -> [String; HEADER.len()] {
    [
        row.workload.clone(),
        input(row),
        row.label(),
        Seconds(row.median_s).to_string(),
        rate(row),
        throughput(row),
        format!("{:.2}×", row.vs_reference),
        if row.checked { "equal" } else { "WRONG" }.into(),
    ]
}

fn input(row: &Row) -> String {
    let count = Count(row.items as u64);
    match row.item_bytes {
        _ if row.unit == "nonces" => format!("{count}"),
        [shortest, longest] if shortest == longest => format!("{count} × {}", Bytes(longest as f64)),
        [shortest, longest] => {
            format!("{count} × {} to {}", Bytes(shortest as f64), Bytes(longest as f64))
        }
    }
}

fn rate(row: &Row) -> String {
    let total = format!("{} {}", Rate(row.per_second), row.unit);
    match row.device_per_second {
        Some(device) => format!("{total}; {} on the device alone", Rate(device)),
        None => total,
    }
}

fn throughput(row: &Row) -> String {
    match row.unit {
        "nonces" | "signatures" => String::new(),
        _ => format!("{}B/s", Rate(row.bytes as f64 / row.median_s)),
    }
}

/// The sentences below the table.
pub fn footnotes(report: &Report) -> Vec<String> {
    let left_out = report.not_measured.iter().map(|note| match &note.workload {
        Some(workload) => format!("not measured: {workload} on {}: {}", note.label(), note.reason),
        None => format!("not measured: {}: {}", note.label(), note.reason),
    });
    remarks(report).into_iter().chain(left_out).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.machine)?;
        if !self.rows.is_empty() {
            writeln!(f, "{}\n", table(self))?;
        }
        footnotes(self).iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

fn table(report: &Report) -> String {
    let mut table = Table::new();
    let rule = LineStyle::none().fill('─').junction('─');
    table.load_style(TableStyle::new().header_separator(rule)).set_header(HEADER).add_rows(lines(report));
    for column in table.column_iter_mut().skip(FIRST_NUMBER).take(HEADER.len() - FIRST_NUMBER - 1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}
