//! The short tables of a full run.

use super::table::{Column, Table, input};
use crate::bench::data::full_run::FullRun;
use crate::bench::data::summary::{BoundedRate, CallTime, SummaryLine};
use crate::bench::data::workload::LATENCY_SIZES;
use crate::shared::units::{Count, Rate, Seconds};

const RATES: [Column<SummaryLine>; 10] = [
    ("workload", false, |line| line.workload.clone()),
    ("input", false, |line| input(line.items, line.item_bytes, line.unit)),
    ("back end", false, |line| line.label.clone()),
    ("resident", true, |line| rate(line.resident_per_second)),
    ("of its ceiling", true, |line| bound(line, BoundedRate::Resident)),
    ("end to end", true, |line| rate(Some(line.per_second))),
    ("of the link", true, |line| bound(line, BoundedRate::EndToEnd)),
    ("cpu", true, |line| rate(line.cpu_per_second)),
    ("cpu and gpu", true, |line| rate(line.side_by_side_per_second)),
    ("faster from", true, |line| {
        line.faster_than_cpu_from.map_or_else(String::new, |n| Count(n).to_string())
    }),
];

const LATENCIES: [Column<SummaryLine>; 6] = [
    ("latency, median / p99", false, |line| line.workload.clone()),
    ("item", false, |line| item(line)),
    ("back end", false, |line| line.label.clone()),
    ("1", true, |line| call_time(line, LATENCY_SIZES[0])),
    ("64", true, |line| call_time(line, LATENCY_SIZES[1])),
    ("1,024", true, |line| call_time(line, LATENCY_SIZES[2])),
];

fn rate(rate: Option<f64>) -> String {
    rate.map_or_else(String::new, |rate| format!("{}/s", Rate(rate)))
}

/// The length of an item, where it has one.
fn item(line: &SummaryLine) -> String {
    let input = input(line.items, line.item_bytes, line.unit);
    input.split_once(" × ").map_or_else(String::new, |(_, item)| item.into())
}

/// The latencies, where there are any, and then the rates.
pub fn tables(full: &FullRun) -> Vec<Table> {
    let lines = &full.summary;
    let timed: Vec<_> = lines.iter().filter(|line| !line.latencies.is_empty()).collect();
    let mut tables = Vec::new();
    if !timed.is_empty() {
        tables.push(Table::of(&LATENCIES, &timed));
    }
    if !lines.is_empty() {
        tables.push(Table::of(&RATES, &lines.iter().collect::<Vec<_>>()));
    }
    tables
}

fn bound(line: &SummaryLine, of: BoundedRate) -> String {
    let Some(bound) = line.bounds.iter().find(|bound| bound.of == of) else { return String::new() };
    let count = Count(bound.count.round() as u64);
    format!("{:.1} % of {count} {}", 100.0 * bound.fraction, bound.resource)
}

fn call_time(line: &SummaryLine, items: usize) -> String {
    let found = line.latencies.iter().find(|time| time.items == items);
    found.map_or_else(String::new, |&CallTime { median_s, p99_s, .. }| {
        format!("{} / {}", Seconds(median_s), Seconds(p99_s))
    })
}
