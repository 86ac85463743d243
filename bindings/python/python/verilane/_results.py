"""What calls return."""

from dataclasses import dataclass
from typing import NamedTuple

from ._verilane import proof_root


class Root(NamedTuple):
    """The root of a Merkle tree."""

    digest: bytes
    """The 32 bytes in the order in which they were hashed."""
    mutated: bool
    """Bitcoin only: two equal neighbours form a pair, so that another list of leaves has
    the same root (CVE-2012-2459)."""


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
    """The siblings on the way from the leaf to the root, lowest first. Where a node is
    promoted there is none; where it is doubled, it is its own sibling."""

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
    """Something to compute on."""

    kind: str
    """The back end that uses it: "cpu" or "gpu"."""
    name: str
    """The adapter's name; the processor's instruction set."""
    detail: str
    """An adapter's kind, interface and driver."""
    software: bool
    """Whether it is a processor that poses as a GPU; used only if named."""
