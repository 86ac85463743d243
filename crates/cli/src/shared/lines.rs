//! Text read line by line.

use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context as _;

use super::input;

/// Passes every line of a file to `each`, without its line feed. An error names the line,
/// counted from 1.
pub fn each_line(path: &Path, mut each: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 20, input::open(path)?);
    let mut text = Vec::new();
    for number in 1_u64.. {
        text.clear();
        let length = reader.read_until(b'\n', &mut text);
        if length.with_context(|| format!("cannot read {}", path.display()))? == 0 {
            break;
        }
        let line = text.strip_suffix(b"\n").unwrap_or(&text);
        each(line).with_context(|| format!("{}, line {number}", path.display()))?;
    }
    Ok(())
}
