"""The operations as functions from one Arrow batch to another, for engines that spread
work over processes and machines.

Each takes a pyarrow RecordBatch or Table and returns one of the same kind. It can be pickled,
and makes its engine in the process that first calls it, with a thread for each processor
that Ray or Spark gave to the task. It runs unchanged in Ray Data, as a task or as an actor,

>>> ds.map_batches(Verify(rule="zip215"), batch_format="pyarrow")  # doctest: +SKIP

and, through `in_arrow`, in Spark:

>>> df.mapInArrow(in_arrow(Verify(rule="zip215")), schema)  # doctest: +SKIP

Moving a row through a cluster's engine costs half as much as verifying it. For Parquet files
an `Archive` avoids that: workers get the places of its pieces, read them, and return only
their answers.

>>> archive = Archive("s3://bucket/archive")  # doctest: +SKIP
>>> pieces = ray.data.from_arrow(archive.pieces(), override_num_blocks=100)  # doctest: +SKIP
>>> pieces.map_batches(archive.invalid(Verify(rule="zip215")), batch_format="pyarrow")  # doctest: +SKIP

Digests, fingerprints and roots come as ``binary``, which every engine knows.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.dataset  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from ._errors import InputError
from ._results import Root
from ._verilane import Engine, first_occurrences, hash, merkle_combine, merkle_leaves, merkle_root, verify

if TYPE_CHECKING:
    from ._verilane import _Backend, _Hash, _Rule, _Tree

__all__ = [
    "Archive",
    "Duplicates",
    "Fingerprints",
    "Hash",
    "Leaves",
    "Subtrees",
    "Verify",
    "combine",
    "in_arrow",
    "in_groups",
]

_Batch = TypeVar("_Batch", pa.RecordBatch, pa.Table)

_SUBTREES = pa.schema(
    [("subtree", pa.int64()), ("leaves", pa.int64()), ("root", pa.binary()), ("mutated", pa.bool_())]
)


@dataclass(frozen=True, kw_only=True)
class _Operation:
    backend: "_Backend" = "auto"
    """As for `verilane.Engine`."""
    threads: int | None = None
    """Host threads; None for as many as the task has processors."""
    adapter: str | None = None
    """As for `verilane.Engine`."""

    def _engine(self) -> Engine:
        threads = _processors() if self.threads is None else self.threads
        return _engine(os.getpid(), self.backend, threads, self.adapter)


@lru_cache(maxsize=None)
def _engine(_process: int, backend: "_Backend", threads: int, adapter: str | None) -> Engine:
    return Engine(backend, threads=threads, adapter=adapter)


def _processors() -> int:
    """How many Ray or Spark gave to this task; outside of one 0, which stands for all."""
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        context = ray.get_runtime_context()
        if context.worker.mode == ray.WORKER_MODE:
            return max(1, int(context.get_assigned_resources().get("CPU", 1)))
    pyspark = sys.modules.get("pyspark")
    task = pyspark and pyspark.TaskContext.get()
    return task.cpus() if task else 0


@dataclass(frozen=True, kw_only=True)
class _Adding(_Operation):
    keep: Sequence[str] | None = None
    """The columns that stay beside the new ones; None for all."""

    def _added(self, batch: _Batch, **new: pa.Array) -> _Batch:
        kept: _Batch = batch if self.keep is None else batch.select(list(self.keep))
        schema = kept.schema
        for name, values in new.items():
            if name in schema.names:
                raise InputError(f"there is a column called {name} already: name another one for the answer")
            schema = schema.append(pa.field(name, values.type))
        return type(batch).from_arrays([*kept.columns, *new.values()], schema=schema)


@dataclass(frozen=True, kw_only=True)
class Verify(_Adding):
    """Adds a verdict for each Ed25519 signature.

    A row whose key, signature or message is null, or whose key or signature has another
    width than 32 or 64 bytes, holds no valid signature: its verdict is False.
    """

    rule: "_Rule"
    """The acceptance rule, always named."""
    keys: str = "public_key"
    """The column of public keys."""
    signatures: str = "signature"
    """The column of signatures."""
    messages: str = "message"
    """The column of messages."""
    into: str = "valid"
    """The new column, of truth values."""

    def __call__(self, batch: _Batch) -> _Batch:
        columns = [batch.column(name) for name in (self.keys, self.signatures, self.messages)]
        formed = _well_formed(*columns)
        if pc.all(formed, min_count=0).as_py():
            return self._added(batch, **{self.into: self._verdicts(columns)})
        verdicts = self._verdicts([column.filter(formed) for column in columns])
        none = pa.nulls(len(formed), pa.bool_()).fill_null(False)
        return self._added(batch, **{self.into: pc.replace_with_mask(none, formed, verdicts)})

    def _verdicts(self, columns: list[pa.Array]) -> pa.BooleanArray:
        keys, signatures, messages = columns
        return verify(keys, signatures, messages, rule=self.rule, engine=self._engine())


def _well_formed(keys: pa.Array, signatures: pa.Array, messages: pa.Array) -> pa.BooleanArray:
    wide = [
        pc.fill_null(pc.equal(pc.binary_length(column), width), False)
        for column, width in [(keys, 32), (signatures, 64)]
    ]
    formed = pc.and_(pc.and_(*wide), messages.is_valid())
    return formed.combine_chunks() if isinstance(formed, pa.ChunkedArray) else formed


@dataclass(frozen=True, kw_only=True)
class Hash(_Adding):
    """Adds the digest of each row's bytes."""

    column: str
    """The column of bytes."""
    hash: "_Hash"
    """The hash."""
    into: str = "digest"
    """The new column."""

    def __call__(self, batch: _Batch) -> _Batch:
        digests = hash(batch.column(self.column), hash=self.hash, engine=self._engine())
        return self._added(batch, **{self.into: digests.cast(pa.binary())})


