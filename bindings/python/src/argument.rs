//! Converts arguments from Python objects. What it refuses raises the package's exceptions.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use pyo3::buffer::PyBuffer;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use verilane::cpu::Isa;
use verilane::ed25519::Rule;
use verilane::{Digest, Hash, Key, Placement};

use crate::error::{exception, input_error, replace_type_error, type_error};

/// The bytes of an argument; messages call it `item`.
fn bytes<'a>(object: &'a Bound<'_, PyAny>, item: &str) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(bytes.as_bytes()));
    }
    let Ok(buffer) = PyBuffer::<u8>::get(object) else {
        return Err(type_error(object, format_args!("{item} is bytes or a buffer of bytes")));
    };
    buffer.to_vec(object.py()).map(Cow::Owned)
}

/// The 32 bytes of an argument; messages call it `item`.
pub fn digest(object: &Bound<'_, PyAny>, item: &str) -> PyResult<Digest> {
    let bytes = bytes(object, item)?;
    let wrong = |_| input_error(format_args!("{item} has 32 bytes, this one has {}", bytes.len()));
    bytes.as_ref().try_into().map(Digest).map_err(wrong)
}

/// A block header.
pub fn header(object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    Ok(bytes(object, "a header")?.into_owned())
}

/// The key of a keyed hash, if one is given.
pub fn key(object: &Bound<'_, PyAny>) -> PyResult<Option<Key>> {
    if object.is_none() { Ok(None) } else { digest(object, "a key").map(|key| Some(Key(key.0))) }
}

/// An integer in `range`; in messages `valid` describes the range.
pub fn integer(
    object: &Bound<'_, PyAny>,
    name: &str,
    range: RangeInclusive<u64>,
    valid: &str,
) -> PyResult<u64> {
    let number = to_int(object, format_args!("{name} is an int"))?;
    number.extract().ok().filter(|number| range.contains(number)).ok_or_else(|| {
        // Python refuses to write out integers of more than 4300 digits.
        let shown = number.str().map_or_else(|_| "so large a number".into(), |shown| shown.to_string());
        input_error(format_args!("{name} cannot be {shown}: {valid} would be valid"))
    })
}

/// An object as a Python int; in messages `expected` describes what it should be.
pub fn to_int<'py>(object: &Bound<'py, PyAny>, expected: impl Display) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let index = py.import(intern!(py, "operator"))?.call_method1(intern!(py, "index"), (object,));
    index.map_err(|error| replace_type_error(py, error, expected))
}

/// A number of host threads.
pub fn threads(object: &Bound<'_, PyAny>) -> PyResult<usize> {
    size(object, "threads", "0, for one for each processor, or their number")
}

/// A size or position in memory.
pub fn size(object: &Bound<'_, PyAny>, name: &str, valid: &str) -> PyResult<usize> {
    integer(object, name, 0..=usize::MAX as u64, valid).map(|number| number as usize)
}

/// A name or other text.
fn text(object: &Bound<'_, PyAny>, item: &str) -> PyResult<String> {
    let text = object.cast::<PyString>().map_err(|_| type_error(object, format_args!("{item} is a str")))?;
    text.to_str()
        .map(Into::into)
        .map_err(|error| input_error(format_args!("{item} is text in UTF-8: {}", error.value(object.py()))))
}

/// The name of a tree's rule.
pub fn tree(object: &Bound<'_, PyAny>) -> PyResult<String> {
    text(object, "a tree")
}

/// A hash without a key.
pub fn hash(object: &Bound<'_, PyAny>) -> PyResult<Hash> {
    text(object, "a hash")?.parse().map_err(exception)
}

/// A hash without a key, if one is given.
pub fn hash_or_none(object: &Bound<'_, PyAny>) -> PyResult<Option<Hash>> {
    if object.is_none() { Ok(None) } else { hash(object).map(Some) }
}

/// An acceptance rule.
pub fn rule(object: &Bound<'_, PyAny>) -> PyResult<Rule> {
    text(object, "an acceptance rule")?.parse().map_err(exception)
}

/// Where calls are placed.
pub fn placement(object: &Bound<'_, PyAny>) -> PyResult<Placement> {
    text(object, "a back end")?.parse().map_err(exception)
}

/// The highest instruction set to use, if one is given.
pub fn isa(object: &Bound<'_, PyAny>) -> PyResult<Option<Isa>> {
    if object.is_none() {
        return Ok(None);
    }
    text(object, "an instruction set")?.parse().map(Some).map_err(exception)
}

/// Part of an adapter's name, if one is given.
pub fn adapter(object: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if object.is_none() { Ok(None) } else { text(object, "an adapter").map(Some) }
}

/// A path in the file system.
pub fn path(object: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    object
        .extract()
        .map_err(|error| replace_type_error(object.py(), error, "a path is a str or an os.PathLike"))
}
