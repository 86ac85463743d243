//! When standard output and standard error are coloured: `--color`, and `NO_COLOR`.
//!
//! Help and usage errors are coloured while the arguments are still being parsed, so the
//! option is looked for before that.

use std::ffi::OsString;
use std::io;

use anstream::AutoStream;
use clap::builder::styling::{AnsiColor, Style};
use clap::{ColorChoice, ValueEnum};

/// The label of an error, as in clap's own.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();

/// The label of a warning.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// The value of `--color` among the arguments; `auto` without one.
pub fn choice(arguments: &[OsString]) -> ColorChoice {
    let mut texts = arguments.iter().map_while(|argument| argument.to_str()).take_while(|text| *text != "--");
    let value = loop {
        match texts.next() {
            None => break None,
            Some("--color") => break texts.next(),
            Some(text) => match text.strip_prefix("--color=") {
                Some(value) => break Some(value),
                None => continue,
            },
        }
    };
    value.and_then(|value| ColorChoice::from_str(value, false).ok()).unwrap_or_default()
}

/// Applies the choice to everything that is written from now on.
pub fn apply(choice: ColorChoice) {
    let choice = match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Whether standard error is coloured.
pub fn on_stderr() -> bool {
    AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_found_wherever_it_stands() {
        let choice = |arguments: &[&str]| choice(&arguments.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(choice(&["verilane", "--color", "never", "cid", "x"]), ColorChoice::Never);
        assert_eq!(choice(&["verilane", "cid", "x", "--color=always"]), ColorChoice::Always);
        for arguments in [&["verilane"][..], &["verilane", "--color"], &["verilane", "--color", "pink"]] {
            assert_eq!(choice(arguments), ColorChoice::Auto, "{arguments:?}");
        }
        assert_eq!(choice(&["verilane", "cid", "--", "--color=always"]), ColorChoice::Auto);
    }
}
