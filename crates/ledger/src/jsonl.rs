//! Signed lists as JSON Lines, one list in each line:
//!
//! ```json
//! {"institution":"<64 digits>","emergency":false,"signature":"<128 digits>","records":[
//!  {"hash":"<64 digits>","signature":"<128 digits>","record":{"any":"JSON"}}]}
//! ```
//!
//! (without the line break). A record's bytes are its JSON exactly as it stands in
//! the line: a signature is over what the institution wrote, not over a
//! re-serialisation.

use std::fmt;
use std::io::{self, BufRead, Read, Write};

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::list::{List, SignedRecord};
use verilane::{Digest, parse_hex};

/// The longest line in bytes.
pub const MAX_LINE: u64 = 1 << 30;

/// Why a line is not a list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The line is longer than [`MAX_LINE`].
    #[error("it is longer than {MAX_LINE} bytes, the most that a line may have")]
    TooLong,
    /// The byte at this position is not UTF-8.
    #[error("byte {0} of the line is not UTF-8")]
    NotText(usize),
    /// The line is not the JSON of a list.
    #[error("{0}")]
    Json(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListLine<'a> {
    institution: Hex<32>,
    emergency: bool,
    signature: Hex<64>,
    #[serde(borrow)]
    records: Vec<RecordLine<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordLine<'a> {
    hash: Hex<32>,
    signature: Hex<64>,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// Reads a list from its line.
///
/// # Errors
/// [`LineError`] if the line is not a list.
pub fn parse_list(line: &[u8]) -> Result<List, LineError> {
    let text = std::str::from_utf8(line).map_err(|error| LineError::NotText(error.valid_up_to()))?;
    let line: ListLine<'_> = serde_json::from_str(text).map_err(|error| {
        // The parser sees a single line, and numbers it 1.
        LineError::Json(error.to_string().replace(" at line 1 ", " at "))
    })?;
    let record = |line: RecordLine<'_>| SignedRecord {
        bytes: line.record.get().as_bytes().to_vec(),
        digest: Digest(line.hash.0),
        signature: line.signature.0,
    };
    Ok(List {
        institution: line.institution.0,
        emergency: line.emergency,
        records: line.records.into_iter().map(record).collect(),
        signature: line.signature.0,
    })
}

/// Writes a list and a line feed.
///
/// # Errors
/// The error of `out`; [`io::ErrorKind::InvalidData`] or
/// [`io::ErrorKind::UnexpectedEof`] if a record is not JSON in one line.
pub fn write_list(list: &List, mut out: impl Write) -> io::Result<()> {
    let line = ListLine {
        institution: Hex(list.institution),
        emergency: list.emergency,
        signature: Hex(list.signature),
        records: list.records.iter().map(record_line).collect::<io::Result<_>>()?,
    };
    serde_json::to_writer(&mut out, &line)?;
    out.write_all(b"\n")
}

fn record_line(record: &SignedRecord) -> io::Result<RecordLine<'_>> {
    let SignedRecord { bytes, digest, signature } = record;
    let raw: &RawValue = serde_json::from_slice(bytes)?;
    if raw.get().len() != bytes.len() || bytes.contains(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a record is not JSON in one line"));
    }
    Ok(RecordLine { hash: Hex(digest.0), signature: Hex(*signature), record: raw })
}

/// A line of a file, and the list in it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Line {
    /// The line's number, from 1.
    pub number: u64,
    /// The line's length in bytes, with the line feed.
    pub length: u64,
    /// The list, or why the line is not one.
    pub list: Result<List, LineError>,
}

/// The lines of a file that are not blank. Reading continues after a line that is not
/// a list.
pub struct Lines<R> {
    file: R,
    number: u64,
    text: Vec<u8>,
}

impl<R> fmt::Debug for Lines<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("number", &self.number).finish_non_exhaustive()
    }
}

impl<R: BufRead> Lines<R> {
    /// The lines of `file`, from its current position.
    pub fn new(file: R) -> Self {
        Lines { file, number: 0, text: Vec::new() }
    }

