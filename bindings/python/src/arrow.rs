//! Arrow's C data interface, through the capsule protocol of Python.

#![expect(unsafe_code, reason = "the Arrow C data interface")]

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type, to_ffi};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array, ArrayRef, make_array};
use arrow_schema::{ArrowError, DataType};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods};

use crate::error::{input_error, type_error};

const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";
const STREAM: &CStr = c"arrow_array_stream";

/// The chunks of an Arrow array or chunked array; `None` if `object` is neither.
pub fn import(object: &Bound<'_, PyAny>) -> PyResult<Option<Vec<ArrayRef>>> {
    let py = object.py();
    if let Some(export) = object.getattr_opt(intern!(py, "__arrow_c_array__"))? {
        let exported = export.call0()?;
        let pair = exported.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>();
        let (schema, array) =
            pair.map_err(|_| type_error(&exported, "__arrow_c_array__ gives two capsules"))?;
        return Ok(Some(vec![import_array(capsule(&schema)?, capsule(&array)?)?]));
    }
    if let Some(export) = object.getattr_opt(intern!(py, "__arrow_c_stream__"))? {
        return import_stream(capsule(&export.call0()?)?).map(Some);
    }
    Ok(None)
}

fn capsule<'a, 'py>(object: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyCapsule>> {
    object.cast().map_err(|_| type_error(object, "an Arrow array is exported in capsules"))
}

/// The struct in a capsule of the name that the protocol gives it.
fn content<T>(capsule: &Bound<'_, PyCapsule>, name: &CStr) -> PyResult<NonNull<T>> {
    let content = capsule.pointer_checked(Some(name)).map_err(|_| {
        input_error(format_args!(
            "there is no {} in the capsule that an Arrow array exports",
            name.to_string_lossy()
        ))
    })?;
    Ok(content.cast())
}

fn import_array(schema: &Bound<'_, PyCapsule>, array: &Bound<'_, PyCapsule>) -> PyResult<ArrayRef> {
    let schema = content::<FFI_ArrowSchema>(schema, SCHEMA)?;
    let array = content::<FFI_ArrowArray>(array, ARRAY)?;
    // SAFETY: capsules of these names hold such structs, by Arrow's capsule protocol.
    // The array is moved out, which marks the capsule's as released; the schema is
    // only read, while the caller holds its capsule.
    let (array, schema) = unsafe { (FFI_ArrowArray::from_raw(array.as_ptr()), schema.as_ref()) };
    import_checked(array, &DataType::try_from(schema).map_err(arrow_error)?)
}

fn import_stream(stream: &Bound<'_, PyCapsule>) -> PyResult<Vec<ArrayRef>> {
    let stream = content::<FFI_ArrowArrayStream>(stream, STREAM)?;
    // SAFETY: a capsule of this name holds such a struct, by Arrow's capsule protocol;
    // it is moved out, which marks the capsule's as released.
    let mut stream = unsafe { FFI_ArrowArrayStream::from_raw(stream.as_ptr()) };
    let (get_schema, get_next) = (stream.get_schema(), stream.get_next());
    let mut schema = FFI_ArrowSchema::empty();
    read(&mut stream, get_schema, &mut schema)?;
    let data_type = DataType::try_from(&schema).map_err(arrow_error)?;
    let mut chunks = Vec::new();
    loop {
        let mut array = FFI_ArrowArray::empty();
        read(&mut stream, get_next, &mut array)?;
        if array.is_released() {
            return Ok(chunks);
        }
        chunks.push(import_checked(array, &data_type)?);
    }
}

/// A stream's callback that fills in a struct.
type Callback<T> = unsafe extern "C" fn(*mut FFI_ArrowArrayStream, *mut T) -> c_int;

fn read<T>(stream: &mut FFI_ArrowArrayStream, callback: Option<Callback<T>>, out: &mut T) -> PyResult<()> {
    let callback = callback.ok_or_else(|| input_error("the Arrow stream was read before"))?;
    // SAFETY: the callback is the stream's own, and fills in an empty struct.
    if unsafe { callback(stream, out) } == 0 {
        return Ok(());
    }
    let reason = stream.get_last_error().and_then(|last_error| {
        // SAFETY: the callback is the stream's own, and the stream's last call has failed.
        let reason = unsafe { last_error(stream) };
        // SAFETY: it is null, or a string that the stream keeps until its next call.
        (!reason.is_null()).then(|| unsafe { CStr::from_ptr(reason) }.to_string_lossy())
    });
    Err(input_error(format_args!(
        "the Arrow stream failed: {}",
        reason.unwrap_or("it gives no reason".into())
    )))
}

/// Imports an array. The interface does not give the lengths of buffers: arrow-rs derives
/// that of the bytes from the last offset, which must therefore not be negative.
fn import_checked(array: FFI_ArrowArray, data_type: &DataType) -> PyResult<ArrayRef> {
    let is_valid = match data_type {
        DataType::Binary | DataType::Utf8 => last_offset::<i32>(&array).is_none_or(|last| last >= 0),
        DataType::LargeBinary | DataType::LargeUtf8 => {
            last_offset::<i64>(&array).is_none_or(|last| last >= 0)
        }
        _ => true,
    };
    if !is_valid {
        return Err(input_error("the Arrow array's last offset is negative"));
    }
    // SAFETY: array and type come from one producer, by the protocol.
    let data = unsafe { from_ffi_and_data_type(array, data_type.clone()) };
    Ok(make_array(data.map_err(arrow_error)?))
}

/// An array's last offset, if it has offsets.
fn last_offset<O: Copy>(array: &FFI_ArrowArray) -> Option<O> {
    let rows = array.offset() + array.len();
    if rows == 0 || array.num_buffers() < 2 || array.buffer(1).is_null() {
        return None;
    }
    let offsets = array.buffer(1).cast::<O>();
    // SAFETY: by the protocol, an array of `length` strings after the first `offset` has
    // one offset more than these two together.
    Some(unsafe { offsets.add(rows).read_unaligned() })
}

fn arrow_error(error: ArrowError) -> PyErr {
    input_error(format_args!("the Arrow array cannot be read: {error}"))
}

/// An array that another library can import.
#[pyclass(frozen)]
struct Exported(ArrayRef);

#[pymethods]
impl Exported {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        let _ = requested_schema;
        let (array, schema) = to_ffi(&self.0.to_data()).map_err(arrow_error)?;
        let schema = PyCapsule::new_with_value(py, schema, SCHEMA)?;
        Ok((schema, PyCapsule::new_with_value(py, array, ARRAY)?))
    }
}

/// `array` as a pyarrow array, without a copy.
pub fn export(py: Python<'_>, array: ArrayRef) -> PyResult<Bound<'_, PyAny>> {
    pyarrow(py)?.call_method1(intern!(py, "array"), (Exported(array),))
}

/// The module pyarrow.
pub fn pyarrow(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import(intern!(py, "pyarrow"))
}
