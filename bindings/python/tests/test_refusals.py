"""Input that is wrong, and the row at which it is."""

import pickle
import struct
from collections.abc import Callable
from dataclasses import replace

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
    ("row", "name"), [(7, "int"), (None, "NoneType"), (["text"], "list"), (memoryview(b"abcd").cast("I"), "memoryview")]
)
def test_rows_that_are_not_bytes(row: object, name: str) -> None:
    expected = f"row 1: a record is bytes, a buffer of bytes, or a str, not {name}"
    with pytest.raises(verilane.InputTypeError, match=expected) as raised:
        verilane.hash([b"fine", row])
    assert raised.value.row == 1


def test_text_that_has_no_bytes() -> None:
    with pytest.raises(verilane.InputError, match="row 1: the record has no UTF-8 form: .*surrogates") as raised:
        verilane.hash(["fine", "\ud800"])
    assert raised.value.row == 1


def test_text_is_no_column() -> None:
    expected = "a column is an Arrow array or an iterable of byte strings, not str"
    with pytest.raises(verilane.InputTypeError, match=expected):
        verilane.hash("abc")


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
    for kind in (verilane.InputError, verilane.InputTypeError):
        error = pickle.loads(pickle.dumps(kind("row 7: no", 7)))
        assert isinstance(error, ValueError) and (str(error), error.row) == ("row 7: no", 7)
    fault = pickle.loads(pickle.dumps(verilane.Fault("lost")))
    assert isinstance(fault, RuntimeError) and str(fault) == "lost"


def test_exceptions_have_one_base() -> None:
    for kind in (verilane.InputError, verilane.InputTypeError, verilane.Fault, verilane.StoreError):
        assert issubclass(kind, verilane.Error)
    assert issubclass(verilane.InputTypeError, verilane.InputError)
    assert issubclass(verilane.InputTypeError, TypeError)
    assert not issubclass(verilane.Fault, ValueError) and not issubclass(verilane.InputError, RuntimeError)


class Odd:
    """Of no type that any argument has."""


LEAF = bytes(32)
ENGINE = verilane.Engine("cpu", threads=1)
PROOF = verilane.Proof("plain", "sha256", 0, 1, ())
# Each call with one argument of another type than it should be, and the argument.
OF_ANOTHER_TYPE = {
    "verify keys": lambda odd: verilane.verify(odd, [], [], rule="strict"),
    "verify signatures": lambda odd: verilane.verify([], odd, [], rule="strict"),
    "verify messages": lambda odd: verilane.verify([], [], odd, rule="strict"),
    "verify rule": lambda odd: verilane.verify([], [], [], rule=odd),
    "verify engine": lambda odd: verilane.verify([], [], [], rule="strict", engine=odd),
    "hash records": lambda odd: verilane.hash(odd),
    "hash row": lambda odd: verilane.hash([odd]),
    "hash hash": lambda odd: verilane.hash([], hash=odd),
    "hash key": lambda odd: verilane.hash([], key=odd),
    "hash engine": lambda odd: verilane.hash([], engine=odd),
    "first_occurrences fingerprints": lambda odd: verilane.first_occurrences(odd),
    "first_occurrences engine": lambda odd: verilane.first_occurrences([], engine=odd),
    "merkle_leaves records": lambda odd: verilane.merkle_leaves(odd, tree="plain"),
    "merkle_leaves tree": lambda odd: verilane.merkle_leaves([], tree=odd),
    "merkle_leaves hash": lambda odd: verilane.merkle_leaves([], tree="plain", hash=odd),
    "merkle_leaves engine": lambda odd: verilane.merkle_leaves([], tree="plain", engine=odd),
    "merkle_root leaves": lambda odd: verilane.merkle_root(odd, tree="plain"),
    "merkle_root tree": lambda odd: verilane.merkle_root([LEAF], tree=odd),
    "merkle_root hash": lambda odd: verilane.merkle_root([LEAF], tree="plain", hash=odd),
    "merkle_root engine": lambda odd: verilane.merkle_root([LEAF], tree="plain", engine=odd),
    "merkle_combine subtrees": lambda odd: verilane.merkle_combine(odd, tree="plain"),
    "merkle_combine subtree": lambda odd: verilane.merkle_combine([odd], tree="plain"),
    "merkle_combine root": lambda odd: verilane.merkle_combine([(odd, 1)], tree="plain"),
    "merkle_combine digest": lambda odd: verilane.merkle_combine([((odd, False), 1)], tree="plain"),
    "merkle_combine mutated": lambda odd: verilane.merkle_combine([((LEAF, odd), 1)], tree="plain"),
    "merkle_combine count": lambda odd: verilane.merkle_combine([((LEAF, False), odd)], tree="plain"),
    "merkle_combine tree": lambda odd: verilane.merkle_combine([], tree=odd),
    "merkle_proof leaves": lambda odd: verilane.merkle_proof(odd, 0, tree="plain"),
    "merkle_proof index": lambda odd: verilane.merkle_proof([LEAF], odd, tree="plain"),
    "merkle_proof tree": lambda odd: verilane.merkle_proof([LEAF], 0, tree=odd),
    "Proof tree": lambda odd: replace(PROOF, tree=odd).root(LEAF),
    "Proof hash": lambda odd: replace(PROOF, hash=odd).root(LEAF),
    "Proof index": lambda odd: replace(PROOF, index=odd).root(LEAF),
    "Proof leaves": lambda odd: replace(PROOF, leaves=odd).root(LEAF),
    "Proof path": lambda odd: replace(PROOF, path=odd).root(LEAF),
    "Proof node": lambda odd: replace(PROOF, path=(odd,)).root(LEAF),
    "Proof leaf": lambda odd: PROOF.root(odd),
    "search header": lambda odd: verilane.search(odd, target=1),
    "search target": lambda odd: verilane.search(bytes(80), target=odd),
    "search bits": lambda odd: verilane.search(bytes(80), bits=odd),
    "search start": lambda odd: verilane.search(bytes(80), target=1, start=odd),
    "search end": lambda odd: verilane.search(bytes(80), target=1, end=odd),
    "search nonce_offset": lambda odd: verilane.search(bytes(80), target=1, nonce_offset=odd),
    "search engine": lambda odd: verilane.search(bytes(80), target=1, engine=odd),
    "Engine backend": lambda odd: verilane.Engine(odd),
    "Engine threads": lambda odd: verilane.Engine(threads=odd),
    "Engine isa": lambda odd: verilane.Engine(isa=odd),
    "Engine adapter": lambda odd: verilane.Engine(adapter=odd),
    "check_block rule": lambda odd: ENGINE.check_block(odd, "sha256", "rfc6962", [], [], [], []),
    "check_block hash": lambda odd: ENGINE.check_block("strict", odd, "rfc6962", [], [], [], []),
    "check_block tree": lambda odd: ENGINE.check_block("strict", "sha256", odd, [], [], [], []),
    "check_block public_keys": lambda odd: ENGINE.check_block("strict", "sha256", "rfc6962", odd, [], [], []),
    "check_block signatures": lambda odd: ENGINE.check_block("strict", "sha256", "rfc6962", [], odd, [], []),
    "check_block digests": lambda odd: ENGINE.check_block("strict", "sha256", "rfc6962", [], [], odd, []),
    "check_block records": lambda odd: ENGINE.check_block("strict", "sha256", "rfc6962", [], [], [], odd),
    "check_block tree_hash": lambda odd: ENGINE.check_block(
        "strict", "sha256", "rfc6962", [], [], [], [], tree_hash=odd
    ),
    "check_block key": lambda odd: ENGINE.check_block("strict", "blake3", "rfc6962", [], [], [], [], key=odd),
}


