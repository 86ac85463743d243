"""First occurrences, against a dictionary."""

import pyarrow as pa
import pytest
from conftest import chunked, layouts, plain
from hypothesis import given, settings
from hypothesis import strategies as st

import verilane


def oracle(prints: list[bytes]) -> list[int]:
    seen: dict[bytes, int] = {}
    return [seen.setdefault(value, row) for row, value in enumerate(prints)]


@pytest.mark.parametrize("layout", layouts(32))
def test_every_layout(layout: str) -> None:
    prints = [bytes([row * row % 11]) * 32 for row in range(50)]
    firsts = verilane.first_occurrences(layouts(32)[layout](prints))
    assert plain(firsts) == oracle(prints)
    if "binary" in layout or "fixed" in layout:
        assert firsts.type == pa.uint32()


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.integers(0, 30), max_size=200), size=st.integers(1, 200))
def test_anything(values: list[int], size: int) -> None:
    prints = [value.to_bytes(32, "big") for value in values]
    assert verilane.first_occurrences(prints) == oracle(prints)
    assert verilane.first_occurrences(chunked(pa.binary(32), size)(prints)).to_pylist() == oracle(prints)
