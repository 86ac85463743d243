"""What Ray and Spark cost beside plain processes that verify the same Parquet archive.

    python bindings/python/benches/clusters.py --files 8 --rule strict

Each engine verifies with one worker and with two, a thread each, in batches of 65,536, in
turn for several rounds: rows that the engine reads and moves, and pieces that its workers
read. Processor time counts all processes that the engine started; where a machine is
shared, it says more than time by the clock. Every verdict is checked.
"""

import logging
import os
import shutil
import statistics
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyspark.sql
import ray
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ray.data.expressions import col

from verilane import batches

BATCH = 1 << 16
FILE = 8 * BATCH
WORKERS = (1, 2)


def write_archive(folder: Path, files: int, keys: int) -> list[str]:
    """Writes equal files of eight batches; of each the first signature is not valid."""
    signers = [Ed25519PrivateKey.generate() for _ in range(keys)]
    rows = []
    for row in range(FILE):
        signer = signers[row % keys]
        message = b"%0128d" % row
        signed = message if row else b"another"
        rows.append((signer.public_key().public_bytes_raw(), signer.sign(signed), message))
    columns = dict(zip(("public_key", "signature", "message"), zip(*rows)))
    table = pa.table({name: pa.array(values, pa.binary()) for name, values in columns.items()})
    paths = [folder / f"{number}.parquet" for number in range(files)]
    pq.write_table(table, paths[0], row_group_size=BATCH)
    for path in paths[1:]:
        shutil.copyfile(paths[0], path)
    return list(map(str, paths))


def count_invalid(rule: str, files: list[str]) -> int:
    judge = batches.Verify(rule=rule, threads=1, keep=[])
    archive = (pq.ParquetFile(file).iter_batches(batch_size=BATCH, use_threads=False) for file in files)
    return sum(pc.sum(pc.invert(judge(part)["valid"])).as_py() for parts in archive for part in parts)


def plain(rule: str, files: list[str]) -> dict[str, Callable[[int], int]]:
    pool = get_context("spawn").Pool(max(WORKERS))
    return {
        "plain processes": lambda workers: sum(
            pool.starmap(count_invalid, [(rule, files[i::workers]) for i in range(workers)], chunksize=1)
        )
    }


def on_ray(rule: str, files: list[str]) -> dict[str, Callable[[int], int]]:
    # One more processor than workers: the reader needs one too.
    ray.init(num_cpus=max(WORKERS) + 1, include_dashboard=False, log_to_driver=False, configure_logging=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    verify = batches.Verify(rule=rule)

    def rows(workers: int) -> int:
        judged = ray.data.read_parquet(str(Path(files[0]).parent)).map_batches(
            batches.Verify(rule=rule, keep=[]),
            batch_format="pyarrow",
            batch_size=BATCH,
            compute=ray.data.TaskPoolStrategy(size=workers),
        )
        return judged.filter(expr=~col("valid")).materialize().count()

    def pieces(workers: int) -> int:
        archive = batches.Archive(files)
        places = archive.pieces()
        invalid = ray.data.from_arrow(places, override_num_blocks=places.num_rows).map_batches(
            archive.invalid(verify),
            batch_format="pyarrow",
            compute=ray.data.TaskPoolStrategy(size=workers),
        )
        return invalid.materialize().count()

    return {"Ray Data, rows": rows, "Ray Data, pieces": pieces}


def on_spark(rule: str, files: list[str]) -> dict[str, Callable[[int], int]]:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = pyspark.sql.SparkSession.builder.master(f"local[{max(WORKERS)}]")
    for option, value in {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": "2g",
        "spark.sql.execution.arrow.maxRecordsPerBatch": BATCH,
    }.items():
        builder = builder.config(option, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    verify = batches.Verify(rule=rule)
    judge = batches.in_arrow(batches.Verify(rule=rule, keep=[]))

    def rows(workers: int) -> int:
        archive = session.read.parquet(*files).select("public_key", "signature", "message")
        return archive.coalesce(workers).mapInArrow(judge, "valid boolean").where("not valid").count()

    def pieces(workers: int) -> int:
        archive = batches.Archive(files)
        places = archive.pieces()
        # Partitions are taken by whichever worker is free; a single one is a single worker's.
        partitions = session.createDataFrame(places).repartition(places.num_rows if workers > 1 else 1)
        schema = "public_key binary, signature binary, message binary"
        return partitions.mapInArrow(batches.in_arrow(archive.invalid(verify)), schema).count()

    return {"Spark, rows": rows, "Spark, pieces": pieces}


class ProcessorTime:
    """What this process and all that it started have used, those too that have ended."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[int, int], float] = {}
        Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self._look()
            time.sleep(0.5)

    def seconds(self) -> float:
        self._look()
        return sum(self._seconds.copy().values())

    def _look(self) -> None:
        parents, used = {}, {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # It has ended meanwhile.
                continue
            process = int(entry.name)
            parents[process] = int(fields[1])
            started = int(fields[19])
            used[process, started] = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
        self._seconds |= {key: seconds for key, seconds in used.items() if descends(key[0], parents)}


def descends(process: int, parents: dict[int, int]) -> bool:
    while process and process != os.getpid():
        process = parents.get(process, 0)
    return process != 0


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=8, help=f"of {FILE:,} signatures")
    parser.add_argument("--keys", type=int, default=64)
    parser.add_argument("--rule", required=True, choices=["rfc8032", "strict", "zip215"])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = write_archive(Path(folder), args.files, args.keys)
        engines = plain(args.rule, files) | on_ray(args.rule, files) | on_spark(args.rule, files)
        runs = [(name, workers) for workers in WORKERS for name in engines]
        samples = {run: [] for run in runs}
        spent = ProcessorTime()
        for number in range(-1, args.rounds):
            for name, workers in runs if number % 2 else reversed(runs):
                clock, processor = time.perf_counter(), spent.seconds()
                assert engines[name](workers) == len(files), name
                sample = (time.perf_counter() - clock, spent.seconds() - processor)
                if number >= 0:  # The first round starts the workers.
                    samples[name, workers].append(sample)
    signatures = args.files * FILE
    for (name, workers), times in samples.items():
        clock, processor = map(statistics.median, zip(*times))
        base = [statistics.median(column) for column in zip(*samples["plain processes", workers])]
        print(
            f"{name:16} {workers} workers {clock:7.2f} s {signatures / clock:9,.0f}/s ({clock / base[0]:.2f})"
            f" {processor:7.2f} processor s {signatures / processor:9,.0f}/s ({processor / base[1]:.2f})"
        )


if __name__ == "__main__":
    main()
