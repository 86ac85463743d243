//! Progress on long work: on standard error, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `length` steps called `unit`.
pub fn steps(length: u64, unit: &str) -> ProgressBar {
    let template = format!("{{bar:40}} {{percent}} % {{human_pos}} {unit} {{per_sec}}, {{eta}} left");
    styled(ProgressBar::new(length), &template)
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    bar.with_style(ProgressStyle::with_template(template).expect("the template is valid"))
}
