//! The study as text for a terminal.

use std::fmt;

use super::study::{Entry, Grid, Study};

impl fmt::Display for Study {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sentence in &self.summary {
            writeln!(f, "{sentence}")?;
        }
        for section in &self.sections {
            let numbered = !section.entries.is_empty() || section.grid.is_some();
            if numbered {
                writeln!(f, "\n{}", section.title)?;
            }
            for entry in &section.entries {
                write_entry(f, entry)?;
            }
            if let Some(grid) = &section.grid {
                write_grid(f, grid)?;
            }
        }
        writeln!(f, "\n{}", self.machine)?;
        write!(
            f,
            "Ran on {}, results {}. Ed25519 figures do not transfer to Ethereum's BLS votes.",
            self.backends,
            if self.checked { "checked" } else { "WRONG" }
        )
    }
}

fn write_entry(f: &mut fmt::Formatter<'_>, entry: &Entry) -> fmt::Result {
    let value = if entry.value.is_some() { entry.shown() } else { "-".into() };
    writeln!(f, "  {:<58} {value:>22}  {}", entry.name, entry.mark)?;
    if let Some(interval) = entry.shown_interval() {
        writeln!(f, "      95 % interval: {interval}")?;
    }
    if let Some(formula) = &entry.formula {
        writeln!(f, "      = {formula}")?;
    }
    match entry.citation.filter(|citation| !citation.is_empty()) {
        Some(citation) => writeln!(f, "      {}; {citation}", entry.source),
        None => writeln!(f, "      {}", entry.source),
    }
}

fn write_grid(f: &mut fmt::Formatter<'_>, grid: &Grid) -> fmt::Result {
    for column in &grid.columns {
        write!(f, "  {column:>20}")?;
    }
    writeln!(f)?;
    for row in &grid.rows {
        write!(f, "  {:>20}", row.name)?;
        for cell in &row.cells {
            write!(f, "  {:>20}", cell.shown())?;
        }
        writeln!(f)?;
    }
    let Some(row) = grid.rows.first() else { return Ok(()) };
    for (cell, column) in row.cells.iter().zip(grid.columns.iter().skip(1)) {
        let formula = cell.formula.as_deref().unwrap_or_default();
        writeln!(f, "      {column}: {formula} ({}: {})", cell.mark, cell.source)?;
    }
    Ok(())
}
