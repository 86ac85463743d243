//! Signatures to verify, read from JSON lines or CSV, and the parts in which files of any
//! format are read.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use csv::{ByteRecord, ReaderBuilder};
use serde::Deserialize;
use verilane::signature::Batch;
use verilane::{parse_hex, parse_hex_bytes};

use crate::parquet;

/// Signatures in one batch: many more than there are lanes, few enough to show progress.
const BATCH_SIGNATURES: usize = 1 << 16;

/// The bytes of messages in a full batch.
const BATCH_BYTES: u64 = 64 << 20;

/// What some editors write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Signatures to verify, and lines or rows that hold none.
#[derive(Default)]
pub struct Part {
    /// The signatures.
    pub batch: Batch<'static>,
    /// The line of each, from 1, or its row, from 0.
    pub places: Vec<u64>,
    /// Lines or rows that hold no signature, and why not.
    pub malformed: Vec<(u64, String)>,
    /// Bytes of the file that this part was read from.
    pub bytes_read: u64,
}

/// A public key, a signature by it, and the message.
pub type Signature<M> = ([u8; 32], [u8; 64], M);

impl Part {
    /// The number of signatures and of malformed lines or rows.
    pub fn items(&self) -> usize {
        self.places.len() + self.malformed.len()
    }

    /// Whether to verify it before reading more.
    pub fn is_full(&self) -> bool {
        self.items() >= BATCH_SIGNATURES || self.batch.messages().total_bytes() >= BATCH_BYTES
    }

    /// Adds the signature at `place`, a line or a row.
    pub fn add<M: AsRef<[u8]>>(&mut self, place: u64, signature: anyhow::Result<Signature<M>>) {
        match signature {
            Ok((key, signature, message)) => {
                self.batch.push(&key, &signature, message.as_ref());
                self.places.push(place);
            }
            Err(error) => self.malformed.push((place, format!("{error:#}"))),
        }
    }

    fn add_fields(&mut self, line: u64, fields: anyhow::Result<Fields<'_>>) {
        self.add(line, fields.and_then(|fields| fields.decode()));
    }
}

/// The fields of a line, undecoded.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    public_key: Cow<'a, str>,
    #[serde(borrow)]
    signature: Cow<'a, str>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message_base64: Option<Cow<'a, str>>,
}

impl Fields<'_> {
    fn decode(&self) -> anyhow::Result<Signature<Vec<u8>>> {
        let key = parse_hex(&self.public_key).context("public_key")?;
        let signature = parse_hex(&self.signature).context("signature")?;
        let message = match (&self.message, &self.message_base64) {
            (Some(hex), None) => parse_hex_bytes(hex).context("message")?,
            (None, Some(base64)) => BASE64_STANDARD.decode(base64.as_bytes()).context("message_base64")?,
            (None, None) => bail!("a message or a message_base64 is needed"),
            (Some(_), Some(_)) => bail!("a message and a message_base64 are too much: one is needed"),
        };
        Ok((key, signature, message))
    }
}

/// The format of a file's lines.
enum Format {
    JsonLines,
    Csv(Columns),
}

/// Reads `file` to its end and passes its parts to `send`, until that returns false.
///
/// Lines are split here and not by the CSV reader, which miscounts them after blank lines.
pub fn read(file: impl Read, mut send: impl FnMut(Part) -> bool) -> anyhow::Result<()> {
    let mut file = BufReader::with_capacity(1 << 20, file);
    if file.fill_buf()?.starts_with(parquet::MAGIC) {
        bail!("it is Parquet, which is read from files alone: its directory stands at the end");
    }
    if file.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
        file.consume(BYTE_ORDER_MARK.len());
    }
    let mut format = None;
    let mut part = Part::default();
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let length = file.read_until(b'\n', &mut text)?;
        if length == 0 {
            break;
        }
        part.bytes_read += length as u64;
        match (&format, text.trim_ascii()) {
            (_, []) => {}
            (None, [b'{', ..]) => {
                part.add_fields(line, json_fields(&text));
                format = Some(Format::JsonLines);
            }
            (None, header) => format = Some(Format::Csv(Columns::find(&csv_record(header)?)?)),
            (Some(Format::JsonLines), json) => part.add_fields(line, json_fields(json)),
            (Some(Format::Csv(columns)), row) => match csv_record(row) {
                Ok(record) => part.add_fields(line, columns.fields(&record)),
                Err(error) => part.add_fields(line, Err(error)),
            },
        }
        if part.is_full() && !send(std::mem::take(&mut part)) {
            return Ok(());
        }
    }
    send(part);
    Ok(())
}

