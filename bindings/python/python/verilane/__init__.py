"""The heavy jobs of a ledger node, in bulk: Ed25519 verification, digests, Merkle trees,
duplicates and nonces, on SIMD CPUs and on GPUs.

A column of byte strings is an Arrow array (anything with ``__arrow_c_array__`` or
``__arrow_c_stream__``, such as pyarrow's), which is read in place, or an iterable of bytes,
buffers of bytes and str, mixed or not, which is packed first. A str stands for its bytes in
UTF-8, as in Arrow's string arrays. Results are pyarrow arrays for Arrow arrays, and lists
otherwise.

>>> import verilane
>>> fingerprints = verilane.hash([b"alpha", "beta", "alpha"])
>>> verilane.first_occurrences(fingerprints)
[0, 1, 0]

Calls release the GIL. Wrong input raises an `InputError`; a missing or unknown argument raises
TypeError, as in all Python functions. The logger ``verilane`` says at level DEBUG where each
call ran.
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
