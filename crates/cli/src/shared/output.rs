//! Standard output and standard error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::Context as _;
use serde::Serialize;

use super::color::{ERROR, WARNING};
use super::context::Context;

/// Prints a command's result: as text, or as one line of JSON.
///
/// A closed pipe is not an error: the command has done its checks.
pub fn print(context: &Context, result: &(impl Display + Serialize)) -> anyhow::Result<()> {
    text(&if context.json { serde_json::to_string(result)? } else { result.to_string() })
}

/// Prints text, as [`print()`] does.
pub fn text(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Writes a warning to standard error.
pub fn warning(text: impl Display) {
    // If standard error is closed, there is nowhere else to write it.
    let _ = writeln!(anstream::stderr(), "{WARNING}warning:{WARNING:#} {text}");
}

/// Writes to standard error why the command gave up.
pub fn error(error: &anyhow::Error) {
    let _ = writeln!(anstream::stderr(), "{ERROR}error:{ERROR:#} {error:#}");
}
