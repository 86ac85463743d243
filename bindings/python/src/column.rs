//! Columns of byte strings: Arrow arrays, and iterables packed into one chunk.

use std::borrow::Cow;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::ByteArrayType;
use arrow_array::{Array, ArrayRef, GenericByteArray, OffsetSizeTrait};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_schema::DataType;
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use verilane::{Digest, Records};

use crate::arrow;
use crate::error::{exception, input_error, replace_type_error, row_error, row_type_error, type_error};

/// The form of results, which follows that of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// A pyarrow array.
    Arrow,
    /// A list of Python objects.
    List,
}

impl OutputFormat {
    /// The form of results for several columns: Arrow if any of them is an Arrow array.
    pub fn of(columns: &[&Column]) -> Self {
        let arrow = columns.iter().any(|column| column.format == OutputFormat::Arrow);
        if arrow { OutputFormat::Arrow } else { OutputFormat::List }
    }

    /// Raises what results in this form would raise where pyarrow is not installed.
    pub fn check_available(self, py: Python<'_>) -> PyResult<()> {
        match self {
            OutputFormat::Arrow => arrow::pyarrow(py).map(drop),
            OutputFormat::List => Ok(()),
        }
    }
}

/// A column of byte strings: the chunks of an Arrow array, or one chunk of packed items.
pub struct Column {
    chunks: Chunks<Chunk>,
    format: OutputFormat,
}

impl Column {
    /// Reads a column; errors call one row of it an `item`.
    pub fn read(object: &Bound<'_, PyAny>, item: &str) -> PyResult<Self> {
        let Some(arrays) = arrow::import(object)? else {
            let chunks = Chunks::new(vec![pack(object, item)?]);
            return Ok(Column { chunks, format: OutputFormat::List });
        };
        let mut row = 0;
        let mut chunks = Vec::with_capacity(arrays.len());
        for array in arrays {
            check_no_nulls(&array, item, row)?;
            row += array.len();
            chunks.push(Chunk::from_array(&array, item)?);
        }
        Ok(Column { chunks: Chunks::new(chunks), format: OutputFormat::Arrow })
    }

    /// The form of results for this column.
    pub fn format(&self) -> OutputFormat {
        self.format
    }

    /// Its chunks.
    pub fn chunks(&self) -> &Chunks<Chunk> {
        &self.chunks
    }

    /// All rows: borrowed if they lie in one chunk, copied otherwise.
    ///
    /// # Errors
    /// [`verilane::Error::Offsets`] if an array's offsets do not describe its buffer.
    pub fn gathered(&self) -> Result<Records<'_>, verilane::Error> {
        if let [chunk] = &self.chunks.chunks[..] {
            return chunk.records(0..chunk.len());
        }
        let mut gathered = Records::with_capacity(self.chunks.len(), 0);
        for chunk in self.chunks.iter() {
            chunk.records(0..chunk.len())?.iter().for_each(|record| gathered.push(record));
        }
        Ok(gathered)
    }

    /// The column as byte strings of `N` bytes each.
    pub fn fixed<const N: usize>(&self, item: &str) -> PyResult<Fixed<N>> {
        let mut row = 0;
        let mut chunks = Vec::new();
        for chunk in self.chunks.iter() {
            chunks.push(chunk.fixed(item, row)?);
            row += chunk.len();
        }
        Ok(Chunks::new(chunks))
    }
}

/// A column of byte strings of `N` bytes each.
pub type Fixed<const N: usize> = Chunks<FixedChunk<N>>;

impl<const N: usize> Fixed<N> {
    /// All rows: borrowed if they lie in one chunk, copied otherwise.
    pub fn gathered(&self) -> Cow<'_, [[u8; N]]> {
        match &self.chunks[..] {
            [chunk] => Cow::Borrowed(chunk.as_slice()),
            chunks => Cow::Owned(chunks.iter().map(FixedChunk::as_slice).collect::<Vec<_>>().concat()),
        }
    }
}

