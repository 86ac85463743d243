//! A ledger's records as the rows of a Parquet file.

use std::fs::File;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, FixedSizeBinaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use verilane_ledger::{Block, BlockList, Entry, Fate, Ledger};

use super::Rows;
use crate::shared::progress;

/// What a reader has to hold in memory.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// Writes a row for each entry of each block, and returns their number.
pub fn write(ledger: &Ledger, file: File) -> anyhow::Result<Rows> {
    let mut written = Rows::default();
    let bar = progress::steps(ledger.blocks(), "blocks");
    let mut writer = ArrowWriter::try_new(file, schema(), Some(properties()))?;
    for height in 0..ledger.blocks() {
        let encoding = ledger.block(height)?;
        let block = ledger.decode(height, &encoding)?;
        let rows = rows(&block);
        writer.write(&batch(height, written.all, &rows)?)?;
        written.all += rows.len() as u64;
        written.stored += block.records.len() as u64;
        bar.inc(1);
    }
    writer.close()?;
    bar.finish_and_clear();
    Ok(written)
}

/// Integers are signed: Spark has no unsigned ones.
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

/// A dictionary pays for the keys, as few institutions sign many records. Columns that
/// differ in each row have none.
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
