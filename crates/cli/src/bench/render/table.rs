//! Tables.

use comfy_table::{CellAlignment, LineStyle, TableStyle};

use crate::bench::data::report::{Report, Row};
use crate::shared::units::{Bytes, Count, Rate, Seconds};

/// A heading, whether numbers stand under it, and how a row fills it.
pub type Column<T> = (&'static str, bool, fn(&T) -> String);

const COLUMNS: [Column<Row>; 9] = [
    ("workload", false, |row| row.workload.clone()),
    ("input", false, |row| input(row.items, row.item_bytes, row.unit)),
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

/// The number of items and their lengths, as text.
pub fn input(items: usize, item_bytes: [usize; 2], unit: &str) -> String {
    let count = Count(items as u64);
    match item_bytes {
        _ if unit == "nonces" => count.to_string(),
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

/// The table as text.
pub fn draw(table: Table) -> String {
    let rule = LineStyle::none().fill('─').junction('─');
    let mut drawing = comfy_table::Table::new();
    drawing.load_style(TableStyle::new().header_separator(rule));
    drawing.set_header(table.header).add_rows(table.lines);
    for (column, _) in drawing.column_iter_mut().zip(table.numeric).filter(|(_, numeric)| *numeric) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    drawing.trim_fmt()
}