impl Fixed<32> {
    /// All rows as digests: borrowed if they lie in one chunk, copied otherwise.
    pub fn digests(&self) -> Cow<'_, [Digest]> {
        match self.gathered() {
            Cow::Borrowed(rows) => Cow::Borrowed(bytemuck::cast_slice(rows)),
            Cow::Owned(rows) => Cow::Owned(bytemuck::cast_vec(rows)),
        }
    }
}

/// Consecutive rows of a column, contiguous in memory.
pub trait Rows {
    /// Their number.
    fn len(&self) -> usize;
}

/// A column's chunks, and the rows at which each starts and the last ends.
pub struct Chunks<C> {
    chunks: Vec<C>,
    starts: Vec<usize>,
}

impl<C: Rows> Chunks<C> {
    /// Drops chunks without rows.
    fn new(mut chunks: Vec<C>) -> Self {
        chunks.retain(|chunk| chunk.len() > 0);
        let mut starts = vec![0];
        starts.extend(chunks.iter().scan(0, |end, chunk| {
            *end += chunk.len();
            Some(*end)
        }));
        Chunks { chunks, starts }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.starts[self.chunks.len()]
    }

    /// The rows at which each chunk starts and the last ends.
    pub fn boundaries(&self) -> &[usize] {
        &self.starts
    }

    /// The chunks in order.
    pub fn iter(&self) -> impl Iterator<Item = &C> {
        self.chunks.iter()
    }

    /// The chunk in which `rows` lie, and their positions in it.
    ///
    /// # Panics
    /// If there are no such rows in one chunk.
    pub fn locate(&self, rows: Range<usize>) -> (&C, Range<usize>) {
        let chunk = self.starts.partition_point(|&start| start <= rows.start) - 1;
        let start = self.starts[chunk];
        (&self.chunks[chunk], rows.start - start..rows.end - start)
    }
}

/// Byte strings of any lengths.
pub struct Chunk {
    bytes: Buffer,
    layout: Layout,
}

enum Layout {
    /// All have this width.
    Fixed { width: usize, rows: usize },
    /// 64-bit offsets, as Arrow's large types have them.
    Large(OffsetBuffer<i64>),
    /// Offsets of packed items, or widened from 32 bits.
    Offsets(Vec<u64>),
}

impl Rows for Chunk {
    fn len(&self) -> usize {
        match &self.layout {
            Layout::Fixed { rows, .. } => *rows,
            Layout::Large(offsets) => offsets.len() - 1,
            Layout::Offsets(offsets) => offsets.len() - 1,
        }
    }
}

impl Chunk {
    fn from_array(array: &ArrayRef, item: &str) -> PyResult<Self> {
        match array.data_type() {
            DataType::Binary => variable(array.as_binary::<i32>(), widened),
            DataType::Utf8 => variable(array.as_string::<i32>(), widened),
            DataType::LargeBinary => variable(array.as_binary::<i64>(), Layout::Large),
            DataType::LargeUtf8 => variable(array.as_string::<i64>(), Layout::Large),
            DataType::FixedSizeBinary(_) => {
                let array = array.as_fixed_size_binary();
                let layout = Layout::Fixed { width: array.value_length() as usize, rows: array.len() };
                Ok(Chunk { bytes: array.values().clone(), layout })
            }
            other => Err(input_error(format_args!(
                "a {item} cannot be of Arrow's type {other}: cast the column to binary, large_binary \
                 or a fixed_size_binary"
            ))),
        }
    }

    /// The rows at `range`, borrowed.
    ///
    /// # Errors
    /// [`verilane::Error::Offsets`] if the array's offsets do not describe its buffer.
    pub fn records(&self, range: Range<usize>) -> Result<Records<'_>, verilane::Error> {
        let offsets: &[u64] = match &self.layout {
            &Layout::Fixed { width, .. } => {
                return Records::from_fixed(&self.bytes[range.start * width..range.end * width], width);
            }
            Layout::Large(offsets) => bytemuck::cast_slice(offsets),
            Layout::Offsets(offsets) => offsets,
        };
        Records::new(&self.bytes, &offsets[range.start..=range.end])
    }

    fn fixed<const N: usize>(&self, item: &str, first_row: usize) -> PyResult<FixedChunk<N>> {
        let wrong_width = |row, width| {
            row_error(first_row + row, format_args!("a {item} has {N} bytes, this one has {width}"))
        };
        let start = match &self.layout {
            Layout::Fixed { width, .. } if *width == N => 0,
            Layout::Fixed { width, .. } => return Err(wrong_width(0, *width)),
            _ => {
                let records = self.records(0..self.len()).map_err(exception)?;
                if let Some(row) = (0..records.len()).find(|&row| records.length(row) != N) {
                    return Err(wrong_width(row, records.length(row)));
                }
                records.offsets()[0] as usize
            }
        };
        Ok(FixedChunk(self.bytes.slice_with_length(start, self.len() * N)))
    }
}

