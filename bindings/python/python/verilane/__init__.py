"""The heavy jobs of a ledger node, in bulk: Ed25519 verification, digests, Merkle trees,
duplicates and nonces, in the processor's lanes and on GPUs.

A column of byte strings is an Arrow array (anything with ``__arrow_c_array__`` or
``__arrow_c_stream__``, such as pyarrow's), which is read where it lies, or an iterable of
bytes, buffers of bytes and str in any mixture, which is packed first. A str stands for its
bytes in UTF-8, as in Arrow's string arrays. Results are pyarrow arrays for Arrow arrays, and
lists for the rest.

>>> import verilane
>>> fingerprints = verilane.hash([b"alpha", "beta", "alpha"])
>>> verilane.first_occurrences(fingerprints)
[0, 1, 0]

Calls release the GIL. What they refuse raises an `InputError`; a missing or unknown argument
raises TypeError, as everywhere in Python. Where each call ran is logged to the logger
``verilane`` at level DEBUG.
"""

from ._errors import Error, FallbackWarning, Fault, InputError, InputTypeError, StoreError
from ._results import BlockCheck, Device, Nonce, Proof, RecordVerdict, Report, Root, Seen
from ._verilane import (
    Engine,
    Index,
    __version__,
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
    "BlockCheck",
    "Device",
    "Engine",
    "Error",
    "FallbackWarning",
    "Fault",
    "Index",
    "InputError",
    "InputTypeError",
    "Nonce",
    "Proof",
    "RecordVerdict",
    "Report",
    "Root",
    "Seen",
    "StoreError",
    "__version__",
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
