//! Figure 3 of Chen and Cheng, and the same reviews by this engine.

use verilane_cost::review::ReviewModel;
use verilane_cost::{Figure, Quantity};

use super::rates::Rates;
use super::study::{Axis, Curve, Entry, Grid, Line, Plot, Row, Section, Style};
use crate::shared::units::with_unit;

const PAPER: &str =
    "Chen and Cheng, section 6: 500 citizens a sub-unit, 50 reviews a day, k1 = 50, 3 members";
const CITATION: &str =
    "Chen and Cheng, Analysis and application of blockchain technology in medical and health field";
const SECONDS_OF_A_DAY: f64 = 86_400.0;

pub fn section(rates: &Rates) -> Section {
    let review = ReviewModel::PAPER;
    let mut section = Section::new(
        "review",
        "Figure 3 of Chen and Cheng: central against distributed review",
        &[
            "The paper (\"Analysis and application of blockchain technology in medical and health field\") gives 500 citizens a sub-unit, 50 reviews a day, a reviewer added when the \
             records exceed k₁ = 50, and three members; it prints a figure but no formula, and does not say when \
             a reviewer is added, whether days are whole, or how many sub-units there are.",
            "Chosen: one sub-unit; days count in fractions; the block producer begins alone and a member joins \
             at the start of each further day that more than k₁ records still wait. Of the readings tried, only this \
             one makes true what the paper says of its figure, that up to 100 records both cost the same. The other \
             reading, one reviewer for each k₁ records from the first hour, is drawn too; with it they part at 50.",
            "The last curve is the same number of reviews by this engine at its measured speed. A machine's review \
             checks the signature on a record, not what the record says: it takes the part of a review that a machine \
             can take.",
        ],
    );
    let row = |records| {
        let cells = [
            ("central", central(review, records)),
            ("distributed", distributed(review, records)),
            ("distributed_at_once", at_once(review, records)),
            ("engine", engine(rates, records)),
        ];
        let cell = |(scheme, figure): (&str, Figure)| {
            Entry::modelled(
                &format!("review_{scheme}_{records}"),
                &format!("{records} records, {scheme}"),
                &figure,
            )
        };
        Row { name: records.to_string(), cells: cells.map(cell).into() }
    };
    section.grid = Some(Grid {
        columns: vec!["records", "central", "distributed", "distributed, at once", "this engine"],
        rows: [50, 100, 200, 300, 400, ReviewModel::PAPER_RECORDS].map(row).into(),
    });
    section.plots = vec![reproduced(review), beside_engine(review, rates)];
    section
}

fn days(value: f64, formula: &str) -> Figure {
    Figure { quantity: Quantity::assumed(value, "days", PAPER), formula: formula.into(), citation: CITATION }
}

fn central(review: ReviewModel, records: u32) -> Figure {
    days(review.centralised(records), "records / reviews a day")
}

fn distributed(review: ReviewModel, records: u32) -> Figure {
    days(
        review.distributed(records),
        "day by day; a reviewer joins while more than k1 records wait, 3 at most",
    )
}

fn at_once(review: ReviewModel, records: u32) -> Figure {
    days(
        review.distributed_at_once(records),
        "records / (reviews a day × reviewers), reviewers = records / k1 rounded up, 3 at most",
    )
}

fn engine(rates: &Rates, records: u32) -> Figure {
    let quantity =
        Quantity::derived("days", [&rates.verification.rate], |[rate]| ReviewModel::engine(records, rate));
    Figure { quantity, formula: "records / verification rate / 86400".into(), citation: "measured here" }
}

/// The engine's time for the paper's records, for a sentence.
pub fn summary(rates: &Rates) -> Option<String> {
    let records = ReviewModel::PAPER_RECORDS;
    let engine = engine(rates, records).quantity.value()?;
    Some(format!(
        "The {records} records that Chen and Cheng have people review in {} days centrally and in {:.1} days by three \
         members, this engine checks for their signatures in {}.",
        ReviewModel::PAPER.centralised(records),
        ReviewModel::PAPER.distributed(records),
        with_unit(engine * SECONDS_OF_A_DAY, "s"),
    ))
}

fn curves(review: ReviewModel, xs: &[f64]) -> Vec<Curve> {
    vec![
        Curve::of(Style { id: "central", name: "central", colour: 1, line: Line::Solid }, xs, |records| {
            Some(central(review, records as u32))
        }),
        Curve::of(
            Style { id: "distributed", name: "distributed", colour: 2, line: Line::Solid },
            xs,
            |records| Some(distributed(review, records as u32)),
        ),
    ]
}

/// Every tenth number of records, and those at which a reviewer is added.
fn records_from(first: u32) -> Vec<f64> {
    (first..=ReviewModel::PAPER_RECORDS)
        .filter(|records| records % 10 == 0 || records % 50 == 1)
        .map(f64::from)
        .collect()
}

fn reproduced(review: ReviewModel) -> Plot {
    let xs = records_from(0);
    let mut curves = curves(review, &xs);
    curves.push(Curve::of(
        Style { id: "distributed_at_once", name: "distributed, at once", colour: 3, line: Line::Dashed },
        &xs,
        |records| Some(at_once(review, records as u32)),
    ));
    Plot {
        id: "figure_3",
        title: "Figure 3 reproduced: time to review".into(),
        x: Axis::linear("records to review", ""),
        y: Axis::linear("time", "days"),
        curves,
        highlights: Vec::new(),
    }
}

fn beside_engine(review: ReviewModel, rates: &Rates) -> Plot {
    let xs = records_from(10);
    let mut curves = curves(review, &xs);
    curves.push(Curve::of(
        Style { id: "engine", name: "this engine", colour: 4, line: Line::Solid },
        &xs,
        |records| Some(engine(rates, records as u32)),
    ));
    for point in curves.iter_mut().flat_map(|curve| &mut curve.points) {
        point.y *= SECONDS_OF_A_DAY;
    }
    Plot {
        id: "figure_3_engine",
        title: "The same beside this engine, in seconds".into(),
        x: Axis::linear("records to review", ""),
        y: Axis::logarithmic("time", "s"),
        curves,
        highlights: Vec::new(),
    }
}