@dataclass(frozen=True, kw_only=True)
class Fingerprints(_Adding):
    """Adds a fingerprint of each row's bytes, and the bucket of the row: some of the
    fingerprint's first bits, so that rows of equal fingerprints share a bucket.

    Duplicates lie in the same bucket: group by it, and map the groups by `Duplicates`.
    """

    column: str
    """The column of bytes."""
    key: bytes | None = None
    """A key of 32 bytes. Without it, fingerprints cannot be matched against guessed
    records."""
    bits: int = 8
    """There are 2 to the power of this many buckets, at most 24; each has to fit in the
    memory of a task."""
    into: str = "fingerprint"
    """The new column of BLAKE3 digests."""
    bucket: str = "bucket"
    """The new column of buckets."""

    def __post_init__(self) -> None:
        if not 0 <= self.bits <= 24:
            raise InputError(f"bits cannot be {self.bits}: 0 to 24 would be valid")

    def __call__(self, batch: _Batch) -> _Batch:
        fingerprints = hash(batch.column(self.column), hash="blake3", key=self.key, engine=self._engine())
        new = {
            self.into: fingerprints.cast(pa.binary()),
            self.bucket: _prefixes(fingerprints, self.bits),
        }
        return self._added(batch, **new)


def _prefixes(fingerprints: pa.FixedSizeBinaryArray, bits: int) -> pa.Int32Array:
    """The first bits of each as a number."""
    first = [pc.binary_slice(fingerprints.cast(pa.binary()), byte, byte + 1) for byte in range(3)]
    high, middle, low = [part.cast(pa.binary(1)).view(pa.uint8()).cast(pa.int32()) for part in first]
    number = pc.add(pc.shift_left(high, 16), pc.add(pc.shift_left(middle, 8), low))
    return pc.shift_right(number, 24 - bits).cast(pa.int32())


