from collections.abc import Iterable
from os import PathLike
from types import TracebackType
from typing import Literal, Protocol, TypeAlias, final, overload

import pyarrow as pa  # type: ignore[import-untyped]
from typing_extensions import Buffer, Self

from ._results import BlockCheck, Device, Nonce, Proof, RecordVerdict, Root, Seen

class _ArrowArray(Protocol):
    def __arrow_c_array__(self, requested_schema: object | None = None, /) -> tuple[object, object]: ...

class _ArrowStream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None, /) -> object: ...

__all__ = [
    "Engine",
    "Index",
    "__version__",
    "devices",
    "first_occurrences",
    "hash",
    "merkle_combine",
    "merkle_leaves",
    "merkle_proof",
    "merkle_root",
    "proof_root",
    "search",
    "verify",
]

_Arrow: TypeAlias = _ArrowArray | _ArrowStream
_Strings: TypeAlias = Iterable[Buffer | str]
_Rule: TypeAlias = Literal["rfc8032", "strict", "zip215"]
_Hash: TypeAlias = Literal["sha256", "sha256d", "blake3"]
_Tree: TypeAlias = Literal["bitcoin", "rfc6962", "plain"]
_Backend: TypeAlias = Literal["auto", "reference", "cpu", "gpu"]
_Isa: TypeAlias = Literal["scalar", "avx2", "avx512", "avx512ifma"]

__version__: str

@final
class Engine:
    def __new__(
        cls,
        backend: _Backend = "auto",
        *,
        threads: int = 0,
        isa: _Isa | None = None,
        adapter: str | None = None,
    ) -> Engine: ...
    @property
    def backend(self) -> str: ...
    @overload
    def check_block(
        self,
        rule: _Rule,
        hash: _Hash,
        tree: _Tree,
        public_keys: _Arrow,
        signatures: _Arrow,
        digests: _Arrow,
        records: _Arrow,
        *,
        tree_hash: _Hash | None = None,
        key: Buffer | None = None,
    ) -> BlockCheck[pa.DictionaryArray, pa.FixedSizeBinaryArray, pa.UInt32Array]: ...
    @overload
    def check_block(
        self,
        rule: _Rule,
        hash: _Hash,
        tree: _Tree,
        public_keys: _Strings,
        signatures: _Strings,
        digests: _Strings,
        records: _Strings,
        *,
        tree_hash: _Hash | None = None,
        key: Buffer | None = None,
    ) -> BlockCheck[list[RecordVerdict], list[bytes], list[int]]: ...

@final
class Index:
    def __new__(
        cls,
        path: str | PathLike[str],
        *,
        key: Buffer | None = None,
        cache_bytes: int = 1073741824,
    ) -> Index: ...
    @overload
    def scan(
        self, digests: _Arrow, *, engine: Engine | None = None
    ) -> Seen[pa.UInt64Array, pa.UInt32Array]: ...
    @overload
    def scan(
        self, digests: _Strings, *, engine: Engine | None = None
    ) -> Seen[list[int | None], list[int | None]]: ...
    @overload
    def add(
        self, block: int, digests: _Arrow, *, engine: Engine | None = None
    ) -> Seen[pa.UInt64Array, pa.UInt32Array]: ...
    @overload
    def add(
        self, block: int, digests: _Strings, *, engine: Engine | None = None
    ) -> Seen[list[int | None], list[int | None]]: ...
    @property
    def blocks(self) -> int: ...
    def __len__(self) -> int: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

@overload
def verify(
    keys: _Arrow,
    signatures: _Arrow,
    messages: _Arrow,
    *,
    rule: _Rule,
    engine: Engine | None = None,
) -> pa.BooleanArray: ...
@overload
def verify(
    keys: _Strings,
    signatures: _Strings,
    messages: _Strings,
    *,
    rule: _Rule,
    engine: Engine | None = None,
) -> list[bool]: ...
@overload
def hash(
    records: _Arrow,
    *,
    hash: _Hash = "blake3",
    key: Buffer | None = None,
    engine: Engine | None = None,
) -> pa.FixedSizeBinaryArray: ...
@overload
def hash(
    records: _Strings,
    *,
    hash: _Hash = "blake3",
    key: Buffer | None = None,
    engine: Engine | None = None,
) -> list[bytes]: ...
@overload
def merkle_leaves(
    records: _Arrow,
    *,
    tree: _Tree,
    hash: _Hash | None = None,
    engine: Engine | None = None,
) -> pa.FixedSizeBinaryArray: ...
@overload
def merkle_leaves(
    records: _Strings,
    *,
    tree: _Tree,
    hash: _Hash | None = None,
    engine: Engine | None = None,
) -> list[bytes]: ...
def merkle_root(
    leaves: _Arrow | _Strings,
    *,
    tree: _Tree,
    hash: _Hash | None = None,
    engine: Engine | None = None,
) -> Root: ...
def merkle_combine(
    subtrees: Iterable[tuple[Root, int]],
    *,
    tree: _Tree,
    hash: _Hash | None = None,
    engine: Engine | None = None,
) -> Root: ...
def merkle_proof(
    leaves: _Arrow | _Strings,
    index: int,
    *,
    tree: _Tree,
    hash: _Hash | None = None,
    engine: Engine | None = None,
) -> Proof: ...
def proof_root(
    tree: str,
    hash: str,
    index: int,
    leaves: int,
    path: Iterable[Buffer],
    leaf: Buffer,
) -> bytes | None: ...
@overload
def first_occurrences(fingerprints: _Arrow, *, engine: Engine | None = None) -> pa.UInt32Array: ...
@overload
def first_occurrences(fingerprints: _Strings, *, engine: Engine | None = None) -> list[int]: ...
def search(
    header: Buffer,
    *,
    target: int | None = None,
    bits: int | None = None,
    start: int = 0,
    end: int | None = None,
    nonce_offset: int = 76,
    engine: Engine | None = None,
) -> Nonce | None: ...
def devices() -> list[Device]: ...
