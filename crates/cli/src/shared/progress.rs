//! Progress bars: on standard error, and only where that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `length` steps called `unit`.
pub fn steps(length: u64, unit: &str) -> ProgressBar {
    let template = format!("{{bar:40}} {{percent}} % {{human_pos}} {unit} {{per_sec}}, {{eta}} left");
    styled(ProgressBar::new(length), &template)
}

/// A bar over `length` cases; its message names the current one.
pub fn cases(length: u64) -> ProgressBar {
    let bar = styled(ProgressBar::new(length), "{elapsed} {bar:30} {pos} of {len}, {eta} left: {msg}");
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// A bar over `length` bytes.
pub fn bytes(length: u64) -> ProgressBar {
    styled(ProgressBar::new(length), "{bar:40} {percent} % {bytes} {bytes_per_sec}, {eta} left")
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    bar.with_style(ProgressStyle::with_template(template).expect("the template is valid"))
}
