"""Columns in every layout that calls take, and signatures by another library."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Layout = Callable[[Sequence[bytes]], Any]


def arrow(type: pa.DataType) -> Layout:
    return lambda values: pa.array(values, type)


def sliced(type: pa.DataType) -> Layout:
    """A window of an array: its first offset is not 0, and its nulls lie outside."""
    around = [None, b"\xaa" * (type.byte_width if pa.types.is_fixed_size_binary(type) else 5)]
    return lambda values: pa.array([*around, *values, *around], type)[2 : 2 + len(values)]


def chunked(type: pa.DataType, size: int) -> Layout:
    """Chunks of `size` rows; between them empty ones and slices."""

    def lay(values: Sequence[bytes]) -> pa.ChunkedArray:
        starts = range(0, len(values), size)
        chunks = [sliced(type)(values[start : start + size]) for start in starts]
        empty = pa.array([], type)
        return pa.chunked_array([empty, *(chunk for each in chunks for chunk in (each, empty))], type)

    return lay


ANY_LENGTH: dict[str, Layout] = {
    "list": list,
    "tuple": tuple,
    "generator": lambda values: (value for value in values),
    "bytearray": lambda values: [bytearray(value) for value in values],
    "memoryview": lambda values: [memoryview(value) for value in values],
    "strided memoryview": lambda values: [memoryview(value[::-1])[::-1] for value in values],
    "binary": arrow(pa.binary()),
    "large_binary": arrow(pa.large_binary()),
    "sliced binary": sliced(pa.binary()),
    "sliced large_binary": sliced(pa.large_binary()),
    "chunked binary": chunked(pa.binary(), 3),
    "chunked large_binary": chunked(pa.large_binary(), 7),
}


def layouts(width: int) -> dict[str, Layout]:
    """Every layout of byte strings of `width` bytes."""
    fixed = pa.binary(width)
    return ANY_LENGTH | {
        "fixed": arrow(fixed),
        "sliced fixed": sliced(fixed),
        "chunked fixed": chunked(fixed, 5),
    }


def plain(result: Any) -> list[Any]:
    """A result as a list, whatever it was given as."""
    return result if isinstance(result, list) else result.to_pylist()


@dataclass
class Signed:
    keys: list[bytes]
    signatures: list[bytes]
    messages: list[bytes]


@pytest.fixture(scope="session")
def signed() -> Signed:
    """40 signatures by several keys over messages of 0 to 195 bytes."""
    owners = [Ed25519PrivateKey.generate() for _ in range(4)]
    messages = [bytes([index]) * (index * 5) for index in range(40)]
    signers = [owners[index % 4] for index in range(40)]
    return Signed(
        keys=[signer.public_key().public_bytes_raw() for signer in signers],
        signatures=[signer.sign(message) for signer, message in zip(signers, messages)],
        messages=messages,
    )