    /// Reads the next line into the buffer, and skips what is beyond the longest line.
    /// Gives the line's length in bytes.
    fn read(&mut self) -> io::Result<u64> {
        self.number += 1;
        self.text.clear();
        let read = self.file.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut self.text)? as u64;
        if !self.is_too_long() { Ok(read) } else { Ok(read + self.file.skip_until(b'\n')? as u64) }
    }

    fn is_too_long(&self) -> bool {
        self.text.len() as u64 > MAX_LINE && !self.text.ends_with(b"\n")
    }

    fn list(&self) -> Result<List, LineError> {
        if self.is_too_long() { Err(LineError::TooLong) } else { parse_list(&self.text) }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read() {
                Ok(0) => return None,
                Ok(_) if self.text.trim_ascii().is_empty() => {}
                Ok(length) => return Some(Ok(Line { number: self.number, length, list: self.list() })),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Bytes as hexadecimal digits.
struct Hex<const N: usize>([u8; N]);

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&digits)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits<const N: usize>;

        impl<const N: usize> Visitor<'_> for Digits<N> {
            type Value = Hex<N>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{} hexadecimal digits", 2 * N)
            }

            fn visit_str<E: serde::de::Error>(self, digits: &str) -> Result<Hex<N>, E> {
                parse_hex(digits).map(Hex).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Digits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(records: &[&str]) -> List {
        let record = |record: &&str| SignedRecord {
            bytes: record.as_bytes().to_vec(),
            digest: verilane::Hash::Sha256.digest(record.as_bytes()),
            signature: [7; 64],
        };
        List {
            institution: [1; 32],
            emergency: true,
            records: records.iter().map(record).collect(),
            signature: [2; 64],
        }
    }

    fn line(list: &List) -> Vec<u8> {
        let mut line = Vec::new();
        write_list(list, &mut line).unwrap();
        line
    }

    #[test]
    fn records_keep_their_bytes() {
        let list = list(&["{\"b\": 1.00,  \"a\":\"\\u00e9é\"}", "[ ]", "-0.0e+5", "\"text\"", "null"]);
        assert_eq!(parse_list(&line(&list)).unwrap(), list);
        for bad in ["", "{", " 1", "1 ", "1\n", "[1,\n2]", "1 2"] {
            let error = write_list(&self::list(&[bad]), io::sink()).unwrap_err();
            assert!(
                matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof),
                "{bad:?}: {error}"
            );
        }
    }

    #[test]
    fn errors_say_what_is_wrong_and_where() {
        let good = String::from_utf8(line(&list(&["{}"]))).unwrap();
        for (bad, reason) in [
            (good.replace("true", "1"), "invalid type: integer `1`, expected a boolean at column 95"),
            (good.replace("emergency", "urgent"), "unknown field `urgent`"),
            (good.replace("\"emergency\":true,", ""), "missing field `emergency`"),
            (good.replacen("01", "1", 1), "64 hexadecimal digits are expected, 63 were found at column 80"),
            (good.replacen("01", "g1", 1), "character 0 is not hexadecimal"),
            (good.replacen("{}", "{", 1), "at column"),
            (good[..good.len() / 2].into(), "EOF while parsing"),
            (format!("{} x", good.trim()), "trailing characters"),
        ] {
            let error = parse_list(bad.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let at = good.find("emergency").unwrap();
        let mut bytes = good.into_bytes();
        bytes[at] = 0xff;
        assert!(matches!(parse_list(&bytes), Err(LineError::NotText(found)) if found == at));
    }

    #[test]
    fn reading_continues_after_a_bad_line() {
        let good = line(&list(&["{}"]));
        let file = [&good[..], b"\n \r\n", b"nonsense\n", &good[..good.len() - 1]].concat();
        let lines: Vec<_> = Lines::new(&file[..]).map(Result::unwrap).collect();
        let found: Vec<_> = lines.iter().map(|line| (line.number, line.list.is_ok())).collect();
        assert_eq!(found, [(1, true), (4, false), (5, true)]);
        assert_eq!(lines[0].length, good.len() as u64);
    }

    #[test]
    fn an_endless_line_is_refused_before_it_fills_the_memory() {
        let endless = io::repeat(b'[').take(MAX_LINE + 10);
        let file = io::BufReader::new(endless.chain(&b"\n{}\n"[..]));
        let lines: Vec<_> = Lines::new(file).map(Result::unwrap).collect();
        assert!(matches!(lines[0].list, Err(LineError::TooLong)));
        assert_eq!((lines[0].length, lines[1].number), (MAX_LINE + 11, 2));
    }

    proptest! {
        /// The oracle is serde_json's untyped value.
        #[test]
        fn damaged_lines_are_refused_or_read_exactly(at: prop::sample::Index, byte: u8) {
            let mut line = line(&list(&["{\"a\":[1,2.50]}", "\"b\""]));
            let at = at.index(line.len());
            line[at] = byte;
            match parse_list(&line) {
                Ok(list) => {
                    let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
                    for (record, value) in list.records.iter().zip(value["records"].as_array().unwrap()) {
                        let read: serde_json::Value = serde_json::from_slice(&record.bytes).unwrap();
                        prop_assert_eq!(&read, &value["record"]);
                        prop_assert_eq!(record.digest.to_string(), value["hash"].as_str().unwrap().to_lowercase());
                    }
                }
                Err(LineError::NotText(position)) => prop_assert!(position <= at),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