@pytest.mark.parametrize("call", OF_ANOTHER_TYPE)
def test_other_types_are_the_packages_own_exception(call: str) -> None:
    with pytest.raises(verilane.InputTypeError, match="Odd"):
        OF_ANOTHER_TYPE[call](Odd())


@pytest.mark.parametrize("number", [-1, 2**64, -(2**200), 10**5000], ids=["-1", "2**64", "-2**200", "10**5000"])
@pytest.mark.parametrize(
    "call",
    [
        lambda number: verilane.merkle_proof([LEAF], number, tree="plain"),
        lambda number: verilane.merkle_combine([((LEAF, False), number)], tree="plain"),
        lambda number: replace(PROOF, index=number).root(LEAF),
        lambda number: replace(PROOF, leaves=number).root(LEAF),
        lambda number: verilane.search(bytes(80), bits=number),
        lambda number: verilane.search(bytes(80), target=1, start=number),
        lambda number: verilane.search(bytes(80), target=1, end=number),
        lambda number: verilane.search(bytes(80), target=1, nonce_offset=number),
        lambda number: verilane.Engine(threads=number),
    ],
)
def test_numbers_out_of_range_are_told_what_would_be_valid(call: Callable[[int], object], number: int) -> None:
    shown = number if abs(number) < 10**4300 else "so large a number"
    with pytest.raises(verilane.InputError, match=f"cannot be {shown}: .* would be valid"):
        call(number)


def test_text_without_bytes_is_no_name() -> None:
    for call in (
        lambda text: verilane.hash([], hash=text),
        lambda text: verilane.verify([], [], [], rule=text),
        lambda text: verilane.merkle_root([LEAF], tree=text),
        lambda text: verilane.Engine(text),
        lambda text: verilane.Engine(adapter=text),
    ):
        with pytest.raises(verilane.InputError, match="is text in UTF-8: .*surrogates"):
            call("\ud800")


class Exporting:
    """What claims to be an Arrow array, and exports this."""

    def __init__(self, method: str, exported: object) -> None:
        setattr(self, method, lambda: exported)


@pytest.mark.parametrize("exported", [None, (), (1, 2), "ab", tuple(reversed(pa.array([b"a"]).__arrow_c_array__()))])
def test_arrays_that_export_something_else(exported: object) -> None:
    with pytest.raises(verilane.InputError, match="capsule"):
        verilane.hash(Exporting("__arrow_c_array__", exported))
    with pytest.raises(verilane.InputError, match="capsule"):
        verilane.hash(Exporting("__arrow_c_stream__", exported))
    with pytest.raises(verilane.InputError, match="no arrow_array_stream in the capsule"):
        verilane.hash(Exporting("__arrow_c_stream__", pa.array([b"a"]).__arrow_c_array__()[0]))


class Failing:
    """A number that its owner refuses to give."""

    def __index__(self) -> int:
        raise LookupError("not today")


def test_what_fails_in_an_argument_comes_through() -> None:
    with pytest.raises(LookupError, match="not today"):
        verilane.search(bytes(80), target=Failing())
    with pytest.raises(LookupError, match="not today"):
        verilane.Engine(threads=Failing())
