"""What calls return."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from ._verilane import proof_root


class Root(NamedTuple):
    """The root of a Merkle tree."""

    digest: bytes
    """The 32 bytes in the order in which they were hashed."""
    mutated: bool
    """Bitcoin only: two equal nodes form a pair, so that another list of leaves has the same
    root (CVE-2012-2459)."""


@dataclass(frozen=True)
class Proof:
    """A proof that a leaf is in the tree of a root."""

    tree: str
    """The rule of the tree: "bitcoin", "rfc6962" or "plain"."""
    hash: str
    """The hash of the tree's nodes."""
    index: int
    """The leaf's position, from 0."""
    leaves: int
    """The number of leaves in the tree."""
    path: tuple[bytes, ...]
    """The siblings on the path from the leaf to the root, lowest first. A promoted node has
    no sibling; a doubled node is its own."""

    def root(self, leaf: bytes) -> bytes | None:
        """The root to which the proof leads from ``leaf``; None if the path does not fit
        the tree."""
        return proof_root(self.tree, self.hash, self.index, self.leaves, self.path, leaf)

    def verify(self, leaf: bytes, root: bytes) -> bool:
        """Whether the proof leads from ``leaf`` to ``root``."""
        return self.root(leaf) == root


class Nonce(NamedTuple):
    """A nonce that meets the target."""

    nonce: int
    """The nonce."""
    digest: bytes
    """SHA-256d of the header with the nonce in place."""


class Device(NamedTuple):
    """A device that calls can run on."""

    kind: str
    """The back end that uses it: "cpu" or "gpu"."""
    name: str
    """The adapter's name; the processor's instruction set."""
    detail: str
    """An adapter's kind, interface and driver."""
    software: bool
    """Whether it is a software adapter, which runs on the processor; used only if named."""


class Report(NamedTuple):
    """Where a call ran, and which back ends failed before."""

    backend: str
    """The back end that gave the answer: "cpu", "gpu" or "reference"."""
    detail: str
    """The instruction set, the crates, or the adapter's name."""
    threads: int
    """The number of its host threads."""
    software: bool
    """Whether it is a software adapter, which runs on the processor."""
    passed_over: tuple[tuple[str, str], ...]
    """The back ends that were tried before and faulted, in order, each with its fault."""


class RecordVerdict(StrEnum):
    """The verdict on one entry of a block. The signature is checked first.

    Only `VALID` is true, so that ``all(verdicts)`` means what it does for `verify`.
    """

    VALID = "valid"
    """The signature is valid for the claimed digest, and the record has that digest."""
    BAD_SIGNATURE = "bad signature"
    """The signature is not valid for the claimed digest under the public key."""
    HASH_MISMATCH = "hash mismatch"
    """The signature is valid, but the record does not have the signed digest."""

    def __bool__(self) -> bool:
        return self is RecordVerdict.VALID


_Verdicts = TypeVar("_Verdicts")
_Digests = TypeVar("_Digests")
_Positions = TypeVar("_Positions")
_Blocks = TypeVar("_Blocks")


@dataclass(frozen=True)
class BlockCheck(Generic[_Verdicts, _Digests, _Positions]):
    """The result of the check of a block's entries."""

    verdicts: _Verdicts
    """The verdict on each entry: a list of `RecordVerdict`, or a pyarrow DictionaryArray of
    their names, with an index of one byte for each entry."""
    digests: _Digests
    """The computed digest of each record, whatever was claimed."""
    first_occurrences: _Positions
    """For each record, the position of the first one with the same digest."""
    root: bytes
    """The root over the entries."""
    mutated: bool
    """As of a `Root`: whether another list of entries has the same root."""
    report: Report = field(compare=False)
    """Where the check ran."""

    def invalid(self) -> list[tuple[int, RecordVerdict]]:
        """The positions of the entries that are not valid, and what is wrong with each."""
        verdicts = _listed(self.verdicts)
        found = ((position, RecordVerdict(verdict)) for position, verdict in enumerate(verdicts))
        return [(position, verdict) for position, verdict in found if not verdict]


@dataclass(frozen=True)
class Seen(Generic[_Blocks, _Positions]):
    """Where each record of a call was seen before, as two columns. A record that has None, or
    a null, in both is new."""

    in_block: _Blocks
    """The number of the block that brought the record into the index; None, or null, if it
    is not in the index."""
    repeats: _Positions
    """For a record that is not in the index but repeats an earlier one of this call, the
    position of the first; otherwise None, or null."""
    report: Report = field(compare=False)
    """Where the fingerprints were computed."""

    def new(self) -> list[int]:
        """The positions of the records that are neither in the index nor earlier in the call."""
        rows = zip(_listed(self.in_block), _listed(self.repeats), strict=True)
        return [position for position, row in enumerate(rows) if row == (None, None)]


def _listed(column: Any) -> list[Any]:
    return column if isinstance(column, list) else list(column.to_pylist())
