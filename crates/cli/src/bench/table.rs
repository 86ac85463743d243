//! The report as people read it.

use std::fmt;

use comfy_table::{CellAlignment, LineStyle, TableStyle};

use super::remarks::remarks;
use super::report::{NotMeasured, Report, Row};
use crate::shared::units::{Bytes, Count, Rate, Seconds};

/// A heading, whether numbers stand under it, and how a row fills it.
pub type Column<T> = (&'static str, bool, fn(&T) -> String);

const COLUMNS: [Column<Row>; 9] = [
    ("workload", false, |row| row.workload.clone()),
    ("input", false, input),
    ("back end", false, Row::label),
    ("median", true, |row| Seconds(row.median_s).to_string()),
    ("per second", true, |row| format!("{} {}", Rate(row.per_second), row.unit)),
    ("resident", true, |row| row.device_per_second.map_or_else(String::new, |rate| Rate(rate).to_string())),
    ("data", true, throughput),
    ("vs reference", true, |row| format!("{:.2}×", row.vs_reference)),
    ("check", false, |row| if row.checked { "equal" } else { "WRONG" }.into()),
];

/// Headings, and a line for each row.
pub struct Table {
    pub header: Vec<&'static str>,
    /// Whether a column holds numbers.
    pub numeric: Vec<bool>,
    pub lines: Vec<Vec<String>>,
}

impl Table {
    /// A line for each of the report's rows.
    pub fn new(report: &Report) -> Self {
        Table::of(&COLUMNS, &report.rows.iter().collect::<Vec<_>>())
    }

    /// Columns in which no row has anything are left out, and so is what repeats
    /// the line above.
    pub fn of<T>(columns: &[Column<T>], rows: &[&T]) -> Self {
        let filled = |(_, _, cell): &&Column<T>| rows.iter().any(|row| !cell(row).is_empty());
        let columns: Vec<_> = columns.iter().filter(filled).collect();
        let line = |row: &&T| columns.iter().map(|(_, _, cell)| cell(row)).collect();
        let mut lines: Vec<Vec<_>> = rows.iter().map(line).collect();
        for index in (1..lines.len()).rev() {
            let (above, below) = lines.split_at_mut(index);
            clear_repeats(&above[index - 1], &mut below[0]);
        }
        let header = columns.iter().map(|column| column.0).collect();
        Table { header, numeric: columns.iter().map(|column| column.1).collect(), lines }
    }
}

/// Clears the workload, and below the same workload the input.
fn clear_repeats(above: &[String], line: &mut [String]) {
    for (above, cell) in above.iter().zip(line).take(2) {
        if above != cell {
            return;
        }
        cell.clear();
    }
}

pub fn input(row: &Row) -> String {
    let count = Count(row.items as u64);
    match row.item_bytes {
        _ if row.unit == "nonces" => count.to_string(),
        [shortest, longest] if shortest == longest => format!("{count} × {}", Bytes(longest as f64)),
        [shortest, longest] => {
            format!("{count} × {} to {}", Bytes(shortest as f64), Bytes(longest as f64))
        }
    }
}

fn throughput(row: &Row) -> String {
    match row.unit {
        "nonces" | "signatures" => String::new(),
        _ => format!("{}B/s", Rate(row.bytes as f64 / row.median_s)),
    }
}

/// Above this, other work shows in the figures.
const BUSY_PERCENT: f32 = 20.0;

/// The sentences below the table.
pub fn footnotes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if report.busy_percent > BUSY_PERCENT {
        notes.push(format!(
            "other work kept the processor {:.0} % busy: figures are distorted",
            report.busy_percent
        ));
    }
    if report.rows.iter().any(|row| row.device_per_second.is_some()) {
        notes.push("resident: on the device alone, as if its input had been there already".into());
    }
    notes.extend(remarks(report));
    notes.extend(left_out(report));
    notes
}

/// One line for each reason and workload, with all back ends that it concerns.
fn left_out(report: &Report) -> impl Iterator<Item = String> {
    let same = |a: &NotMeasured, b: &NotMeasured| (&a.workload, &a.reason) == (&b.workload, &b.reason);
    report.not_measured.chunk_by(same).map(|notes| {
        let backends: Vec<_> = notes.iter().map(NotMeasured::label).collect();
        let (backends, reason) = (backends.join(", "), &notes[0].reason);
        match &notes[0].workload {
            Some(workload) => format!("not measured: {workload} on {backends}: {reason}"),
            None => format!("not measured: {backends}: {reason}"),
        }
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.machine)?;
        if !self.rows.is_empty() {
            writeln!(f, "{}\n", drawn(Table::new(self)))?;
        }
        footnotes(self).iter().try_for_each(|note| writeln!(f, "{note}"))?;
        #[cfg(feature = "gpu")]
        if let Some(full) = &self.full {
            write!(f, "\n{full}")?;
        }
        Ok(())
    }
}

pub fn drawn(table: Table) -> String {
    let rule = LineStyle::none().fill('─').junction('─');
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(TableStyle::new().header_separator(rule));
    drawn.set_header(table.header).add_rows(table.lines);
    for (column, _) in drawn.column_iter_mut().zip(table.numeric).filter(|(_, numeric)| *numeric) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    drawn.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::machine::Machine;

    fn row(workload: &str, items: usize, backend: &str) -> Row {
        let (workload, backend) = (workload.into(), backend.into());
        Row { workload, items, backend, item_bytes: [32, 32], unit: "nonces", ..Row::default() }
    }

    fn report(rows: Vec<Row>) -> Report {
        let busy_percent = 10.0;
        Report { rows, ..Report::new(Machine::default(), busy_percent) }
    }

    #[test]
    fn repeats_and_empty_columns_are_left_out() {
        let rows = [("a", 1, "cpu"), ("a", 1, "gpu"), ("a", 2, "cpu"), ("b", 2, "cpu")];
        let table = Table::new(&report(rows.map(|(a, b, c)| row(a, b, c)).to_vec()));
        let starts: Vec<_> = table.lines.iter().map(|line| line[..3].join(" ")).collect();
        assert_eq!(starts, ["a 1 cpu", "  gpu", " 2 cpu", "b 2 cpu"]);
        assert!(!table.header.contains(&"resident") && !table.header.contains(&"data"));
    }

    #[test]
    fn software_and_wrong_answers_are_marked() {
        let rows = vec![Row { software: true, device_per_second: Some(2e6), ..row("a", 1, "gpu") }];
        let text = report(rows).to_string();
        assert!(text.contains("gpu (software)") && text.contains("WRONG") && text.contains("2 M"), "{text}");
    }

    #[test]
    fn a_busy_machine_is_told() {
        let busy = Report { busy_percent: 75.0, ..report(vec![]) };
        assert_eq!(footnotes(&busy), ["other work kept the processor 75 % busy: figures are distorted"]);
    }

    #[test]
    fn a_reason_is_given_once() {
        let mut report = report(vec![]);
        for backend in ["cpu", "gpu"] {
            report.not_measured.push(NotMeasured {
                backend: backend.into(),
                software: backend == "gpu",
                workload: Some("dedup".into()),
                reason: "the time was up".into(),
            });
        }
        assert_eq!(footnotes(&report), ["not measured: dedup on cpu, gpu (software): the time was up"]);
    }
}
