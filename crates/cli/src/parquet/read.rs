//! Signatures to verify, read from the rows of a Parquet file.

use std::fs::File;
use std::mem;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail, ensure};
use arrow_array::cast::AsArray;
use arrow_array::{Array, BinaryViewArray, FixedSizeBinaryArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use crate::signatures::{Part, Signature};

const PUBLIC_KEY: &str = "public_key";
const SIGNATURE: &str = "signature";
const MESSAGE: &str = "message";

/// Rows decoded at a time: few enough that long values are views of the file's pages, not
/// copies.
const BATCH_ROWS: usize = 1 << 13;

/// Reads `file` to its end and passes its parts to `send`, until that returns false.
pub fn read(file: File, mut send: impl FnMut(Part) -> bool) -> anyhow::Result<()> {
    let bytes = file.metadata()?.len();
    let (rows, reader) = open(file)?;
    let bytes_a_row = bytes / rows.max(1);
    let mut part = Part::default();
    let mut row = 0;
    for batch in reader {
        let batch = batch.with_context(|| format!("row {row} or one after it"))?;
        let signatures = Signatures::of(&batch)?;
        for index in 0..batch.num_rows() {
            part.add(row, signatures.get(index));
            row += 1;
            if part.is_full() {
                part.bytes_read = bytes_a_row * part.items() as u64;
                if !send(mem::take(&mut part)) {
                    return Ok(());
                }
            }
        }
    }
    ensure!(row == rows, "the file's directory tells of {rows} rows, its pages hold {row}");
    send(part);
    Ok(())
}

/// The number of rows, and a reader of the three columns.
fn open(file: File) -> anyhow::Result<(u64, ParquetRecordBatchReader)> {
    // Types as the file stores them, not as the writer had them in memory: that leaves two
    // types of byte strings instead of a dozen.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let stored = ArrowReaderMetadata::load(&file, options)
        .context("its directory, which stands at the end, cannot be read: was the file cut short?")?;
    let options = ArrowReaderOptions::new().with_schema(Arc::new(viewed(stored.schema())));
    let metadata = ArrowReaderMetadata::try_new(stored.metadata().clone(), options)?;
    let columns = [(PUBLIC_KEY, Some(32)), (SIGNATURE, Some(64)), (MESSAGE, None)];
    let mut positions = Vec::with_capacity(columns.len());
    for (name, width) in columns {
        positions.push(find(metadata.schema(), name, width)?);
    }
    let rows = metadata.metadata().file_metadata().num_rows();
    let rows = rows.try_into().with_context(|| format!("the file's directory tells of {rows} rows"))?;
    let mask = ProjectionMask::roots(metadata.parquet_schema(), positions);
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    Ok((rows, builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()?))
}

/// The schema with byte strings of any length as views.
fn viewed(schema: &Schema) -> Schema {
    let viewed = |field: &Arc<Field>| match field.data_type() {
        DataType::Binary => Arc::new(field.as_ref().clone().with_data_type(DataType::BinaryView)),
        DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
        _ => field.clone(),
    };
    Schema::new_with_metadata(
        schema.fields().iter().map(viewed).collect::<Vec<_>>(),
        schema.metadata().clone(),
    )
}

/// The position of the one column of this name, if it is of byte strings.
fn find(schema: &Schema, name: &str, width: Option<i32>) -> anyhow::Result<usize> {
    let mut found = schema.fields().iter().enumerate().filter(|(_, field)| field.name() == name);
    let Some((index, field)) = found.next() else {
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        bail!("no column is called {name} ({})", names.join(", "));
    };
    ensure!(found.next().is_none(), "more than one column is called {name}");
    match (field.data_type(), width) {
        (DataType::FixedSizeBinary(found), Some(width)) if *found != width => {
            bail!("the column {name} has byte strings of {found} bytes: {width} are needed")
        }
        (DataType::BinaryView | DataType::Utf8View | DataType::FixedSizeBinary(_), _) => Ok(index),
        (other, _) => bail!("the column {name} is of type {other}: byte strings or text are needed"),
    }
}

/// A column of byte strings.
enum Column {
    Views(BinaryViewArray),
    Fixed(FixedSizeBinaryArray),
}

impl Column {
    fn of(batch: &RecordBatch, name: &str) -> anyhow::Result<Self> {
        let column = batch.column_by_name(name).with_context(|| format!("no column is called {name}"))?;
        Ok(match column.data_type() {
            DataType::BinaryView => Column::Views(column.as_binary_view().clone()),
            DataType::Utf8View => Column::Views(column.as_string_view().clone().to_binary_view()),
            DataType::FixedSizeBinary(_) => Column::Fixed(column.as_fixed_size_binary().clone()),
            other => bail!("the column {name} is of type {other}"),
        })
    }

    fn get(&self, index: usize) -> Option<&[u8]> {
        match self {
            Column::Views(column) => column.is_valid(index).then(|| column.value(index)),
            Column::Fixed(column) => column.is_valid(index).then(|| column.value(index)),
        }
    }
}

/// The three columns of a batch.
struct Signatures {
    public_key: Column,
    signature: Column,
    message: Column,
}

impl Signatures {
    fn of(batch: &RecordBatch) -> anyhow::Result<Self> {
        let column = |name| Column::of(batch, name);
        Ok(Signatures {
            public_key: column(PUBLIC_KEY)?,
            signature: column(SIGNATURE)?,
            message: column(MESSAGE)?,
        })
    }

    fn get(&self, index: usize) -> anyhow::Result<Signature<&[u8]>> {
        let key = fixed(self.public_key.get(index)).context(PUBLIC_KEY)?;
        let signature = fixed(self.signature.get(index)).context(SIGNATURE)?;
        let message = self.message.get(index).context("it is null").context(MESSAGE)?;
        Ok((key, signature, message))
    }
}

fn fixed<const N: usize>(value: Option<&[u8]>) -> anyhow::Result<[u8; N]> {
    let value = value.context("it is null")?;
    value.try_into().map_err(|_| anyhow!("{N} bytes are expected, {} were found", value.len()))
}