@dataclass(frozen=True, kw_only=True)
class Duplicates(_Operation):
    """From the rows of whole buckets those that repeat an earlier one: their positions,
    and in the column ``first`` the position of the first row of the same fingerprint.

    The row with the lower position is the earlier one, in whatever order the rows come.
    """

    position: str = "position"
    """The column of positions, whole numbers that are all different."""
    fingerprints: str = "fingerprint"
    """The column of fingerprints."""

    def __call__(self, batch: _Batch) -> _Batch:
        rows = batch.select([self.position, self.fingerprints]).sort_by(self.position)
        positions = rows.column(self.position)
        first = first_occurrences(rows.column(self.fingerprints), engine=self._engine())
        found = positions.take(first)
        pairs = {self.position: positions, "first": found}
        return type(batch).from_pydict(pairs).filter(pc.not_equal(found, positions))


@dataclass(frozen=True, kw_only=True)
class _InTree(_Operation):
    tree: "_Tree"
    """The tree's rule."""
    hash: "_Hash | None" = None
    """The hash of its nodes, as for `verilane.merkle_root`."""


@dataclass(frozen=True, kw_only=True)
class Leaves(_Adding, _InTree):
    """Adds each row's leaf node, and the number of its sub-tree: its position divided by the
    number of leaves in a sub-tree."""

    column: str
    """The column of the leaves' data."""
    height: int = 16
    """A sub-tree has 2 to the power of this many leaves; each has to fit in a task's memory."""
    position: str = "position"
    """The column of the leaves' positions, from 0."""
    into: str = "leaf"
    """The new column of leaf nodes."""
    subtree: str = "subtree"
    """The new column of sub-trees, from 0."""

    def __call__(self, batch: _Batch) -> _Batch:
        data, engine = batch.column(self.column), self._engine()
        leaves = merkle_leaves(data, tree=self.tree, hash=self.hash, engine=engine)
        subtrees = pc.shift_right(batch.column(self.position).cast(pa.int64()), self.height)
        return self._added(batch, **{self.into: leaves.cast(pa.binary()), self.subtree: subtrees})


@dataclass(frozen=True, kw_only=True)
class Subtrees(_InTree):
    """From the rows of whole sub-trees a row for each sub-tree: its place, the number of
    its leaves, its root, and whether that is mutated. `combine` joins them."""

    height: int = 16
    """As for `Leaves`."""
    position: str = "position"
    """The column of the leaves' positions, from 0."""
    leaves: str = "leaf"
    """The column of leaf nodes."""

    def __call__(self, batch: _Batch) -> _Batch:
        rows = batch.select([self.position, self.leaves]).sort_by(self.position)
        positions = rows.column(self.position)
        if positions.null_count:
            raise InputError(f"the column {self.position} holds a null")
        places = pc.shift_right(positions.cast(pa.int64()), self.height)
        start, roots = 0, []
        for place, count in zip(*pc.value_counts(places).flatten(), strict=True):
            leaves = rows.slice(start, count.as_py())
            roots.append(self._root(place.as_py(), leaves))
            start += leaves.num_rows
        return type(batch).from_pylist(roots, schema=_SUBTREES)

    def _root(self, place: int, rows: pa.RecordBatch | pa.Table) -> dict[str, object]:
        positions = rows.column(self.position)
        first, last = positions[0].as_py(), positions[-1].as_py()
        found, distinct = rows.num_rows, pc.count_distinct(positions).as_py()
        if first != place << self.height or last - first + 1 != found or distinct != found:
            raise InputError(
                f"sub-tree {place} is not whole: {found} leaves at {distinct} positions from {first} "
                f"to {last}; it begins at {place << self.height}, and each position stands there once"
            )
        root = merkle_root(rows.column(self.leaves), tree=self.tree, hash=self.hash, engine=self._engine())
        return {"subtree": place, "leaves": found, "root": root.digest, "mutated": root.mutated}


