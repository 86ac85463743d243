"""Roots and proofs, against the rules written down once more."""

import hashlib
import pickle
from dataclasses import replace

import blake3
import pyarrow as pa
import pytest
from conftest import chunked, layouts, plain

import verilane

HASHES = {
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha256d": lambda data: hashlib.sha256(hashlib.sha256(data).digest()).digest(),
    "blake3": lambda data: blake3.blake3(data).digest(),
}
TREES = [("bitcoin", None), ("rfc6962", None), ("rfc6962", "blake3"), ("plain", None), ("plain", "sha256d")]
SIZES = [1, 2, 3, 5, 8, 13, 64, 100]


def leaf(tree: str, hash: str | None, data: bytes) -> bytes:
    name = "sha256d" if tree == "bitcoin" else hash or "sha256"
    return HASHES[name]((b"\0" if tree == "rfc6962" else b"") + data)


def root(tree: str, hash: str | None, nodes: list[bytes]) -> bytes:
    name = "sha256d" if tree == "bitcoin" else hash or "sha256"
    prefix = b"\1" if tree == "rfc6962" else b""
    while len(nodes) > 1:
        last = [nodes[-1] if tree == "bitcoin" else None] if len(nodes) % 2 else []
        pairs = zip(nodes[::2], [*nodes[1::2], *last])
        nodes = [left if right is None else HASHES[name](prefix + left + right) for left, right in pairs]
    return nodes[0]


def data(size: int) -> list[bytes]:
    return [b"record %d" % index for index in range(size)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("tree", "hash"), TREES)
def test_leaves_roots_and_proofs(tree: str, hash: str | None, size: int) -> None:
    leaves = verilane.merkle_leaves(data(size), tree=tree, hash=hash)
    assert leaves == [leaf(tree, hash, record) for record in data(size)]
    found = verilane.merkle_root(leaves, tree=tree, hash=hash)
    assert found == verilane.Root(root(tree, hash, leaves), mutated=False)
    for index in {0, size // 2, size - 1}:
        proof = verilane.merkle_proof(leaves, index, tree=tree, hash=hash)
        assert proof.verify(leaves[index], found.digest)
        assert not proof.verify(bytes(32), found.digest)
        assert (proof.index, proof.leaves) == (index, size)


@pytest.mark.parametrize("layout", layouts(32))
def test_leaves_in_every_layout(layout: str) -> None:
    leaves = [leaf("plain", None, record) for record in data(40)]
    found = verilane.merkle_root(layouts(32)[layout](leaves), tree="plain")
    assert found.digest == root("plain", None, leaves)
    proof = verilane.merkle_proof(layouts(32)[layout](leaves), 17, tree="plain")
    assert proof.verify(leaves[17], found.digest)


def test_leaves_of_arrow_arrays() -> None:
    leaves = verilane.merkle_leaves(chunked(pa.binary(), 9)(data(40)), tree="rfc6962")
    assert leaves.type == pa.binary(32)
    assert plain(leaves) == [leaf("rfc6962", None, record) for record in data(40)]


@pytest.mark.parametrize(("tree", "hash"), TREES)
@pytest.mark.parametrize("size", [1, 8, 9, 13, 16, 31])
def test_subtrees_combine(tree: str, hash: str | None, size: int) -> None:
    leaves = verilane.merkle_leaves(data(size), tree=tree, hash=hash)
    parts = [leaves[start : start + 8] for start in range(0, size, 8)]
    subtrees = [(verilane.merkle_root(part, tree=tree, hash=hash), len(part)) for part in parts]
    combined = verilane.merkle_combine(subtrees, tree=tree, hash=hash)
    assert combined == verilane.merkle_root(leaves, tree=tree, hash=hash)


def test_subtrees_that_do_not_fit() -> None:
    part = verilane.merkle_root([bytes(32)] * 3, tree="plain")
    with pytest.raises(verilane.Error, match="sub-tree 0, counted from 0, cannot have 3 leaves"):
        verilane.merkle_combine([(part, 3), (part, 3)], tree="plain")
    with pytest.raises(verilane.Error, match="a root has 32 bytes, this one has 31"):
        verilane.merkle_combine([(verilane.Root(bytes(31), False), 1)], tree="plain")
    with pytest.raises(verilane.Error, match="sub-tree 1, counted from 0, is a pair of a Root and its number"):
        verilane.merkle_combine([(part, 3), part], tree="plain")


def test_a_mutated_tree_is_marked() -> None:
    leaves = [bytes([index]) * 32 for index in (1, 2, 3)]
    honest = verilane.merkle_root(leaves, tree="bitcoin")
    doubled = verilane.merkle_root([*leaves, leaves[2]], tree="bitcoin")
    assert (honest.mutated, doubled.mutated) == (False, True)
    assert honest.digest == doubled.digest


def test_the_empty_tree() -> None:
    assert verilane.merkle_root([], tree="rfc6962").digest == hashlib.sha256(b"").digest()
    for tree in ("bitcoin", "plain"):
        with pytest.raises(verilane.Error, match=f"a {tree} tree needs at least one leaf"):
            verilane.merkle_root(pa.array([], pa.binary(32)), tree=tree)


def test_proofs_travel_and_lead_nowhere_when_changed() -> None:
    leaves = verilane.merkle_leaves(data(13), tree="plain")
    top = verilane.merkle_root(leaves, tree="plain").digest
    proof = verilane.merkle_proof(leaves, 5, tree="plain")
    assert pickle.loads(pickle.dumps(proof)) == proof
    assert replace(proof, index=4).root(leaves[5]) != top
    assert replace(proof, path=proof.path[:-1]).root(leaves[5]) is None
    assert replace(proof, leaves=2**63, index=2**62).root(leaves[5]) is None
    with pytest.raises(verilane.Error, match="a node has 32 bytes, this one has 3"):
        replace(proof, path=(b"abc",)).root(leaves[5])


def test_no_such_leaf() -> None:
    with pytest.raises(verilane.Error, match="leaf 2 does not exist: the tree has 2 leaves"):
        verilane.merkle_proof([bytes(32)] * 2, 2, tree="plain")


def test_names() -> None:
    with pytest.raises(verilane.Error, match='no tree is called "ssz"'):
        verilane.merkle_root([bytes(32)], tree="ssz")
    with pytest.raises(verilane.Error, match="a bitcoin tree always uses sha256d, not blake3"):
        verilane.merkle_root([bytes(32)], tree="bitcoin", hash="blake3")
