"""Digests, against hashlib and the BLAKE3 of its authors."""

import hashlib
from collections.abc import Callable

import blake3
import pyarrow as pa
import pytest
from conftest import ANY_LENGTH, chunked, layouts, plain
from hypothesis import given, settings
from hypothesis import strategies as st

import verilane

ORACLES: dict[str, Callable[[bytes], bytes]] = {
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha256d": lambda data: hashlib.sha256(hashlib.sha256(data).digest()).digest(),
    "blake3": lambda data: blake3.blake3(data).digest(),
}
RECORDS = [bytes(range(length % 256)) * (1 + length // 64) for length in range(0, 330, 11)]


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("layout", ANY_LENGTH)
def test_digests_in_every_layout(name: str, layout: str) -> None:
    digests = verilane.hash(ANY_LENGTH[layout](RECORDS), hash=name)
    assert plain(digests) == [ORACLES[name](record) for record in RECORDS]
    if "binary" in layout:
        assert digests.type == pa.binary(32)


@pytest.mark.parametrize("layout", ["fixed", "sliced fixed", "chunked fixed"])
def test_records_of_one_width(layout: str) -> None:
    records = [bytes([index]) * 20 for index in range(17)]
    digests = verilane.hash(layouts(20)[layout](records), hash="sha256")
    assert digests.to_pylist() == [ORACLES["sha256"](record) for record in records]


@settings(max_examples=50, deadline=None)
@given(records=st.lists(st.binary(max_size=3000), max_size=40), size=st.integers(1, 40))
def test_digests_of_anything(records: list[bytes], size: int) -> None:
    expected = [ORACLES["blake3"](record) for record in records]
    assert verilane.hash(records) == expected
    assert verilane.hash(chunked(pa.binary(), size)(records)).to_pylist() == expected


def test_keyed() -> None:
    key = bytes(range(32))
    expected = [blake3.blake3(record, key=key).digest() for record in RECORDS]
    assert verilane.hash(RECORDS, key=key) == expected


def test_text_is_hashed_as_arrows_strings_are() -> None:
    texts = ["", "plain", "Grüße", "\N{GRINNING FACE}", "\0"]
    expected = [ORACLES["sha256"](text.encode()) for text in texts]
    assert verilane.hash(texts, hash="sha256") == expected
    for type in (pa.string(), pa.large_string()):
        assert verilane.hash(pa.array(texts, type), hash="sha256").to_pylist() == expected


def test_text_and_bytes_mix() -> None:
    mixed = ["alpha", b"alpha", bytearray(b"alpha"), memoryview(b"alpha"), "\xe4", "\xe4".encode()]
    digests = verilane.hash(value for value in mixed)
    assert digests == [ORACLES["blake3"](b"alpha")] * 4 + [ORACLES["blake3"]("\xe4".encode())] * 2


def test_a_key_may_be_any_buffer() -> None:
    key = bytes(range(32))
    for same in (bytearray(key), memoryview(key)):
        assert verilane.hash([b"a"], key=same) == verilane.hash([b"a"], key=key)


def test_nothing_to_hash() -> None:
    assert verilane.hash([]) == []
    for nothing in [pa.array([], pa.binary()), pa.chunked_array([], pa.large_binary()), pa.array([b"a"])[1:]]:
        digests = verilane.hash(nothing)
        assert (digests.type, len(digests)) == (pa.binary(32), 0)