def combine(subtrees: pa.Table | pa.RecordBatch, *, tree: "_Tree", hash: "_Hash | None" = None) -> Root:
    """The root over all rows of `Subtrees`, in whatever order: what `verilane.merkle_root`
    gives for all leaves in one call."""
    rows = subtrees.sort_by("subtree").to_pylist()
    for place, row in enumerate(rows):
        if row["subtree"] != place:
            wrong = "is there twice" if row["subtree"] < place else "is missing"
            raise InputError(f"sub-tree {min(place, row['subtree'])} {wrong}")
    pairs = [(Root(row["root"], row["mutated"]), row["leaves"]) for row in rows]
    return merkle_combine(pairs, tree=tree, hash=hash)


class Archive:
    """Parquet files that workers read themselves in pieces, one or more row groups of a
    file, so that only places and answers travel.

    ``source`` is a file, a folder, a list of files, or a URI of a file system that pyarrow
    knows; ``filesystem`` is one of pyarrow's or fsspec's for paths in it. All workers reach
    the files by the same paths. Each column has the same type in all files.
    """

    schema: pa.Schema
    """The columns of the first file, without those that only the names of folders hold."""

    def __init__(
        self, source: str | Path | Sequence[str], *, filesystem: Any = None, batch_rows: int = 65536
    ) -> None:
        """Lists the files. A worker's function gets ``batch_rows`` rows at a time."""
        files = pyarrow.dataset.dataset(source, filesystem=filesystem, format="parquet")
        if not files.files:
            raise InputError(f"there is no Parquet file in {source}")
        self.schema = files.schema
        self._paths, self._filesystem, self._batch_rows = files.files, files.filesystem, batch_rows

    def pieces(self, rows: int = 1 << 18) -> pa.Table:
        """The places of pieces of at least so many rows each, except the last of each file.

        A task may be one piece or many; a cluster's engine spends tens of milliseconds on each
        task.
        """
        with ThreadPoolExecutor() as threads:
            found = threads.map(partial(_pieces, self._filesystem, rows=rows), self._paths)
            return pa.Table.from_pylist([piece for pieces in found for piece in pieces], schema=_PIECES)

    def each(
        self, function: Callable[[_Batch], _Batch], *, columns: Sequence[str] | None = None
    ) -> "Callable[[_Batch], Iterator[_Batch]]":
        """From a batch of pieces to the function's answers for their rows. The function gets
        these columns; None for all."""
        return _Each(self._reader(columns), function)

    def invalid(self, verify: Verify) -> "Callable[[_Batch], Iterator[_Batch]]":
        """From a batch of pieces to those of their rows, as they are, that hold no valid
        signature. Columns that verification does not need are read only for pieces with
        such rows. Byte strings of a fixed width come as ``binary``."""
        needed = [verify.keys, verify.signatures, verify.messages]
        others = [name for name in self.schema.names if name not in needed]
        schema = pa.schema([_of_any_width(field) for field in self.schema])
        return _Invalid(self._reader(needed), self._reader(others), replace(verify, keep=[]), schema)

    def _reader(self, columns: Sequence[str] | None) -> "_Reader":
        names = self.schema.names if columns is None else columns
        for name in names:
            if self.schema.get_field_index(name) < 0:
                raise InputError(f"there is no single column {name}; there are {', '.join(self.schema.names)}")
        schema = pa.schema([self.schema.field(name) for name in names])
        return _Reader(self._filesystem, schema, self._batch_rows)


_PIECES = pa.schema(
    [("path", pa.string()), ("row_groups", pa.list_(pa.int32())), ("rows", pa.int64()), ("footer", pa.binary())]
)


class _Piece(TypedDict):
    """A row of the table of pieces."""

    path: str
    row_groups: list[int]
    rows: int
    footer: bytes


def _pieces(filesystem: Any, path: str, *, rows: int) -> list[_Piece]:
    """A file's pieces, in order."""
    with _open(filesystem, path) as file:
        footer, groups = _footer(file), range(file.num_row_groups)
        counts = [file.metadata.row_group(group).num_rows for group in groups]
    pieces = [_Piece(path=path, row_groups=[], rows=0, footer=footer)]
    for group, count in zip(groups, counts, strict=True):
        if pieces[-1]["rows"] >= rows:
            pieces.append(_Piece(path=path, row_groups=[], rows=0, footer=footer))
        pieces[-1]["row_groups"].append(group)
        pieces[-1]["rows"] += count
    return pieces


