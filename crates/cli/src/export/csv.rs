//! CSV: one line for each row; samples stand in one field, separated by spaces.

use serde::Serialize;

use crate::bench::data::report::{Report, Row};

#[derive(Serialize)]
struct Line<'a> {
    workload: &'a str,
    hash: Option<&'a str>,
    backend: &'a str,
    detail: &'a str,
    software: bool,
    threads: usize,
    items: usize,
    bytes: u64,
    shortest_item_bytes: usize,
    longest_item_bytes: usize,
    first_call_s: f64,
    median_s: f64,
    device_median_s: Option<f64>,
    per_second: f64,
    device_per_second: Option<f64>,
    unit: &'a str,
    checked: bool,
    vs_reference: f64,
    samples_s: String,
}

pub fn render(report: &Report) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in &report.rows {
        writer.serialize(line(row))?;
    }
    Ok(writer.into_inner()?)
}

fn line(row: &Row) -> Line<'_> {
    let samples: Vec<_> = row.samples_s.iter().map(f64::to_string).collect();
    Line {
        workload: &row.workload,
        hash: row.hash.as_deref(),
        backend: &row.backend,
        detail: &row.detail,
        software: row.software,
        threads: row.threads,
        items: row.items,
        bytes: row.bytes,
        shortest_item_bytes: row.item_bytes[0],
        longest_item_bytes: row.item_bytes[1],
        first_call_s: row.first_call_s,
        median_s: row.median_s,
        device_median_s: row.device_median_s,
        per_second: row.per_second,
        device_per_second: row.device_per_second,
        unit: row.unit,
        checked: row.checked,
        vs_reference: row.vs_reference,
        samples_s: samples.join(" "),
    }
}