fn json_fields(line: &[u8]) -> anyhow::Result<Fields<'_>> {
    // The parser sees a single line and always calls it line 1.
    serde_json::from_slice(line).map_err(|error| anyhow!(error.to_string().replace(" at line 1 ", " at ")))
}

fn csv_record(line: &[u8]) -> anyhow::Result<ByteRecord> {
    if !line.contains(&b'"') {
        return Ok(line.split(|&byte| byte == b',').collect());
    }
    let mut record = ByteRecord::new();
    let mut reader = ReaderBuilder::new().has_headers(false).buffer_capacity(line.len()).from_reader(line);
    reader.read_byte_record(&mut record)?;
    Ok(record)
}

/// The positions of the columns in the header of a CSV file.
struct Columns {
    public_key: usize,
    signature: usize,
    message: Option<usize>,
    message_base64: Option<usize>,
}

impl Columns {
    fn find(header: &ByteRecord) -> anyhow::Result<Self> {
        let find = |name: &str| header.iter().position(|column| column.trim_ascii() == name.as_bytes());
        let columns = || header.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(", ");
        let need = |name| {
            find(name).with_context(|| {
                format!(
                    "neither JSON lines nor CSV with a header: no column is called {name} ({})",
                    columns()
                )
            })
        };
        let columns = Columns {
            public_key: need("public_key")?,
            signature: need("signature")?,
            message: find("message"),
            message_base64: find("message_base64"),
        };
        if columns.message.is_none() && columns.message_base64.is_none() {
            bail!("the CSV header has no column called message or message_base64");
        }
        Ok(columns)
    }

    fn fields<'r>(&self, record: &'r ByteRecord) -> anyhow::Result<Fields<'r>> {
        let field = |index: usize, name: &str| -> anyhow::Result<Cow<'r, str>> {
            let text = record.get(index).with_context(|| format!("{name} is missing"))?;
            let text = std::str::from_utf8(text).with_context(|| format!("{name} is not text"))?;
            Ok(Cow::Borrowed(text.trim()))
        };
        let message = self.message.map(|index| field(index, "message")).transpose()?;
        let message_base64 = self.message_base64.map(|index| field(index, "message_base64")).transpose()?;
        // Where both columns are there, the empty one does not count.
        let (message, message_base64) = match (message, message_base64) {
            (Some(message), Some(base64)) if base64.is_empty() => (Some(message), None),
            (Some(message), Some(base64)) if message.is_empty() => (None, Some(base64)),
            messages => messages,
        };
        let public_key = field(self.public_key, "public_key")?;
        Ok(Fields { public_key, signature: field(self.signature, "signature")?, message, message_base64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Part {
        let mut parts = Vec::new();
        read(text.as_bytes(), |part| {
            parts.push(part);
            true
        })
        .unwrap();
        assert_eq!(parts.len(), 1);
        parts.remove(0)
    }

    fn malformed(part: &Part) -> Vec<u64> {
        part.malformed.iter().map(|line| line.0).collect()
    }

    #[test]
    fn csv_lines_are_counted_as_an_editor_counts_them() {
        let (key, signature) = ("0".repeat(64), "1".repeat(128));
        let good = format!("{signature},ff,{key}");
        for end in ["\n", "\r\n"] {
            let lines = ["signature,message,public_key", &good, "", "", &good, "a,b", "\"x\"", "", &good];
            let part = parts(&lines.join(end));
            assert_eq!((part.places.clone(), malformed(&part)), (vec![2, 5, 9], vec![6, 7]), "{end:?}");
            assert_eq!(part.batch.messages().get(0), [0xff]);
        }
    }

    #[test]
    fn json_lines_are_counted_and_judged_one_by_one() {
        let (key, signature) = ("0".repeat(64), "1".repeat(128));
        let good =
            format!(r#"{{"public_key":"{key}","signature":"{signature}","message_base64":"/w==","more":1}}"#);
        let both = good.replace("more\":1", "message\":\"ff\"");
        let neither = good.replace("message_base64", "note");
        let cut = &good[..20];
        let wide = good.replace("\"0", "\"00");
        let lines = [&good, "", &both, &neither, cut, &wide, "[]", &good];
        let part = parts(&format!("\u{feff}{}", lines.join("\n")));
        assert_eq!((part.places.clone(), malformed(&part)), (vec![1, 8], vec![3, 4, 5, 6, 7]));
        assert_eq!(part.batch.messages().get(1), [0xff]);
        assert!(part.malformed[3].1.contains("64 hexadecimal digits are expected, 65 were found"));
    }
}
