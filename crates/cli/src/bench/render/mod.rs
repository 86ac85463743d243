//! The report as text. It reads data only.

pub mod remarks;
#[cfg(feature = "gpu")]
pub mod summary;
pub mod table;

use std::fmt;

#[cfg(feature = "gpu")]
use super::data::full_run::{FullRun, Kernel, StartUp};
use super::data::report::{NotMeasured, Report};
#[cfg(feature = "gpu")]
use crate::shared::units::Seconds;
use remarks::remarks;
use table::{Table, draw};

/// Above this, other programs distort the figures.
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

/// One line for each reason and workload, with its back ends.
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
            writeln!(f, "{}\n", draw(Table::new(self)))?;
        }
        footnotes(self).iter().try_for_each(|note| writeln!(f, "{note}"))?;
        #[cfg(feature = "gpu")]
        if let Some(full) = &self.full {
            write!(f, "\n{full}")?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
impl fmt::Display for StartUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = if self.cold { "without compiled kernels" } else { "with those that it left" };
        write!(f, "start {start}: {} to open the device, ", Seconds(self.open_s))?;
        write!(f, "{} to compile {} kernels", Seconds(self.compile_s), self.kernels.len())?;
        let slowest = self.kernels.iter().max_by(|a, b| a.compile_s.total_cmp(&b.compile_s));
        if let Some(Kernel { name, compile_s }) = slowest {
            write!(f, " ({name} {})", Seconds(*compile_s))?;
        }
        write!(f, ", {} for the first call, of one signature", Seconds(self.first_call_s))
    }
}

#[cfg(feature = "gpu")]
impl fmt::Display for FullRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ceilings) = &self.ceilings {
            writeln!(f, "{ceilings}")?;
        }
        for start_up in &self.start_ups {
            writeln!(f, "{start_up}")?;
        }
        for table in summary::tables(self) {
            writeln!(f, "\n{}", draw(table))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::data::report::Row;
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
