"""The index of what was seen, against a dictionary, and what is refused."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import blake3
import pyarrow as pa
import pytest
from conftest import layouts, plain
from hypothesis import given, settings
from hypothesis import strategies as st

import verilane


def digests(numbers: "range | list[int]") -> list[bytes]:
    return [blake3.blake3(number.to_bytes(8, "little")).digest() for number in numbers]


class Oracle:
    """From each record to the block that brought it."""

    def __init__(self) -> None:
        self.blocks: dict[int, int] = {}

    def seen(self, numbers: list[int]) -> tuple[list[int | None], list[int | None]]:
        in_block = [self.blocks.get(number) for number in numbers]
        repeats = [
            numbers.index(number) if number not in self.blocks and numbers.index(number) != row else None
            for row, number in enumerate(numbers)
        ]
        return in_block, repeats

    def add(self, block: int, numbers: list[int]) -> None:
        for number in numbers:
            self.blocks.setdefault(number, block)


numbers = st.lists(st.integers(0, 60), max_size=60)


@settings(max_examples=30, deadline=None)
@given(calls=st.lists(st.tuples(st.sampled_from(["add", "add", "scan", "reopen"]), numbers), max_size=10))
def test_answers_are_those_of_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[str, list[int]]]
) -> None:
    path = tmp_path_factory.mktemp("index")
    index, oracle, blocks = verilane.Index(path), Oracle(), 0
    for call, values in calls:
        if call == "reopen":
            index.close()
            index = verilane.Index(path)
            continue
        expected = oracle.seen(values)
        if call == "add":
            seen = index.add(blocks, digests(values))
            oracle.add(blocks, values)
            blocks += 1
        else:
            seen = index.scan(digests(values))
        assert (seen.in_block, seen.repeats) == expected
        assert seen.new() == [row for row, pair in enumerate(zip(*expected)) if pair == (None, None)]
        assert (index.blocks, len(index)) == (blocks, len(oracle.blocks))
    index.close()


@pytest.mark.parametrize("layout", layouts(32))
def test_every_layout(tmp_path: Path, layout: str) -> None:
    values = [row * row % 11 for row in range(50)]
    expected = Oracle().seen(values)
    with verilane.Index(tmp_path / "index") as index:
        seen = index.add(0, layouts(32)[layout](digests(values)))
        assert (plain(seen.in_block), plain(seen.repeats)) == expected
        assert seen.new() == [row for row, value in enumerate(values) if values.index(value) == row]
        again = index.scan(layouts(32)[layout](digests(values)))
        assert (plain(again.in_block), plain(again.repeats)) == ([0] * 50, [None] * 50)
    if "binary" in layout or "fixed" in layout:
        assert (seen.in_block.type, seen.repeats.type) == (pa.uint64(), pa.uint32())


def test_it_says_where_fingerprints_were_computed(tmp_path: Path) -> None:
    engine = verilane.Engine("reference", threads=1)
    with verilane.Index(tmp_path) as index:
        assert index.add(0, digests(range(3)), engine=engine).report.backend == "reference"
        assert index.scan(digests(range(3))).report.backend == "cpu"
        assert index.scan(digests(range(3))) == index.scan(digests(range(3)), engine=engine)


def test_nothing_to_add(tmp_path: Path) -> None:
    with verilane.Index(tmp_path) as index:
        assert index.scan([]).in_block == [] and index.blocks == 0
        seen = index.add(0, pa.array([], pa.binary(32)))
        assert (seen.in_block.to_pylist(), seen.new()) == ([], [])
        assert (index.blocks, len(index)) == (1, 0)


@pytest.mark.parametrize("kind", [str, Path])
def test_paths(tmp_path: Path, kind: type) -> None:
    path = tmp_path / "new" / "index"
    with verilane.Index(kind(path)) as index:
        index.add(0, digests(range(10)))
        assert repr(index) == f'Index("{path}")'
    assert {file.name for file in path.iterdir()} == {"index.redb", "key"}


def test_a_small_cache(tmp_path: Path) -> None:
    with verilane.Index(tmp_path, cache_bytes=1 << 16) as index:
        index.add(0, digests(range(5000)))
        assert index.scan(digests(range(5000))).in_block == [0] * 5000


def test_a_closed_index(tmp_path: Path) -> None:
    index = verilane.Index(tmp_path)
    with index as entered:
        assert entered is index
        index.add(0, digests(range(3)))
    index.close()
    for call in (
        lambda: index.scan([]),
        lambda: index.add(1, []),
        lambda: index.blocks,
        lambda: len(index),
    ):
        with pytest.raises(verilane.InputError, match="is closed: open it again") as raised:
            call()
        assert str(tmp_path) in str(raised.value)
    with verilane.Index(tmp_path) as again:
        assert (again.blocks, len(again)) == (1, 3)


def test_an_exception_closes_it_and_comes_through(tmp_path: Path) -> None:
    with pytest.raises(LookupError), verilane.Index(tmp_path):
        raise LookupError
    verilane.Index(tmp_path).close()


def test_blocks_out_of_turn(tmp_path: Path) -> None:
    with verilane.Index(tmp_path) as index:
        for block in (0, 1):
            index.add(block, digests(range(block * 10, block * 10 + 10)))
        for block in (0, 1, 3):
            with pytest.raises(
                verilane.InputError, match=f"block {block} cannot be added: the next one is block 2"
            ):
                index.add(block, digests(range(100)))
        assert (index.blocks, len(index)) == (2, 20)
        with pytest.raises(verilane.InputError, match="block cannot be -1: the number of blocks in the index"):
            index.add(-1, [])


def test_another_key(tmp_path: Path) -> None:
    own, given = tmp_path / "own", tmp_path / "given"
    verilane.Index(own).close()
    assert (own / "key").stat().st_mode & 0o777 == 0o600
    key = bytes.fromhex((own / "key").read_text())
    verilane.Index(own, key=bytearray(key)).close()
    with pytest.raises(verilane.StoreError, match="were made under another key"):
        verilane.Index(own, key=bytes([7]) * 32)
    verilane.Index(given, key=bytes([7]) * 32).close()
    assert not (given / "key").exists()
    with pytest.raises(verilane.StoreError, match="were made under another key"):
        verilane.Index(given, key=bytes([8]) * 32)
    with pytest.raises(verilane.StoreError, match="the index's key is needed"):
        verilane.Index(given)
    (own / "key").write_text("0123")
    with pytest.raises(verilane.StoreError, match="does not hold a key: 64 hexadecimal digits are expected"):
        verilane.Index(own)


def test_what_is_no_index(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("keep me")
    with pytest.raises(verilane.StoreError, match="is no index: it holds notes.txt, but no index.redb"):
        verilane.Index(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / "index.redb").write_text("keep me, too")
    with pytest.raises(verilane.StoreError, match="index.redb"):
        verilane.Index(tmp_path, key=bytes(32))
    assert (tmp_path / "index.redb").read_text() == "keep me, too"


def test_what_the_system_refuses_is_the_cause(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(verilane.StoreError, match="cannot open the index: .*file") as raised:
        verilane.Index(tmp_path / "file")
    assert isinstance(raised.value.__cause__, OSError)
    assert not isinstance(raised.value, ValueError) and isinstance(raised.value, verilane.Error)


def test_a_second_time(tmp_path: Path) -> None:
    with verilane.Index(tmp_path):
        with pytest.raises(verilane.StoreError, match="is in use: one process at a time can open an index"):
            verilane.Index(tmp_path)
    verilane.Index(tmp_path).close()


def test_a_dropped_index_is_closed(tmp_path: Path) -> None:
    index = verilane.Index(tmp_path)
    del index
    verilane.Index(tmp_path).close()


def test_no_block_is_added_whose_answer_cannot_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with verilane.Index(tmp_path) as index:
        column = pa.array(digests(range(3)))
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(ImportError, match="pyarrow"):
            index.add(0, column)
        assert index.blocks == 0


class Odd:
    """Of no type that any argument has."""


def test_other_types_are_refused(tmp_path: Path) -> None:
    odd = Odd()
    with verilane.Index(tmp_path) as index:
        for call in (
            lambda: verilane.Index(odd),
            lambda: verilane.Index(tmp_path, key=odd),
            lambda: verilane.Index(tmp_path, cache_bytes=odd),
            lambda: index.scan(odd),
            lambda: index.scan([odd]),
            lambda: index.scan([], engine=odd),
            lambda: index.add(odd, []),
            lambda: index.add(0, odd),
            lambda: index.add(0, [], engine=odd),
        ):
            with pytest.raises(verilane.InputTypeError, match="Odd"):
                call()
        with pytest.raises(verilane.InputError, match="row 1: a digest has 32 bytes, this one has 5"):
            index.scan([bytes(32), b"short"])
        with pytest.raises(verilane.InputError, match="a key has 32 bytes, this one has 5"):
            verilane.Index(tmp_path, key=b"short")
        with pytest.raises(verilane.InputError, match="cache_bytes cannot be -1: .* would be valid"):
            verilane.Index(tmp_path, cache_bytes=-1)
        assert index.blocks == 0


def test_threads_share_an_index(tmp_path: Path) -> None:
    """Scans while blocks are added see whole blocks."""
    count, size = 40, 50
    with verilane.Index(tmp_path) as index, ThreadPoolExecutor(6) as threads:
        done = threading.Event()

        def scan() -> None:
            while not done.is_set():
                seen = index.scan(digests(range(count * size))).in_block
                known = sum(block is not None for block in seen)
                assert known % size == 0
                assert seen == [row // size for row in range(known)] + [None] * (count * size - known)

        scanning = [threads.submit(scan) for _ in range(3)]
        for block in range(count):
            index.add(block, digests(range(block * size, (block + 1) * size)))
        done.set()
        for each in scanning:
            each.result()
        assert len(index) == count * size


def run(program: str, path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_forked_process_leaves_its_parents_index_alone(tmp_path: Path) -> None:
    program = """
