"""Pieces of an archive, read where they are needed: the same answers as on the whole."""

import hashlib
import pickle
from pathlib import Path

import clusters
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pytest

import verilane
from verilane import batches
from verilane.batches import Archive, Verify

TABLE = clusters.archive()
INVALID = TABLE.take(clusters.invalid(TABLE, "strict"))
ONE_PIECE_A_GROUP = 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    clusters.write(TABLE, tmp_path / "archive")
    return tmp_path / "archive"


def invalid(archive: Archive, rows: int = 1 << 18) -> pa.Table:
    """The invalid rows of all pieces, by a function that has been sent to a worker."""
    verify = pickle.loads(pickle.dumps(archive.invalid(Verify(rule="strict"))))
    return pa.concat_tables(verify(archive.pieces(rows)))


@pytest.mark.parametrize("source", ["folder", "path", "files", "uri", "filesystem", "fsspec"])
def test_the_invalid_rows_of_an_archive_from_anywhere(folder, source) -> None:
    files = sorted(map(str, folder.iterdir()))
    archive = {
        "folder": lambda: Archive(str(folder)),
        "path": lambda: Archive(folder),
        "files": lambda: Archive(files),
        "uri": lambda: Archive(folder.as_uri()),
        "filesystem": lambda: Archive(
            "archive", filesystem=pyarrow.fs.SubTreeFileSystem(str(folder.parent), pyarrow.fs.LocalFileSystem())
        ),
        "fsspec": lambda: Archive(
            str(folder), filesystem=pytest.importorskip("fsspec.implementations.local").LocalFileSystem()
        ),
    }[source]()
    assert invalid(archive).sort_by("position") == INVALID


@pytest.mark.parametrize("rows", [ONE_PIECE_A_GROUP, 301, 700, 1 << 18])
@pytest.mark.parametrize("batch_rows", [1, 64, 300, 1 << 16])
def test_pieces_and_batches_of_any_size(folder, rows, batch_rows) -> None:
    archive = Archive(folder, batch_rows=batch_rows)
    pieces = archive.pieces(rows)
    groups = [300, 300, 300, 100]
    for piece in pieces.to_pylist():
        assert piece["rows"] == sum(groups[group] for group in piece["row_groups"])
        last = 3 in piece["row_groups"]
        assert last or piece["rows"] - groups[piece["row_groups"][-1]] < rows <= piece["rows"]
    assert sum(pieces["rows"].to_pylist()) == clusters.ROWS
    assert invalid(archive, rows).sort_by("position") == INVALID
    hashing = batches.Hash(column="message", hash="sha256", keep=["position"])
    answers = list(archive.each(hashing, columns=["message", "position"])(pieces))
    assert max(answer.num_rows for answer in answers) == min(batch_rows, max(pieces["rows"].to_pylist()))
    found = pa.concat_tables(answers).sort_by("position")
    expected = [hashlib.sha256(message).digest() for message in TABLE["message"].to_pylist()]
    assert found.column_names == ["position", "digest"]
    assert found["digest"].to_pylist() == expected


def test_row_groups_of_very_unequal_size(tmp_path) -> None:
    with pq.ParquetWriter(tmp_path / "unequal.parquet", TABLE.schema) as file:
        start = 0
        for count in [1, 4000, 2, 1, 1900, 96]:
            file.write_table(TABLE.slice(start, count), row_group_size=4000)
            start += count
    archive = Archive(tmp_path)
    pieces = archive.pieces(100)
    assert pieces["row_groups"].to_pylist() == [[0, 1], [2, 3, 4], [5]]
    assert pieces["rows"].to_pylist() == [4001, 1903, 96]
    assert invalid(archive, 100) == INVALID


def test_batches_stream_as_spark_and_as_ray_give_them(folder) -> None:
    archive = Archive(folder)
    verify = archive.invalid(Verify(rule="strict"))
    pieces = archive.pieces(ONE_PIECE_A_GROUP)
    streamed = list(batches.in_arrow(verify)(iter(pieces.to_batches(max_chunksize=5))))
    assert {type(batch) for batch in streamed} == {pa.RecordBatch}
    assert pa.Table.from_batches(streamed).sort_by("position") == INVALID
    tables = list(verify(pieces))
    assert {type(table) for table in tables} == {pa.Table}
    assert len(tables) == pieces.num_rows


