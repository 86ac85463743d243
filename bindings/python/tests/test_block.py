"""A block's check, against one made of hashlib, `cryptography` and the tree's rule."""

import hashlib
import pickle
from collections.abc import Sequence
from dataclasses import dataclass

import blake3
import pyarrow as pa
import pytest
from conftest import ANY_LENGTH, chunked, layouts, plain
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import verilane
from verilane import RecordVerdict

ENGINE = verilane.Engine("cpu", threads=2)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@dataclass
class Block:
    public_keys: list[bytes]
    signatures: list[bytes]
    digests: list[bytes]
    records: list[bytes]

    def columns(self) -> list[list[bytes]]:
        return [self.public_keys, self.signatures, self.digests, self.records]

    def leaves(self) -> list[bytes]:
        return [b"".join(parts) for parts in zip(self.digests, self.public_keys, self.signatures)]


def signed_block(count: int, digest=sha256) -> Block:
    """Every fifth signature is of another digest, every seventh record was changed since it
    was signed, and every third repeats an earlier one."""
    owners = [Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32) for seed in range(1, 5)]
    records = [b"record %d" % (row if row % 3 else row // 2) * (row % 40 + 1) for row in range(count)]
    digests = [digest(record) for record in records]
    signers = [owners[row % 4] for row in range(count)]
    signatures = [
        signer.sign(digest if row % 5 != 2 else bytes(32))
        for row, (signer, digest) in enumerate(zip(signers, digests))
    ]
    records = [record + b"!" if row % 7 == 3 else record for row, record in enumerate(records)]
    return Block([signer.public_key().public_bytes_raw() for signer in signers], signatures, digests, records)


def expected(count: int) -> list[RecordVerdict]:
    def verdict(row: int) -> RecordVerdict:
        if row % 5 == 2:
            return RecordVerdict.BAD_SIGNATURE
        return RecordVerdict.HASH_MISMATCH if row % 7 == 3 else RecordVerdict.VALID

    return [verdict(row) for row in range(count)]


def first_occurrences(values: Sequence[bytes]) -> list[int]:
    seen: dict[bytes, int] = {}
    return [seen.setdefault(value, row) for row, value in enumerate(values)]


def root(block: Block, **tree: str | None) -> verilane.Root:
    return verilane.merkle_root(verilane.merkle_leaves(block.leaves(), **tree), **tree)


@pytest.mark.parametrize("layout", ANY_LENGTH)
def test_every_layout(layout: str) -> None:
    block = signed_block(60)
    lay = [layouts(32)[layout], layouts(64)[layout], layouts(32)[layout], ANY_LENGTH[layout]]
    columns = [lay(values) for lay, values in zip(lay, block.columns())]
    check = ENGINE.check_block("rfc8032", "sha256", "rfc6962", *columns)
    assert plain(check.verdicts) == expected(60)
    assert plain(check.digests) == [sha256(record) for record in block.records]
    assert plain(check.first_occurrences) == first_occurrences(block.records)
    assert (check.root, check.mutated) == root(block, tree="rfc6962")
    assert check.invalid() == [(row, verdict) for row, verdict in enumerate(expected(60)) if not verdict]
    if "binary" in layout:
        assert check.verdicts.type == pa.dictionary(pa.int8(), pa.string())
        assert (check.digests.type, check.first_occurrences.type) == (pa.binary(32), pa.uint32())
    else:
        assert {type(verdict) for verdict in check.verdicts} == {RecordVerdict}


def test_chunks_may_end_at_different_rows() -> None:
    block = signed_block(60)
    check = ENGINE.check_block(
        rule="strict",
        hash="sha256",
        tree="plain",
        public_keys=chunked(pa.binary(32), 7)(block.public_keys),
        signatures=chunked(pa.binary(), 60)(block.signatures),
        digests=block.digests,
        records=chunked(pa.large_binary(), 11)(block.records),
    )
    assert check.verdicts.to_pylist() == expected(60)
    assert check.digests.to_pylist() == [sha256(record) for record in block.records]
    assert check.root == root(block, tree="plain").digest


@pytest.mark.parametrize("rule", ["rfc8032", "strict", "zip215"])
@pytest.mark.parametrize(
    ("tree", "tree_hash"), [("bitcoin", None), ("rfc6962", "blake3"), ("plain", "sha256d"), ("plain", None)]
)
def test_rules_and_trees(rule: str, tree: str, tree_hash: str | None) -> None:
    block = signed_block(23)
    check = ENGINE.check_block(rule, "sha256", tree, *block.columns(), tree_hash=tree_hash)
    assert check.verdicts == expected(23)
    assert (check.root, check.mutated) == root(block, tree=tree, hash=tree_hash)


@pytest.mark.parametrize(
    ("hash", "key", "digest"),
    [
        ("sha256d", None, lambda data: sha256(sha256(data))),
        ("blake3", None, lambda data: blake3.blake3(data).digest()),
        ("blake3", bytes(range(32)), lambda data: blake3.blake3(data, key=bytes(range(32))).digest()),
    ],
)
def test_hashes_of_records(hash: str, key: bytes | None, digest) -> None:
    block = signed_block(23, digest)
    check = ENGINE.check_block("strict", hash, "plain", *block.columns(), key=key)
    assert check.verdicts == expected(23)
    assert check.digests == [digest(record) for record in block.records]


def test_back_ends_agree() -> None:
    columns = signed_block(40).columns()
    checks = [
        verilane.Engine(backend, threads=1).check_block("strict", "sha256", "rfc6962", *columns)
        for backend in ("reference", "cpu", "auto")
    ]
    assert checks[0] == checks[1] == checks[2]
    assert [check.report.backend for check in checks] == ["reference", "cpu", "cpu"]
    assert all(check.report.passed_over == () and not check.report.software for check in checks)
    assert checks[0].report.threads == 1


def test_records_may_be_text() -> None:
    block = signed_block(9)
    text = [record.decode() for record in block.records]
    given = ENGINE.check_block("strict", "sha256", "plain", *block.columns()[:3], text)
    assert given == ENGINE.check_block("strict", "sha256", "plain", *block.columns())


def test_only_valid_verdicts_are_true() -> None:
    assert [bool(verdict) for verdict in RecordVerdict] == [True, False, False]
    assert not all(expected(10)) and all(expected(2))


def test_an_empty_block() -> None:
    check = ENGINE.check_block("strict", "sha256", "rfc6962", [], [], [], [])
    assert (check.verdicts, check.digests, check.first_occurrences, check.invalid()) == ([], [], [], [])
    assert check.root == sha256(b"")
    none = pa.array([], pa.binary())
    check = ENGINE.check_block("strict", "sha256", "rfc6962", none, none, none, none)
    assert (check.verdicts.to_pylist(), check.invalid(), check.root) == ([], [], sha256(b""))
    with pytest.raises(verilane.InputError, match="a plain tree needs at least one leaf"):
        ENGINE.check_block("strict", "sha256", "plain", [], [], [], [])


def test_a_mutated_tree_is_marked() -> None:
    block = signed_block(1)
    check = ENGINE.check_block("strict", "sha256", "bitcoin", *(column * 2 for column in block.columns()))
    assert check.mutated and check.first_occurrences == [0, 0]


def test_checks_travel() -> None:
    block = signed_block(9)
    for columns in (block.columns(), [pa.array(column) for column in block.columns()]):
        check = ENGINE.check_block("strict", "sha256", "plain", *columns)
        assert pickle.loads(pickle.dumps(check)) == check


def test_refusals() -> None:
    columns = signed_block(3).columns()

    def check(*arguments: object, **named: object) -> object:
        return ENGINE.check_block(*arguments, **named)

    names = ["public key", "signature", "digest", "record"]
    for place, (name, width) in enumerate(zip(names, [32, 64, 32, 0])):
        short = [*columns[:place], columns[place][:2], *columns[place + 1 :]]
        with pytest.raises(verilane.InputError, match=f"columns of different lengths: .*2 {name}s"):
            check("strict", "sha256", "plain", *short)
        odd = [*columns[:place], [*columns[place][:2], 7], *columns[place + 1 :]]
        with pytest.raises(verilane.InputTypeError, match=f"row 2: a {name} is bytes, .* not int"):
            check("strict", "sha256", "plain", *odd)
        if width:
            wide = [*columns[:place], [*columns[place][:2], b"wide"], *columns[place + 1 :]]
            with pytest.raises(verilane.InputError, match=f"row 2: a {name} has {width} bytes, this one has 4"):
                check("strict", "sha256", "plain", *wide)
    with pytest.raises(verilane.InputError, match='no acceptance rule is called "zip"'):
        check("zip", "sha256", "plain", *columns)
    with pytest.raises(verilane.InputError, match='no hash is called "md5"'):
        check("strict", "md5", "plain", *columns)
    with pytest.raises(verilane.InputError, match='no tree is called "ssz"'):
        check("strict", "sha256", "ssz", *columns)
    with pytest.raises(verilane.InputError, match="a bitcoin tree always uses sha256d, not blake3"):
        check("strict", "sha256", "bitcoin", *columns, tree_hash="blake3")
    with pytest.raises(verilane.InputError, match="sha256 takes no key: only blake3 does"):
        check("strict", "sha256", "plain", *columns, key=bytes(32))
