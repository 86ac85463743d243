"""What the tests on Ray and on Spark share: an archive, and examples run in it."""

import importlib
import os
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import verilane
from verilane import batches

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"

# With it workers find this module, which the tests' functions are in.
PYTHONPATH = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])

ROWS = 6000
FILES = 6


def required(module: str) -> ModuleType:
    """The module; without it the tests are skipped, unless VERILANE_REQUIRE_CLUSTERS is 1."""
    if os.environ.get("VERILANE_REQUIRE_CLUSTERS") == "1":
        return importlib.import_module(module)
    return pytest.importorskip(module)


def archive() -> pa.Table:
    """Signed records: some invalid, some malformed, some there twice and far apart."""
    keys = [Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32) for seed in range(1, 8)]
    publics = [key.public_key().public_bytes_raw() for key in keys]
    messages = [b"record %d" % (row if row % 9 else row // 3) for row in range(ROWS)]
    signatures = [keys[row % 7].sign(message) for row, message in enumerate(messages)]
    for row in range(40, ROWS, 611):
        signatures[row] = bytes([signatures[row][0] ^ 1]) + signatures[row][1:]
    signatures[77], signatures[5555] = None, b"short"
    return pa.table(
        {
            "position": pa.array(range(ROWS), pa.int64()),
            "public_key": pa.array([publics[row % 7] for row in range(ROWS)], pa.binary()),
            "signature": pa.array(signatures, pa.binary()),
            "message": pa.array(messages, pa.binary()),
        }
    )


def write(table: pa.Table, folder: Path) -> None:
    """Writes the rows in files whose order is not that of their positions."""
    folder.mkdir()
    share = -(-table.num_rows // FILES)
    for index in range(FILES):
        write_file(table.slice((FILES - 1 - index) * share, share), folder / f"{index}.parquet")


def write_file(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, row_group_size=300)


def read(folder: Path) -> pa.Table:
    """What workers have written, by position."""
    return pq.read_table(folder).sort_by("position")


def invalid(table: pa.Table, rule: str) -> list[int]:
    """The invalid rows by a single process, one after the other."""
    rows = table.to_pylist()
    return [row["position"] for row in rows if not is_valid(row, rule)]


def is_valid(row: dict, rule: str) -> bool:
    signature = row["signature"]
    if signature is None or len(signature) != 64:
        return False
    return verilane.verify([row["public_key"]], [signature], [row["message"]], rule=rule) == [True]


def duplicates(table: pa.Table) -> list[dict]:
    """The rows that repeat an earlier one, by a dictionary."""
    first: dict[bytes, int] = {}
    found = []
    for row in table.to_pylist():
        earlier = first.setdefault(row["message"], row["position"])
        if earlier != row["position"]:
            found.append({"position": row["position"], "first": earlier})
    return found


def root(table: pa.Table, tree: str) -> verilane.Root:
    """The root in one call."""
    leaves = verilane.merkle_leaves(table.column("message"), tree=tree)
    return verilane.merkle_root(leaves, tree=tree)


def run(monkeypatch: pytest.MonkeyPatch, example: str, *arguments: object) -> None:
    """Runs an example in this process, in whose cluster it finds itself."""
    script = str(EXAMPLES / example)
    monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
    runpy.run_path(script, run_name="__main__")


def processors(batch: pa.RecordBatch | pa.Table) -> pa.RecordBatch | pa.Table:
    """How many threads an engine would have in this worker."""
    return type(batch).from_pydict({"threads": pa.array([batches._processors()], pa.int32())})


class Killing:
    """The function, in a worker that is killed once on its way, at one row."""

    def __init__(self, function: Callable, marker: Path, position: int = ROWS // 2, parents: int = 0) -> None:
        self.function, self.marker, self.position, self.parents = function, marker, position, parents

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self.position in batch.column("position").to_pylist() and not self.marker.exists():
            self.marker.touch()
            os.kill(_ancestor(self.parents), signal.SIGKILL)
        return self.function(batch)


def _ancestor(generations: int) -> int:
    process = os.getpid()
    for _ in range(generations):
        process = int(Path(f"/proc/{process}/stat").read_text().rsplit(")")[1].split()[1])
    return process
