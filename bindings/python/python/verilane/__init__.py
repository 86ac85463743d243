"""The heavy jobs of a ledger node, in bulk: Ed25519 verification, digests, Merkle trees,
duplicates and nonces, in the processor's lanes and on GPUs.

Columns of byte strings are Arrow arrays (anything with ``__arrow_c_array__`` or
``__arrow_c_stream__``, such as pyarrow's), which are read where they lie, or iterables of
bytes-like objects, which are packed first. Results are pyarrow arrays for Arrow arrays, and
lists for the rest.

>>> import verilane
>>> digests = verilane.hash([b"alpha", b"beta", b"alpha"])
>>> verilane.first_occurrences(digests)
[0, 1, 0]

Where each call ran is logged to the logger ``verilane`` at level DEBUG.
"""

from ._errors import Error, FallbackWarning, Fault
from ._results import Device, Nonce, Proof, Root
from ._verilane import (
    Engine,
    devices,
    first_occurrences,
    hash,
    merkle_combine,
    merkle_leaves,
    merkle_proof,
    merkle_root,
    search,
    verify,
)

__all__ = [
    "Device",
    "Engine",
    "Error",
    "FallbackWarning",
    "Fault",
    "Nonce",
    "Proof",
    "Root",
    "devices",
    "first_occurrences",
    "hash",
    "merkle_combine",
    "merkle_leaves",
    "merkle_proof",
    "merkle_root",
    "search",
    "verify",
]