def _open(filesystem: Any, path: str) -> Any:
    try:
        return pq.ParquetFile(path, filesystem=filesystem)
    except pa.ArrowInvalid as error:
        raise InputError(f"{path} is not a Parquet file: {error}") from error


def _footer(file: Any) -> bytes:
    """A digest of a file's metadata: its layout and statistics."""
    written = pa.BufferOutputStream()
    file.metadata.write_metadata_file(written)
    return sha256(written.getvalue()).digest()


@dataclass(frozen=True)
class _Reader:
    """Reads columns of a piece, in any process."""

    filesystem: Any
    schema: pa.Schema
    batch_rows: int

    def read(self, piece: _Piece, kind: type[_Batch]) -> Iterator[_Batch]:
        path, names = piece["path"], self.schema.names
        with _open(self.filesystem, path) as file:
            if _footer(file) != piece["footer"]:
                raise InputError(f"{path} has changed since its pieces were listed: list them again")
            found = {field.name: field.type for field in file.schema_arrow if field.name in names}
            if found != dict(zip(names, self.schema.types, strict=True)):
                raise InputError(f"{path} has the columns {found}; those of the archive are {self.schema}")
            for batch in file.iter_batches(self.batch_rows, piece["row_groups"], names, use_threads=False):
                yield pa.Table.from_batches([batch]) if kind is pa.Table else batch


@dataclass(frozen=True)
class _Each:
    reader: _Reader
    function: Callable[[Any], Any]

    def __call__(self, pieces: _Batch) -> Iterator[_Batch]:
        for piece in pieces.to_pylist():
            yield from map(self.function, self.reader.read(piece, type(pieces)))


@dataclass(frozen=True)
class _Invalid:
    needed: _Reader
    others: _Reader
    verify: Verify
    schema: pa.Schema

    def __call__(self, pieces: _Batch) -> Iterator[_Batch]:
        for piece in pieces.to_pylist():
            found = [self._rejected(batch) for batch in self.needed.read(piece, type(pieces))]
            if not any(rows.num_rows for rows, _ in found):
                yield type(pieces).from_pylist([], schema=self.schema)
                continue
            for (rows, mask), others in zip(found, self.others.read(piece, type(pieces)), strict=True):
                columns = {name: rows.column(name) for name in rows.schema.names}
                columns |= {name: others.column(name).filter(mask) for name in others.schema.names}
                yield type(pieces).from_pydict(columns, schema=self.schema)

    def _rejected(self, batch: _Batch) -> tuple[_Batch, pa.BooleanArray]:
        """The rows without a valid signature, and where they are."""
        mask = pc.invert(self.verify(batch).column(self.verify.into))
        return batch.filter(mask), mask


def _of_any_width(field: pa.Field) -> pa.Field:
    return field.with_type(pa.binary()) if pa.types.is_fixed_size_binary(field.type) else field


def in_arrow(
    function: Callable[[pa.RecordBatch], pa.RecordBatch | Iterator[pa.RecordBatch]],
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function, whether it gives a batch or an iterator of batches, as Spark's
    ``mapInArrow`` takes it: from an iterator of batches to one."""
    return partial(_map, function)


def in_groups(function: Callable[[pa.Table], pa.Table]) -> Callable[[pa.Table], pa.Table]:
    """The function as Spark's ``applyInArrow`` and Ray Data's ``map_groups`` take it: they
    inspect the arguments and the name of plain functions only."""
    return lambda group: function(group)


def _map(
    function: Callable[[pa.RecordBatch], pa.RecordBatch | Iterator[pa.RecordBatch]],
    batches: Iterable[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        answer = function(batch)
        if isinstance(answer, Iterator):
            yield from answer
        else:
            yield answer
