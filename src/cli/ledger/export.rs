//! `verilane ledger export`: a ledger's records as rows of a Parquet file.

use std::fmt;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use arrow_array::{
    ArrayRef, BinaryArray, FixedSizeBinaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use serde::Serialize;
use verilane::ledger::{Block, BlockList, Entry, Fate, Ledger};

use crate::cli::context::Context;
use crate::cli::units::{Count, Counted};
use crate::cli::{Status, output, progress};

/// Export the records of a ledger as rows of a Parquet file, which `verify` reads too
///
/// There is a row for each record of each list, also for those left out when the list was sealed.
/// Its columns: position among all rows; block, list and record, the places that `audit` names;
/// public_key, of the institution; message, the SHA-256 that the institution signed; signature;
/// fate: stored, seen (a duplicate) or refused; bytes, the record, where it is stored. All numbers
/// count from 0. Nothing is checked: `audit` does that.
#[derive(clap::Args)]
pub struct Args {
    /// The folder of the ledger
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// The file to write, which must not be there yet
    #[arg(long, value_name = "FILE")]
    parquet: PathBuf,
}

#[derive(Serialize)]
struct Summary {
    file: String,
    blocks: u64,
    rows: u64,
    stored: u64,
}

/// What a reader has to hold at once.
const ROW_GROUP_BYTES: usize = 64 << 20;

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let ledger = Ledger::open(&args.ledger)?;
    let path = &args.parquet;
    let file = File::create_new(path).with_context(|| format!("cannot make {}", path.display()))?;
    let mut summary =
        Summary { file: path.display().to_string(), blocks: ledger.blocks(), rows: 0, stored: 0 };
    if let Err(error) = export(&ledger, file, &mut summary) {
        // Half an export is none. Where it cannot be removed, its missing end shows that.
        let _ = fs::remove_file(path);
        return Err(error.context(format!("cannot export to {}", path.display())));
    }
    output::print(context, &summary)?;
    Ok(Status::Passed)
}

fn export(ledger: &Ledger, file: File, summary: &mut Summary) -> anyhow::Result<()> {
    let bar = progress::steps(ledger.blocks(), "blocks");
    let mut writer = ArrowWriter::try_new(file, schema(), Some(properties()))?;
    for height in 0..ledger.blocks() {
        let encoding = ledger.block(height)?;
        let block = ledger.decode(height, &encoding)?;
        let rows = rows(&block);
        writer.write(&batch(height, summary.rows, &rows)?)?;
        summary.rows += rows.len() as u64;
        summary.stored += block.records.len() as u64;
        bar.inc(1);
    }
    writer.close()?;
    bar.finish_and_clear();
    Ok(())
}

/// Whole numbers are signed: Spark has no others.
fn schema() -> SchemaRef {
    let field = |name, data_type| Field::new(name, data_type, false);
    Arc::new(Schema::new(vec![
        field("position", DataType::Int64),
        field("block", DataType::Int64),
        field("list", DataType::Int32),
        field("record", DataType::Int32),
        field("public_key", DataType::FixedSizeBinary(32)),
        field("message", DataType::FixedSizeBinary(32)),
        field("signature", DataType::FixedSizeBinary(64)),
        field("fate", DataType::Utf8),
        Field::new("bytes", DataType::Binary, true),
    ]))
}

/// Few institutions sign much, and a dictionary of their keys is short; of what is
/// different in each row there is none.
fn properties() -> WriterProperties {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES));
    let unique = ["position", "message", "signature", "bytes"].into_iter();
    let plain = |name| ColumnPath::from(name);
    unique.map(plain).fold(properties, |all, name| all.set_column_dictionary_enabled(name, false)).build()
}

/// A record's entry in a block.
struct Row<'a> {
    list_index: usize,
    index: usize,
    list: &'a BlockList,
    entry: &'a Entry,
    bytes: Option<&'a [u8]>,
}

fn rows<'a>(block: &'a Block<'_>) -> Vec<Row<'a>> {
    let mut stored = block.records.iter();
    let mut rows = Vec::new();
    for (list_index, list) in block.lists.iter().enumerate() {
        for (index, entry) in list.entries.iter().enumerate() {
            let bytes = if entry.fate == Fate::Stored { stored.next() } else { None };
            rows.push(Row { list_index, index, list, entry, bytes });
        }
    }
    rows
}

/// The rows of the block of this height; the first one has this position.
fn batch(height: u64, position: u64, rows: &[Row<'_>]) -> anyhow::Result<RecordBatch> {
    let positions = (position as i64..).take(rows.len());
    let columns: [ArrayRef; 9] = [
        Arc::new(Int64Array::from_iter_values(positions)),
        Arc::new(Int64Array::from_value(height as i64, rows.len())),
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.list_index as i32))),
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.index as i32))),
        fixed(rows, |row| row.list.institution)?,
        fixed(rows, |row| row.entry.digest.0)?,
        fixed(rows, |row| row.entry.signature)?,
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| fate(row.entry.fate)))),
        Arc::new(BinaryArray::from_iter(rows.iter().map(|row| row.bytes))),
    ];
    Ok(RecordBatch::try_new(schema(), columns.into())?)
}

fn fixed<const N: usize>(rows: &[Row<'_>], field: impl Fn(&Row<'_>) -> [u8; N]) -> anyhow::Result<ArrayRef> {
    let values = rows.iter().map(|row| Some(field(row)));
    Ok(Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, N as i32)?))
}

fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Stored => "stored",
        Fate::Seen => "seen",
        Fate::Refused => "refused",
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, blocks) = (Counted(self.rows, "row"), Counted(self.blocks, "block"));
        write!(f, "{rows} of {blocks}, {} with their bytes, are in {}", Count(self.stored), self.file)
    }
}
