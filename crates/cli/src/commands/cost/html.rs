//! The report: one self-contained HTML file.

use std::fmt::Write as _;

use super::plot;
use super::study::{Entry, Grid, Section, Study};

const STYLE: &str = include_str!("style.css");
const TITLE: &str = "Proof of work and proof of stake: what they cost here";
/// The figures at the top of the page.
const TILES: [(&str, &str); 6] = [
    ("pow_block", "J/block, proof of work"),
    ("pos_block", "J/block, proof of stake, marginal"),
    ("pos_block_whole", "J/block, proof of stake, whole nodes"),
    ("pow_node_power", "W/node, mining"),
    ("pos_node_power", "W/node, validating"),
    ("break_even", "difficulty of equal cost"),
];

/// `text` with HTML's special characters escaped.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub fn render(study: &Study) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{TITLE}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{TITLE}</h1>\n"
    );
    put(
        &mut page,
        format_args!(
            "<p class=\"machine\">{}</p>\n",
            escape(&study.machine.to_string()).replace('\n', "<br>\n")
        ),
    );
    put(
        &mut page,
        format_args!("<p class=\"machine\">Ran on {}.</p>\n</header>\n", escape(&study.backends.to_string())),
    );
    page.push_str("<section class=\"summary\">\n");
    for sentence in &study.summary {
        put(&mut page, format_args!("<p>{}</p>\n", escape(sentence)));
    }
    page.push_str("</section>\n");
    tiles(&mut page, study);
    legend(&mut page);
    for section in &study.sections {
        write_section(&mut page, section);
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// Adds text to the page. Writing to a string cannot fail.
pub fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = page.write_fmt(text);
}

fn tiles(page: &mut String, study: &Study) {
    page.push_str("<div class=\"tiles\">\n");
    for (id, name) in TILES {
        if let Some(entry) = study.find(id) {
            put(
                page,
                format_args!(
                    "<div class=\"tile\"><div class=\"name\">{name}</div><div class=\"value\">{}</div>{}</div>\n",
                    value(entry),
                    badge(&entry.mark)
                ),
            );
        }
    }
    page.push_str("</div>\n");
}

fn legend(page: &mut String) {
    put(
        page,
        format_args!(
            "<p class=\"legend\">{} on this machine, or computed from nothing else. {} rests on an option, a \
         publication or a simulation. {}: no number, and never zero. What is computed carries the mark of \
         its weakest input.</p>\n",
            badge("measured"),
            badge("assumed"),
            badge("unavailable")
        ),
    );
}

fn badge(mark: &str) -> String {
    format!("<span class=\"mark {mark}\">{mark}</span>")
}

fn value(entry: &Entry) -> String {
    if entry.value.is_some() { escape(&entry.shown()) } else { "–".into() }
}

fn write_section(page: &mut String, section: &Section) {
    put(page, format_args!("<section id=\"{}\">\n<h2>{}</h2>\n", section.id, escape(section.title)));
    for paragraph in &section.text {
        put(page, format_args!("<p>{}</p>\n", escape(paragraph)));
    }
    if !section.entries.is_empty() {
        page.push_str(
            "<table>\n<thead><tr><th>figure</th><th class=\"number\">value</th><th>mark</th></tr></thead>\n",
        );
        for entry in &section.entries {
            write_entry(page, entry);
        }
        page.push_str("</table>\n");
    }
    if let Some(grid) = &section.grid {
        write_grid(page, grid);
    }
    for plot in &section.plots {
        page.push_str(&plot::render(plot));
    }
    page.push_str("</section>\n");
}

fn write_entry(page: &mut String, entry: &Entry) {
    put(page, format_args!("<tr><td>{}", escape(&entry.name)));
    if let Some(formula) = &entry.formula {
        put(page, format_args!("<div class=\"formula\">= {}</div>", escape(formula)));
    }
    let citation = entry.citation.filter(|citation| !citation.is_empty());
    let citation = citation.map(|citation| format!("; formula: {citation}")).unwrap_or_default();
    put(
        page,
        format_args!("<div class=\"source\">{}{}</div></td>", escape(&entry.source), escape(&citation)),
    );
    put(page, format_args!("<td class=\"number\">{}", value(entry)));
    if let Some(interval) = entry.shown_interval() {
        put(page, format_args!("<div class=\"source\">{}</div>", escape(&interval)));
    }
    put(page, format_args!("</td><td>{}</td></tr>\n", badge(&entry.mark)));
}

fn write_grid(page: &mut String, grid: &Grid) {
    page.push_str("<table class=\"grid\">\n<thead><tr>");
    for column in &grid.columns {
        put(page, format_args!("<th class=\"number\">{}</th>", escape(column)));
    }
    page.push_str("</tr></thead>\n");
    for row in &grid.rows {
        put(page, format_args!("<tr><td class=\"number\">{}</td>", escape(&row.name)));
        for cell in &row.cells {
            put(page, format_args!("<td class=\"number\">{}</td>", value(cell)));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n<ul class=\"sources\">\n");
    let first = grid.rows.first().map(|row| row.cells.as_slice()).unwrap_or_default();
    for (cell, column) in first.iter().zip(grid.columns.iter().skip(1)) {
        put(
            page,
            format_args!(
                "<li>{}: {} {} {}</li>\n",
                escape(column),
                escape(cell.formula.as_deref().unwrap_or_default()),
                badge(&cell.mark),
                escape(&cell.source)
            ),
        );
    }
    page.push_str("</ul>\n");
}
