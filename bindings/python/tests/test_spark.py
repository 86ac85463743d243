"""Two workers of Spark against the single process."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import clusters
import pyarrow as pa
import pytest

from verilane import batches

pyspark = clusters.required("pyspark")

pytestmark = pytest.mark.filterwarnings("default")

if shutil.which("java") is None:
    reason = "Spark needs Java"
    assert os.environ.get("VERILANE_REQUIRE_CLUSTERS") != "1", reason
    pytest.skip(reason, allow_module_level=True)


@pytest.fixture(scope="module")
def spark() -> Iterator["pyspark.sql.SparkSession"]:
    """Two executors with a processor each, in processes of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("SPARK_HOME", str(Path(pyspark.__file__).parent))
        patch.setenv("PYTHONPATH", clusters.PYTHONPATH)
        builder = pyspark.sql.SparkSession.builder.master("local-cluster[2,1,1024]")
        builder = builder.config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "4")
        session = builder.config("spark.driver.host", "127.0.0.1").getOrCreate()
        yield session
        session.stop()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pa.Table]:
    folder = tmp_path_factory.mktemp("spark") / "archive"
    table = clusters.archive()
    clusters.write(table, folder)
    return folder, table


def test_the_invalid_rows_are_written(spark, archive, tmp_path, monkeypatch) -> None:
    folder, table = archive
    clusters.run(monkeypatch, "spark/verify.py", folder, tmp_path / "invalid", "--rule", "strict")
    expected = clusters.invalid(table, "strict")
    assert len(expected) > 10
    assert clusters.read(tmp_path / "invalid").to_pylist() == table.take(expected).to_pylist()


# A worker is the Python process; above it are the daemon that forked it, and the executor.
@pytest.mark.parametrize(("killed", "parents"), [("worker", 0), ("executor", 2)])
def test_a_killed_worker_changes_nothing(spark, archive, tmp_path, killed, parents) -> None:
    folder, table = archive
    marker = tmp_path / "killed"
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 256)
    rows = spark.read.parquet(str(folder))
    step = clusters.Killing(batches.Verify(rule="zip215"), marker, parents=parents)
    schema = "position long, public_key binary, signature binary, message binary, valid boolean"
    judged = rows.mapInArrow(batches.in_arrow(step), schema)
    found = judged.toArrow().sort_by("position")
    assert marker.exists()
    assert found.to_pylist() == batches.Verify(rule="zip215")(table).to_pylist()


@pytest.mark.parametrize(("killed", "parents"), [("worker", 0), ("executor", 2)])
def test_a_worker_killed_on_its_piece_changes_nothing(spark, archive, tmp_path, killed, parents) -> None:
    folder, table = archive
    marker = tmp_path / "killed"
    whole = batches.Archive(folder)
    step = whole.each(clusters.Killing(batches.Verify(rule="zip215"), marker, parents=parents))
    places = whole.pieces(rows=500)
    pieces = spark.createDataFrame(places).repartition(places.num_rows)
    schema = "position long, public_key binary, signature binary, message binary, valid boolean"
    found = pieces.mapInArrow(batches.in_arrow(step), schema).toArrow().sort_by("position")
    assert marker.exists()
    assert found.to_pylist() == batches.Verify(rule="zip215")(table).to_pylist()


def test_a_file_that_changes_stops_the_run(spark, archive, tmp_path) -> None:
    folder, table = archive
    clusters.write(table, tmp_path / "archive")
    whole = batches.Archive(tmp_path / "archive")
    pieces = spark.createDataFrame(whole.pieces())
    clusters.write_file(table.slice(0, 1000), tmp_path / "archive" / "2.parquet")
    verify = batches.in_arrow(whole.invalid(batches.Verify(rule="strict")))
    schema = "position long, public_key binary, signature binary, message binary"
    with pytest.raises(pyspark.errors.PySparkException, match="2.parquet has changed"):
        pieces.mapInArrow(verify, schema).collect()


def test_an_engine_has_as_many_threads_as_its_task_has_processors(spark) -> None:
    rows = spark.range(10, numPartitions=1)
    found = rows.mapInArrow(batches.in_arrow(clusters.processors), "threads int").toArrow()
    assert found.to_pylist() == [{"threads": 1}]
    assert batches._processors() == 0


def test_duplicates_are_found_across_files(spark, archive, tmp_path, monkeypatch) -> None:
    folder, table = archive
    arguments = [folder, tmp_path / "duplicates", "--column", "message", "--bits", "3"]
    clusters.run(monkeypatch, "spark/duplicates.py", *arguments)
    expected = clusters.duplicates(table)
    assert len(expected) > 100
    assert clusters.read(tmp_path / "duplicates").to_pylist() == expected


@pytest.mark.parametrize("tree", ["bitcoin", "rfc6962", "plain"])
def test_the_root_is_the_same(spark, archive, monkeypatch, capsys, tree) -> None:
    folder, table = archive
    arguments = [folder, "--column", "message", "--tree", tree, "--height", "9"]
    clusters.run(monkeypatch, "spark/merkle.py", *arguments)
    assert capsys.readouterr().out.split()[-1] == clusters.root(table, tree).digest.hex()
