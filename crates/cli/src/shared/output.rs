//! Standard output and standard error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::Context as _;
use serde::Serialize;

use super::context::Context;

/// Prints a command's result: as text, or as one line of JSON.
///
/// A reader that has gone away is no error: what was to be checked was checked.
pub fn print(context: &Context, result: &(impl Display + Serialize)) -> anyhow::Result<()> {
    text(&if context.json { serde_json::to_string(result)? } else { result.to_string() })
}

/// Prints text, as [`print`] does.
pub fn text(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Says on standard error what the user should know.
pub fn warning(text: impl Display) {
    // Where standard error is closed there is nobody left to tell.
    let _ = writeln!(io::stderr(), "warning: {text}");
}

/// Says on standard error why the command gave up.
pub fn error(error: &anyhow::Error) {
    let _ = writeln!(io::stderr(), "error: {error:#}");
}