fn variable<T: ByteArrayType>(
    array: &GenericByteArray<T>,
    layout: impl Fn(OffsetBuffer<T::Offset>) -> Layout,
) -> PyResult<Chunk> {
    // An empty array's only offset may have any value.
    if array.is_empty() {
        return Ok(Chunk { bytes: Buffer::default(), layout: Layout::Offsets(vec![0]) });
    }
    Ok(Chunk { bytes: array.values().clone(), layout: layout(array.offsets().clone()) })
}

/// A negative offset becomes one past the end of any buffer, which `Records` refuses.
fn widened<O: OffsetSizeTrait>(offsets: OffsetBuffer<O>) -> Layout {
    Layout::Offsets(
        offsets.iter().map(|offset| offset.to_i64().map_or(u64::MAX, |offset| offset as u64)).collect(),
    )
}

/// Byte strings of `N` bytes each.
pub struct FixedChunk<const N: usize>(Buffer);

impl<const N: usize> FixedChunk<N> {
    /// The rows.
    pub fn as_slice(&self) -> &[[u8; N]] {
        self.0.as_chunks().0
    }
}

impl<const N: usize> Rows for FixedChunk<N> {
    fn len(&self) -> usize {
        self.0.len() / N
    }
}

fn check_no_nulls(array: &ArrayRef, item: &str, first_row: usize) -> PyResult<()> {
    let null = array.nulls().and_then(|nulls| nulls.iter().position(|present| !present));
    null.map_or(Ok(()), |row| Err(row_error(first_row + row, format_args!("the {item} is null"))))
}

/// Packs the items of an iterable into one chunk.
fn pack(object: &Bound<'_, PyAny>, item: &str) -> PyResult<Chunk> {
    const COLUMN: &str = "a column is an Arrow array or an iterable of byte strings";
    if object.is_instance_of::<PyString>() {
        return Err(type_error(object, COLUMN));
    }
    let items = object.try_iter().map_err(|error| replace_type_error(object.py(), error, COLUMN))?;
    let mut bytes = Vec::new();
    let mut offsets = vec![0];
    for (row, value) in items.enumerate() {
        append(&mut bytes, &value?, item, row)?;
        offsets.push(bytes.len() as u64);
    }
    Ok(Chunk { bytes: Buffer::from_vec(bytes), layout: Layout::Offsets(offsets) })
}

/// Text is appended in UTF-8, as Arrow's string arrays hold it.
fn append(bytes: &mut Vec<u8>, value: &Bound<'_, PyAny>, item: &str, row: usize) -> PyResult<()> {
    if let Ok(value) = value.cast::<PyBytes>() {
        bytes.extend_from_slice(value.as_bytes());
        return Ok(());
    }
    if let Ok(text) = value.cast::<PyString>() {
        let text = text.to_str().map_err(|error| {
            row_error(row, format_args!("the {item} has no UTF-8 form: {}", error.value(value.py())))
        })?;
        bytes.extend_from_slice(text.as_bytes());
        return Ok(());
    }
    let Ok(buffer) = PyBuffer::<u8>::get(value) else {
        let expected = format_args!("a {item} is bytes, a buffer of bytes, or a str");
        return Err(row_type_error(row, value, expected));
    };
    let start = bytes.len();
    bytes.resize(start + buffer.item_count(), 0);
    buffer.copy_to_slice(value.py(), &mut bytes[start..])
}
