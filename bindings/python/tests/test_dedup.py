"""First occurrences, against a dictionary."""

import pyarrow as pa
import pytest
from conftest import chunked, layouts, plain
from hypothesis import given, settings
from hypothesis import strategies as st

import verilane


def oracle(fingerprints: list[bytes]) -> list[int]:
    seen: dict[bytes, int] = {}
    return [seen.setdefault(value, row) for row, value in enumerate(fingerprints)]


@pytest.mark.parametrize("layout", layouts(32))
def test_every_layout(layout: str) -> None:
    fingerprints = [bytes([row * row % 11]) * 32 for row in range(50)]
    found = verilane.first_occurrences(layouts(32)[layout](fingerprints))
    assert plain(found) == oracle(fingerprints)
    if "binary" in layout or "fixed" in layout:
        assert found.type == pa.uint32()


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.integers(0, 30), max_size=200), size=st.integers(1, 200))
def test_anything(values: list[int], size: int) -> None:
    fingerprints = [value.to_bytes(32, "big") for value in values]
    assert verilane.first_occurrences(fingerprints) == oracle(fingerprints)
    assert verilane.first_occurrences(chunked(pa.binary(32), size)(fingerprints)).to_pylist() == oracle(fingerprints)
