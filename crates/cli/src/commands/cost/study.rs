//! Everything that was measured, modelled and simulated, in reading order.

use serde::Serialize;
use verilane_cost::{Estimate, Figure, Quantity};

use crate::shared::backends_used::BackendsUsed;
use crate::shared::machine::Machine;
use crate::shared::units::with_unit;

/// The result of the command. The fields are frozen under `schema_version`.
#[derive(Serialize)]
pub struct Study {
    pub schema_version: u32,
    pub machine: Machine,
    #[serde(flatten)]
    pub backends: BackendsUsed,
    /// Whether every result of the measured operations was right.
    pub checked: bool,
    /// The findings in a sentence each.
    pub summary: Vec<String>,
    pub sections: Vec<Section>,
}

impl Study {
    /// The number called `id`, if there is one.
    pub fn find(&self, id: &str) -> Option<&Entry> {
        self.sections.iter().flat_map(Section::numbers).find(|entry| entry.id == id)
    }
}

#[derive(Serialize)]
pub struct Section {
    pub id: &'static str,
    pub title: &'static str,
    pub text: Vec<String>,
    pub entries: Vec<Entry>,
    /// Numbers of one kind in rows and columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grid: Option<Grid>,
    pub plots: Vec<Plot>,
}

#[derive(Serialize)]
pub struct Grid {
    /// The heading of the first column and of those after it.
    pub columns: Vec<&'static str>,
    pub rows: Vec<Row>,
}

#[derive(Serialize)]
pub struct Row {
    pub name: String,
    pub cells: Vec<Entry>,
}

impl Section {
    pub fn new(id: &'static str, title: &'static str, text: &[&str]) -> Self {
        let text = text.iter().map(|&paragraph| paragraph.into()).collect();
        Section { id, title, text, entries: Vec::new(), grid: None, plots: Vec::new() }
    }

    /// Every number but those of the plots.
    pub fn numbers(&self) -> impl Iterator<Item = &Entry> {
        let cells = self.grid.iter().flat_map(|grid| &grid.rows).flat_map(|row| &row.cells);
        self.entries.iter().chain(cells)
    }
}

/// A number with its unit, its mark and its source.
#[derive(Clone, Serialize)]
pub struct Entry {
    pub id: String,
    pub name: String,
    pub value: Option<f64>,
    /// The 95 % confidence interval, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    pub unit: &'static str,
    pub mark: String,
    pub source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formula: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub citation: Option<&'static str>,
}

impl Entry {
    pub fn of(id: &str, name: &str, quantity: &Quantity) -> Self {
        Entry {
            id: id.into(),
            name: name.into(),
            value: quantity.value(),
            interval: None,
            unit: quantity.unit(),
            mark: quantity.mark().to_string(),
            source: quantity.source().into(),
            formula: None,
            citation: None,
        }
    }

    pub fn modelled(id: &str, name: &str, figure: &Figure) -> Self {
        Entry {
            formula: Some(figure.formula.clone()),
            citation: Some(figure.citation),
            ..Entry::of(id, name, &figure.quantity)
        }
    }

    /// The number as text.
    pub fn shown(&self) -> String {
        self.value.map_or_else(|| "unavailable".into(), |value| with_unit(value, self.unit))
    }

    /// The confidence interval as text.
    pub fn shown_interval(&self) -> Option<String> {
        let [low, high] = self.interval?.map(|end| with_unit(end, self.unit));
        // The unit once, where both ends have the same.
        let number =
            |text: &str| text.split_once(' ').map(|(number, unit)| (number.to_owned(), unit.to_owned()));
        match (number(&low), number(&high)) {
            (Some((start, unit)), Some((_, same))) if unit == same => Some(format!("{start} to {high}")),
            _ => Some(format!("{low} to {high}")),
        }
    }

    /// A mean of the simulation; `formula` says what was counted.
    pub fn simulated(
        id: &str,
        name: &str,
        estimate: Option<Estimate>,
        unit: &'static str,
        source: &str,
        formula: &str,
    ) -> Self {
        let quantity = match estimate {
            Some(estimate) => Quantity::assumed(estimate.mean, unit, source),
            None => Quantity::unavailable(unit, format!("{source}: too few hours had a block")),
        };
        Entry {
            interval: estimate.map(|estimate| [estimate.low, estimate.high]),
            formula: Some(formula.into()),
            ..Entry::of(id, name, &quantity)
        }
    }
}

#[derive(Serialize)]
pub struct Plot {
    pub id: &'static str,
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub curves: Vec<Curve>,
    /// Points with a label: x, y, label.
    pub highlights: Vec<(f64, f64, String)>,
}

#[derive(Serialize)]
pub struct Axis {
    pub name: &'static str,
    pub unit: &'static str,
    pub logarithmic: bool,
}

impl Axis {
    pub fn linear(name: &'static str, unit: &'static str) -> Self {
        Axis { name, unit, logarithmic: false }
    }

    pub fn logarithmic(name: &'static str, unit: &'static str) -> Self {
        Axis { name, unit, logarithmic: true }
    }
}

#[derive(Serialize)]
pub struct Curve {
    pub id: &'static str,
    pub name: &'static str,
    /// The colour's number in the style sheet; related curves share it.
    #[serde(skip)]
    pub colour: usize,
    /// How the line is drawn.
    #[serde(skip)]
    pub line: Line,
    pub mark: String,
    pub source: String,
    pub formula: String,
    pub points: Vec<Point>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Line {
    Solid,
    Dashed,
    /// Only points, with their intervals.
    Points,
}

#[derive(Clone, Copy, Serialize)]
pub struct Point {
    pub x: f64,
    pub y: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// Identity and style of a curve.
pub struct Style {
    pub id: &'static str,
    pub name: &'static str,
    pub colour: usize,
    pub line: Line,
}

impl Curve {
    /// The values of `figure` at each of `xs`; empty where they are unavailable.
    pub fn of(style: Style, xs: &[f64], figure: impl Fn(f64) -> Option<Figure>) -> Self {
        let figures: Vec<(f64, Figure)> = xs.iter().filter_map(|&x| Some((x, figure(x)?))).collect();
        let points = figures
            .iter()
            .filter_map(|(x, figure)| Some(Point { x: *x, y: figure.quantity.value()?, interval: None }));
        let points = points.collect();
        let (mark, source, formula) = match figures.last() {
            Some((_, Figure { quantity, formula, .. })) => {
                (quantity.mark().to_string(), quantity.source().into(), formula.clone())
            }
            None => ("unavailable".into(), "no valid point".into(), String::new()),
        };
        let Style { id, name, colour, line } = style;
        Curve { id, name, colour, line, mark, source, formula, points }
    }
}