import gc, os, sys, verilane
path = sys.argv[1]
digests = [bytes([row]) * 32 for row in range(100)]
index = verilane.Index(path)
index.add(0, digests[:50])
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    os.close(writing)
    for call in (lambda: index.scan(digests), lambda: index.add(1, digests), lambda: index.blocks, lambda: len(index)):
        try:
            call()
        except verilane.InputError as error:
            print(error, flush=True)
    index.close()
    del index
    gc.collect()
    os.read(reading, 1)
    os._exit(0)
os.close(reading)
index.add(1, digests[50:])
index.close()
# While the child still holds what it inherited.
with verilane.Index(path) as again:
    print(again.blocks, again.scan(digests).in_block == [0] * 50 + [1] * 50, flush=True)
os.close(writing)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    told = sorted(run(program, tmp_path).splitlines())
    refused = "this index was opened before the process was forked: only its parent can use it"
    assert told == ["2 True", *[refused] * 4]


def test_a_killed_process_leaves_whole_blocks(tmp_path: Path) -> None:
    program = """
import os, sys, verilane
index = verilane.Index(sys.argv[1])
while True:
    start = index.blocks * 100
    index.add(index.blocks, [row.to_bytes(32, "little") for row in range(start, start + 100)])
    print(index.blocks, flush=True)
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as adding:
        told = [int(adding.stdout.readline()) for _ in range(20)]
        adding.kill()
        told += [int(line) for line in adding.stdout]
    with verilane.Index(tmp_path) as index:
        assert index.blocks >= told[-1]
        assert len(index) == index.blocks * 100
        seen = index.scan([row.to_bytes(32, "little") for row in range(len(index) + 100)])
        assert seen.in_block == [row // 100 for row in range(len(index))] + [None] * 100
