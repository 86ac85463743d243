//! CSV: a line for each number, also for each point of each plot.

use serde::Serialize;

use super::study::{Curve, Entry, Plot, Point, Section, Study};

#[derive(Serialize)]
struct Line<'a> {
    section: &'a str,
    plot: Option<&'a str>,
    id: &'a str,
    name: &'a str,
    x: Option<f64>,
    x_unit: Option<&'a str>,
    value: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    unit: &'a str,
    mark: &'a str,
    source: &'a str,
    formula: Option<&'a str>,
    citation: Option<&'a str>,
}

pub fn render(study: &Study) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for section in &study.sections {
        for entry in section.numbers() {
            writer.serialize(number(section, entry))?;
        }
        for plot in &section.plots {
            for curve in &plot.curves {
                for point in &curve.points {
                    writer.serialize(plotted(section, plot, curve, Some(point)))?;
                }
                if curve.points.is_empty() {
                    writer.serialize(plotted(section, plot, curve, None))?;
                }
            }
        }
    }
    Ok(writer.into_inner()?)
}

fn number<'a>(section: &'a Section, entry: &'a Entry) -> Line<'a> {
    Line {
        section: section.id,
        plot: None,
        id: &entry.id,
        name: &entry.name,
        x: None,
        x_unit: None,
        value: entry.value,
        low: entry.interval.map(|[low, _]| low),
        high: entry.interval.map(|[_, high]| high),
        unit: entry.unit,
        mark: &entry.mark,
        source: &entry.source,
        formula: entry.formula.as_deref(),
        citation: entry.citation,
    }
}

/// A point of a curve; without one, the curve that has none.
fn plotted<'a>(section: &'a Section, plot: &'a Plot, curve: &'a Curve, point: Option<&Point>) -> Line<'a> {
    let interval = point.and_then(|point| point.interval);
    Line {
        section: section.id,
        plot: Some(plot.id),
        id: curve.id,
        name: curve.name,
        x: point.map(|point| point.x),
        x_unit: Some(if plot.x.unit.is_empty() { plot.x.name } else { plot.x.unit }),
        value: point.map(|point| point.y),
        low: interval.map(|[low, _]| low),
        high: interval.map(|[_, high]| high),
        unit: plot.y.unit,
        mark: &curve.mark,
        source: &curve.source,
        formula: Some(&curve.formula),
        citation: None,
    }
}
