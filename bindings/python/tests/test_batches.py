"""Functions from batch to batch: the same answers as one call on all rows."""

import hashlib
import pickle
import subprocess
import sys

import clusters
import pyarrow as pa
import pytest

import verilane
from verilane import batches

TABLE = clusters.archive()


@pytest.fixture(params=["table", "chunked table", "record batch"])
def rows(request: pytest.FixtureRequest) -> pa.Table | pa.RecordBatch:
    """The same rows in each form that an engine gives them in."""
    if request.param == "table":
        return TABLE
    if request.param == "chunked table":
        return pa.concat_tables([TABLE.slice(0, 1000), TABLE.slice(1000, 0), TABLE.slice(1000)])
    return TABLE.combine_chunks().to_batches()[0]


@pytest.mark.parametrize("rule", ["rfc8032", "strict", "zip215"])
def test_verdicts(rows, rule) -> None:
    step = pickle.loads(pickle.dumps(batches.Verify(rule=rule)))
    judged = step(rows)
    assert type(judged) is type(rows)
    assert judged.schema.names == [*rows.schema.names, "valid"]
    assert judged.drop_columns(["valid"]) == rows
    found = [row for row, valid in enumerate(judged.column("valid").to_pylist()) if valid is False]
    assert found == clusters.invalid(TABLE, rule)


def test_a_row_without_a_signature_is_invalid_wherever_the_null_is() -> None:
    whole = TABLE.slice(0, 5)
    for name in ["public_key", "signature", "message"]:
        for wrong in [None, b"", bytes(31)][: 1 if name == "message" else 3]:
            values = whole.column(name).to_pylist()
            values[3] = wrong
            index = whole.schema.get_field_index(name)
            changed = whole.set_column(index, name, pa.array(values, pa.binary()))
            valid = batches.Verify(rule="strict")(changed).column("valid").to_pylist()
            assert valid == [True, True, True, False, True], (name, wrong)
    fixed = whole.set_column(1, "public_key", pa.array([bytes(31)] * 5, pa.binary(31)))
    assert batches.Verify(rule="strict")(fixed).column("valid").to_pylist() == [False] * 5
    assert batches.Verify(rule="strict")(whole.slice(0, 0)).column("valid").to_pylist() == []


def test_digests(rows) -> None:
    digests = batches.Hash(column="message", hash="sha256", keep=["position"])(rows)
    assert digests.schema.names == ["position", "digest"]
    expected = [hashlib.sha256(message).digest() for message in TABLE.column("message").to_pylist()]
    assert digests.column("digest").to_pylist() == expected


@pytest.mark.parametrize("bits", [0, 1, 8, 11, 24])
def test_fingerprints_and_their_buckets(rows, bits) -> None:
    step = batches.Fingerprints(column="message", key=bytes(32), bits=bits, keep=[])
    found = step(rows)
    fingerprints = verilane.hash(TABLE.column("message").to_pylist(), key=bytes(32))
    assert found.column("fingerprint").to_pylist() == fingerprints
    buckets = [int.from_bytes(value[:3], "big") >> (24 - bits) for value in fingerprints]
    assert found.column("bucket").to_pylist() == buckets
    assert found.schema.field("bucket").type == pa.int32()


def test_duplicates_in_any_order(rows) -> None:
    fingerprints = batches.Fingerprints(column="message", keep=["position"])(rows)
    backwards = fingerprints.take(pa.array(range(clusters.ROWS - 1, -1, -1)))
    found = batches.Duplicates()(backwards)
    assert type(found) is type(rows)
    assert found.to_pylist() == clusters.duplicates(TABLE)


@pytest.mark.parametrize("tree", ["bitcoin", "rfc6962", "plain"])
@pytest.mark.parametrize("height", [0, 5, 12, 13])
def test_subtrees_join_to_the_root(rows, tree, height) -> None:
    leaves = batches.Leaves(tree=tree, column="message", height=height)(rows)
    backwards = leaves.take(pa.array(range(clusters.ROWS - 1, -1, -1)))
    subtrees = batches.Subtrees(tree=tree, height=height)(backwards)
    assert subtrees.num_rows == -(-clusters.ROWS // 2**height)
    assert batches.combine(subtrees, tree=tree) == clusters.root(TABLE, tree)


def test_the_flag_of_a_mutated_tree_is_kept() -> None:
    twice = pa.table({"position": pa.array(range(8), pa.int64()), "leaf": [b"a" * 32] * 2 + [b"b" * 32] * 6})
    root = batches.combine(batches.Subtrees(tree="bitcoin", height=2)(twice), tree="bitcoin")
    assert root.mutated
    assert root == verilane.merkle_root(twice.column("leaf"), tree="bitcoin")


def test_leaves_that_are_missing_or_there_twice_are_named() -> None:
    leaves = batches.Leaves(tree="plain", column="message", height=4)(TABLE.slice(0, 40))
    subtrees = batches.Subtrees(tree="plain", height=4)
    without = pa.concat_tables([leaves.slice(0, 20), leaves.slice(21)])
    with pytest.raises(verilane.Error, match="sub-tree 1 is not whole: 15 leaves"):
        subtrees(without)
    with pytest.raises(verilane.Error, match="sub-tree 0 is not whole: 17 leaves at 16 positions"):
        subtrees(pa.concat_tables([leaves, leaves.slice(3, 1)]))
    with pytest.raises(verilane.Error, match="sub-tree 0 is not whole: .* from 1"):
        subtrees(leaves.slice(1))
    rows = subtrees(leaves)
    with pytest.raises(verilane.Error, match="sub-tree 1 is missing"):
        batches.combine(rows.take([0, 2]), tree="plain")
    with pytest.raises(verilane.Error, match="sub-tree 1 is there twice"):
        batches.combine(rows.take([0, 1, 1, 2]), tree="plain")
    with pytest.raises(verilane.Error, match="sub-tree 1, counted from 0, cannot have 15 leaves"):
        short = pa.concat_tables([leaves.slice(0, 31), leaves.slice(32)])
        batches.combine(subtrees(short), tree="plain")


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(verilane.Error, match="a column called message already"):
        batches.Hash(column="message", hash="sha256", into="message")(TABLE)
    with pytest.raises(verilane.Error, match="bits cannot be 25"):
        batches.Fingerprints(column="message", bits=25)
    with pytest.raises(verilane.Error, match="zip"):
        batches.Verify(rule="zip")(TABLE)


def test_batches_stream_through_an_iterator() -> None:
    step = batches.in_arrow(batches.Hash(column="message", hash="blake3", keep=[]))
    parts = TABLE.to_batches(max_chunksize=700)
    streamed = pa.Table.from_batches(step(iter(parts)))
    assert streamed.column("digest").to_pylist() == verilane.hash(TABLE.column("message").to_pylist())


def test_a_forked_process_makes_its_own_engine() -> None:
    program = """
import os, sys
sys.path.insert(0, sys.argv[1])
import clusters
from verilane import batches
step, table = batches.Verify(rule="strict"), clusters.archive().slice(0, 100)
expected = step(table)
child = os.fork()
if child == 0:
    os._exit(0 if step(table) == expected else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-c", program, str(clusters.Path(__file__).parent)], check=True, timeout=60)
