"""Input that is wrong, and the row at which it is."""

import pickle
import struct

import pyarrow as pa
import pytest
from conftest import Signed, chunked

import verilane


def test_nulls_are_refused_with_their_row_over_all_chunks() -> None:
    column = pa.chunked_array([[b"a", b"b"], [], [b"c", None, None]])
    with pytest.raises(verilane.Error, match="row 3: the record is null") as raised:
        verilane.hash(column)
    assert raised.value.row == 3


def test_nulls_outside_a_slice_are_not_there() -> None:
    column = pa.array([None, b"a", None], pa.large_binary())
    assert len(verilane.hash(column[1:2])) == 1
    with pytest.raises(verilane.Error, match="row 1: "):
        verilane.hash(column[1:])


@pytest.mark.parametrize("type", [pa.binary(), pa.large_binary()])
def test_other_widths_are_refused_with_their_row(signed: Signed, type: pa.DataType) -> None:
    keys = [*signed.keys[:7], signed.keys[7][:31], *signed.keys[8:]]
    for column in (keys, pa.array(keys, type), chunked(type, 3)(keys)):
        with pytest.raises(verilane.Error) as raised:
            verilane.verify(column, signed.signatures, signed.messages, rule="strict")
        assert str(raised.value) == "row 7: a public key has 32 bytes, this one has 31"
        assert raised.value.row == 7


def test_other_fixed_widths_are_refused() -> None:
    with pytest.raises(verilane.Error, match="row 0: a fingerprint has 32 bytes, this one has 16"):
        verilane.first_occurrences(pa.array([bytes(16)], pa.binary(16)))


def test_columns_of_different_lengths(signed: Signed) -> None:
    with pytest.raises(verilane.Error, match="40 public keys, 39 signatures, 40 messages"):
        verilane.verify(signed.keys, signed.signatures[:39], signed.messages, rule="strict")


def test_streams_that_fail_say_why() -> None:
    def batches():
        yield pa.record_batch({"a": [b"x"]})
        raise ValueError("the source dried up")

    stream = pa.RecordBatchReader.from_batches(pa.schema({"a": pa.binary()}), batches())
    with pytest.raises(verilane.Error, match="the Arrow stream failed: .*the source dried up"):
        verilane.hash(stream)


@pytest.mark.parametrize(
    ("row", "name"), [("text", "str"), (7, "int"), (None, "NoneType"), (memoryview(b"abcd").cast("I"), "memoryview")]
)
def test_rows_that_are_not_bytes(row: object, name: str) -> None:
    with pytest.raises(verilane.Error, match=f"row 1: a record is bytes, or a buffer of bytes, not {name}"):
        verilane.hash([b"fine", row])


def test_bytes_are_no_column() -> None:
    with pytest.raises(verilane.Error, match="row 0: .* not int"):
        verilane.hash(b"abc")


@pytest.mark.parametrize("type", [pa.binary_view(), pa.int64(), pa.list_(pa.binary())])
def test_other_types_are_refused_with_what_would_do(type: pa.DataType) -> None:
    with pytest.raises(verilane.Error, match="cast the column to binary, large_binary"):
        verilane.hash(pa.array([], type))
    with pytest.raises(verilane.Error, match="cast the column to binary, large_binary"):
        verilane.hash(pa.chunked_array([pa.array([], type)], type))


def test_a_table_is_no_column() -> None:
    with pytest.raises(verilane.Error, match="cannot be of Arrow's type Struct"):
        verilane.hash(pa.table({"a": [b"x"]}))


def column(type: pa.DataType, offsets: list[int]) -> pa.Array:
    """An array whose offsets become these after pyarrow has looked at its ends."""
    code = f"{len(offsets)}{'i' if type == pa.binary() else 'q'}"
    buffer = bytearray(struct.calcsize(code))
    array = pa.Array.from_buffers(
        type, len(offsets) - 1, [None, pa.py_buffer(buffer), pa.py_buffer(b"abcdefgh")]
    )
    struct.pack_into(code, buffer, 0, *offsets)
    return array


@pytest.mark.parametrize("type", [pa.binary(), pa.large_binary()])
@pytest.mark.parametrize("offsets", [[0, 5, 3, 6], [0, -1, 3], [-4, 0, 3], [0, 7, 3], [0, 3, -1], [0, 3, -(2**31)]])
def test_offsets_that_run_backwards(type: pa.DataType, offsets: list[int]) -> None:
    for wrong in (column(type, offsets), pa.chunked_array([column(type, offsets)])):
        with pytest.raises(verilane.Error, match="offset"):
            verilane.hash(wrong)
        with pytest.raises(verilane.Error, match="offset"):
            verilane.first_occurrences(wrong)


def test_names_are_checked() -> None:
    with pytest.raises(verilane.Error, match='no acceptance rule is called "zip"'):
        verilane.verify([], [], [], rule="zip")
    with pytest.raises(TypeError, match="rule"):
        verilane.verify([], [], [])
    with pytest.raises(verilane.Error, match='no hash is called "md5"'):
        verilane.hash([], hash="md5")


def test_keys_of_hashes_are_checked() -> None:
    with pytest.raises(verilane.Error, match="a key has 32 bytes, this one has 5"):
        verilane.hash([], key=b"short")
    with pytest.raises(verilane.Error, match="sha256 takes no key: only blake3 does"):
        verilane.hash([], hash="sha256", key=bytes(32))


def test_what_fails_on_the_callers_side_comes_through() -> None:
    def rows():
        yield b"fine"
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        verilane.hash(rows())
    with pytest.raises(TypeError, match="not iterable"):
        verilane.hash(3)


def test_errors_are_value_errors_and_travel() -> None:
    error = pickle.loads(pickle.dumps(verilane.Error("row 7: no", 7)))
    assert isinstance(error, ValueError) and (str(error), error.row) == ("row 7: no", 7)
