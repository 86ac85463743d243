"""The operations as functions from one Arrow batch to another, for engines that spread
work over processes and machines.

Each takes a pyarrow RecordBatch or Table and returns one of the same kind, can be pickled,
and makes its engine in the process where it is first called, with as many threads as Ray
or Spark gave processors to the task. So it runs unchanged in Ray Data, as a task or as an
actor,

>>> ds.map_batches(Verify(rule="zip215"), batch_format="pyarrow")  # doctest: +SKIP

and, through `in_arrow`, in Spark:

>>> df.mapInArrow(in_arrow(Verify(rule="zip215")), schema)  # doctest: +SKIP

Digests, fingerprints and roots come as ``binary``, which every engine knows.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from ._errors import Error
from ._results import Root
from ._verilane import Engine, first_occurrences, hash, merkle_combine, merkle_leaves, merkle_root, verify

if TYPE_CHECKING:
    from ._verilane import _Backend, _Hash, _Rule, _Tree

__all__ = [
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
                raise Error(f"there is a column called {name} already: name another one for the answer")
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
    """Adds a fingerprint of each row's bytes, and the bucket in which all rows of equal
    fingerprints are: some of the fingerprint's first bits.

    Duplicates are found in a bucket alone: group by it, and map its groups by `Duplicates`.
    """

    column: str
    """The column of bytes."""
    key: bytes | None = None
    """A key of 32 bytes, without which a fingerprint cannot be guessed from a guessable
    record."""
    bits: int = 8
    """There are 2 to the power of this many buckets, at most 24; one has to fit in the
    memory of a task."""
    into: str = "fingerprint"
    """The new column of BLAKE3 digests."""
    bucket: str = "bucket"
    """The new column of buckets."""

    def __post_init__(self) -> None:
        if not 0 <= self.bits <= 24:
            raise Error(f"bits cannot be {self.bits}: 0 to 24 would be valid")

    def __call__(self, batch: _Batch) -> _Batch:
        prints = hash(batch.column(self.column), hash="blake3", key=self.key, engine=self._engine())
        new = {self.into: prints.cast(pa.binary()), self.bucket: _prefixes(prints, self.bits)}
        return self._added(batch, **new)


def _prefixes(prints: pa.FixedSizeBinaryArray, bits: int) -> pa.Int32Array:
    """The first bits of each as a number."""
    first = [pc.binary_slice(prints.cast(pa.binary()), byte, byte + 1) for byte in range(3)]
    high, middle, low = [part.cast(pa.binary(1)).view(pa.uint8()).cast(pa.int32()) for part in first]
    number = pc.add(pc.shift_left(high, 16), pc.add(pc.shift_left(middle, 8), low))
    return pc.shift_right(number, 24 - bits).cast(pa.int32())


@dataclass(frozen=True, kw_only=True)
class Duplicates(_Operation):
    """From the rows of whole buckets those that repeat an earlier one: their positions,
    and in the column ``first`` the position of the first row of the same fingerprint.

    Earlier is what has the lower position, in whatever order the rows come.
    """

    position: str = "position"
    """The column of positions, whole numbers that are all different."""
    fingerprints: str = "fingerprint"
    """The column of fingerprints."""

    def __call__(self, batch: _Batch) -> _Batch:
        rows = batch.select([self.position, self.fingerprints]).sort_by(self.position)
        positions = rows.column(self.position)
        firsts = first_occurrences(rows.column(self.fingerprints), engine=self._engine())
        found = positions.take(firsts)
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
    """Adds each row's leaf node, and the sub-tree in which it is: its position divided by
    the number of leaves in a sub-tree."""

    column: str
    """The column of the leaves' data."""
    height: int = 16
    """A sub-tree has 2 to the power of this many leaves; one has to fit in a task's memory."""
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
            raise Error(f"the column {self.position} holds a null")
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
            raise Error(
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
            raise Error(f"sub-tree {min(place, row['subtree'])} {wrong}")
    pairs = [(Root(row["root"], row["mutated"]), row["leaves"]) for row in rows]
    return merkle_combine(pairs, tree=tree, hash=hash)


def in_arrow(function: Callable[[pa.RecordBatch], pa.RecordBatch]) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function as Spark's ``mapInArrow`` takes it: from an iterator of batches to one."""
    return partial(_map, function)


def in_groups(function: Callable[[pa.Table], pa.Table]) -> Callable[[pa.Table], pa.Table]:
    """The function as Spark's ``applyInArrow`` and Ray Data's ``map_groups`` take it: they
    look at the arguments and the name of plain functions alone."""
    return lambda group: function(group)


def _map(
    function: Callable[[pa.RecordBatch], pa.RecordBatch], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield function(batch)