def test_columns_that_are_not_needed_are_read_for_invalid_rows_alone(folder, monkeypatch) -> None:
    read: list[tuple[list[int], list[str]]] = []

    class Watched(pq.ParquetFile):
        def iter_batches(self, size, groups, names, **options):
            read.append((groups, names))
            return super().iter_batches(size, groups, names, **options)

    archive = Archive(folder)
    pieces = archive.pieces(ONE_PIECE_A_GROUP)
    monkeypatch.setattr(batches.pq, "ParquetFile", Watched)
    answers = list(archive.invalid(Verify(rule="strict"))(pieces))
    needed = [names for _, names in read if names != ["position"]]
    assert needed == [["public_key", "signature", "message"]] * pieces.num_rows
    assert len(read) - len(needed) == sum(answer.num_rows > 0 for answer in answers) < pieces.num_rows
    assert [answer.schema for answer in answers] == [TABLE.schema] * pieces.num_rows


def test_rows_with_nulls_and_of_fixed_width(tmp_path) -> None:
    fixed = pa.schema(
        [("signature", pa.binary(64)), ("public_key", pa.binary(32)), ("message", pa.string()), ("valid", pa.int8())]
    )
    rows = TABLE.slice(0, 60).filter(TABLE.slice(0, 60)["signature"].is_valid()).to_pylist()
    for row in rows:
        row["valid"], row["message"] = None, row["message"].decode()
    rows[5]["public_key"] = rows[6]["signature"] = rows[7]["message"] = None
    pq.write_table(pa.Table.from_pylist(rows, schema=fixed), tmp_path / "a.parquet")
    found = invalid(Archive(tmp_path))
    assert found.schema.types == [pa.binary(), pa.binary(), pa.string(), pa.int8()]
    assert found.to_pylist() == [{name: rows[row][name] for name in fixed.names} for row in (5, 6, 7, 40)]


def test_a_file_without_rows_is_a_piece_without_answers(tmp_path) -> None:
    pq.write_table(TABLE.slice(0, 0), tmp_path / "empty.parquet")
    archive = Archive(tmp_path)
    assert archive.pieces()["rows"].to_pylist() == [0]
    assert invalid(archive) == TABLE.slice(0, 0)


def test_what_cannot_be_read_is_named(folder, tmp_path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(verilane.Error, match="no Parquet file in .*nothing"):
        Archive(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="missing"):
        Archive(tmp_path / "missing")
    archive = Archive(folder)
    with pytest.raises(verilane.Error, match="no single column key; there are position, public_key"):
        archive.invalid(Verify(rule="strict", keys="key"))
    with pytest.raises(verilane.Error, match="no single column digest"):
        archive.each(lambda batch: batch, columns=["digest"])
    (folder / "3.parquet").write_bytes(b"not Parquet")
    with pytest.raises(verilane.Error, match="3.parquet is not a Parquet file"):
        archive.pieces()


def test_a_file_that_went_or_changed_is_not_taken_for_the_one_that_was_listed(folder) -> None:
    archive = Archive(folder)
    verify, pieces = archive.invalid(Verify(rule="strict")), archive.pieces()
    (folder / "1.parquet").unlink()
    with pytest.raises(FileNotFoundError, match="1.parquet"):
        list(verify(pieces))
    clusters.write_file(TABLE.slice(4001, 1000), folder / "1.parquet")
    with pytest.raises(verilane.Error, match="1.parquet has changed since its pieces were listed"):
        list(verify(pieces))


@pytest.mark.parametrize("change", ["type", "missing"])
def test_a_file_with_other_columns_is_named(folder, change) -> None:
    part = TABLE.slice(0, 100)
    other = {
        "type": lambda: part.set_column(3, "message", part["message"].cast(pa.large_binary())),
        "missing": lambda: part.drop_columns(["message"]),
    }[change]()
    pq.write_table(other, folder / "9.parquet")
    archive = Archive(folder)
    with pytest.raises(verilane.Error, match="9.parquet has the columns"):
        invalid(archive)
    keys = archive.each(lambda batch: batch, columns=["public_key"])
    assert pa.concat_tables(keys(archive.pieces())).num_rows == clusters.ROWS + 100
