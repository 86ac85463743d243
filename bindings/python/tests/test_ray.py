"""Two workers of Ray against the single process."""

from collections.abc import Iterator
from pathlib import Path

import clusters
import pyarrow as pa
import pytest

from verilane import batches

ray = clusters.required("ray")

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    # Two processors to work on, and one for what reads and shuffles.
    environment = {"env_vars": {"PYTHONPATH": clusters.PYTHONPATH}}
    ray.init(num_cpus=3, include_dashboard=False, object_store_memory=100 << 20, runtime_env=environment)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pa.Table]:
    folder = tmp_path_factory.mktemp("ray") / "archive"
    table = clusters.archive()
    clusters.write(table, folder)
    return folder, table


def test_the_invalid_rows_are_written(archive, tmp_path, monkeypatch) -> None:
    folder, table = archive
    clusters.run(monkeypatch, "ray/verify.py", folder, tmp_path / "invalid", "--rule", "strict")
    found = clusters.read(tmp_path / "invalid")
    expected = clusters.invalid(table, "strict")
    assert len(expected) > 10
    assert found == table.take(expected)


@pytest.mark.parametrize("kind", ["task", "actor"])
def test_a_killed_worker_changes_nothing(archive, tmp_path, kind) -> None:
    folder, table = archive
    marker = tmp_path / "killed"
    rows = ray.data.read_parquet(str(folder)).repartition(6)
    if kind == "task":
        step = clusters.Killing(batches.Verify(rule="zip215"), marker)
        judged = rows.map_batches(step, batch_format="pyarrow", batch_size=256)
    else:
        judged = rows.map_batches(
            clusters.Killing,
            fn_constructor_args=[batches.Verify(rule="zip215"), marker],
            compute=ray.data.ActorPoolStrategy(size=2),
            batch_format="pyarrow",
            batch_size=256,
        )
    found = pa.concat_tables(ray.get(judged.to_arrow_refs())).sort_by("position")
    assert marker.exists()
    assert found == batches.Verify(rule="zip215")(table)


def test_a_worker_killed_on_its_piece_changes_nothing(archive, tmp_path) -> None:
    folder, table = archive
    marker = tmp_path / "killed"
    whole = batches.Archive(folder)
    step = whole.each(clusters.Killing(batches.Verify(rule="zip215"), marker))
    places = whole.pieces(rows=500)
    pieces = ray.data.from_arrow(places, override_num_blocks=places.num_rows)
    judged = pieces.map_batches(step, batch_format="pyarrow")
    found = pa.concat_tables(ray.get(judged.to_arrow_refs())).sort_by("position")
    assert marker.exists()
    assert found == batches.Verify(rule="zip215")(table)


def test_a_file_that_changes_stops_the_run(archive, tmp_path) -> None:
    folder, table = archive
    clusters.write(table, tmp_path / "archive")
    whole = batches.Archive(tmp_path / "archive")
    places = whole.pieces()
    clusters.write_file(table.slice(0, 1000), tmp_path / "archive" / "2.parquet")
    pieces = ray.data.from_arrow(places, override_num_blocks=places.num_rows)
    judged = pieces.map_batches(whole.invalid(batches.Verify(rule="strict")), batch_format="pyarrow")
    with pytest.raises(ray.exceptions.RayError, match="2.parquet has changed"):
        judged.materialize()


@pytest.mark.parametrize("share", [1, 2])
def test_an_engine_has_as_many_threads_as_its_task_has_processors(share) -> None:
    rows = ray.data.range(10, override_num_blocks=1)
    found = rows.map_batches(clusters.processors, batch_format="pyarrow", num_cpus=share).take_all()
    assert found == [{"threads": share}]
    assert batches._processors() == 0


def test_duplicates_are_found_across_files(archive, tmp_path, monkeypatch) -> None:
    folder, table = archive
    arguments = [folder, tmp_path / "duplicates", "--column", "message", "--bits", "3"]
    clusters.run(monkeypatch, "ray/duplicates.py", *arguments)
    expected = clusters.duplicates(table)
    assert len(expected) > 100
    assert clusters.read(tmp_path / "duplicates").to_pylist() == expected


@pytest.mark.parametrize("tree", ["bitcoin", "rfc6962", "plain"])
def test_the_root_is_the_same(archive, monkeypatch, capsys, tree) -> None:
    folder, table = archive
    arguments = [folder, "--column", "message", "--tree", tree, "--height", "9"]
    clusters.run(monkeypatch, "ray/merkle.py", *arguments)
    assert capsys.readouterr().out.split()[-1] == clusters.root(table, tree).digest.hex()
