"""What Ray and Spark cost beside plain processes that verify the same Parquet archive.

    python bindings/python/benches/clusters.py --signatures 2097152 --keys 2097152 --rule strict

Each engine verifies with one worker and with two, a thread each, in batches of 65,536, in
turn for several rounds. Processor time counts all processes that the engine started; where
a machine is shared, it says more than time by the clock. Every verdict is checked.
"""

import os
import statistics
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

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


def write_archive(folder: Path, signatures: int, keys: int) -> list[str]:
    """Writes files of eight batches; of each file the first signature is not valid."""
    signers: list[Ed25519PrivateKey] = []
    for start in range(0, signatures, FILE):
        rows = []
        for row in range(start, min(start + FILE, signatures)):
            if row < keys:
                signers.append(Ed25519PrivateKey.generate())
            signer = signers[row % keys]
            message = b"%0128d" % row
            signed = message if row > start else b"another"
            rows.append((signer.public_key().public_bytes_raw(), signer.sign(signed), message))
        columns = dict(zip(("public_key", "signature", "message"), zip(*rows)))
        table = pa.table({name: pa.array(values, pa.binary()) for name, values in columns.items()})
        pq.write_table(table, folder / f"{start:012}.parquet", row_group_size=BATCH)
    return sorted(map(str, folder.iterdir()))


def count_invalid(rule: str, files: list[str]) -> int:
    judge = batches.Verify(rule=rule, threads=1, keep=[])
    parts = (batch for file in files for batch in pq.ParquetFile(file).iter_batches(batch_size=BATCH))
    return sum(pc.sum(pc.invert(judge(part)["valid"])).as_py() for part in parts)


def plain(rule: str, files: list[str]) -> Callable[[int], int]:
    pool = get_context("spawn").Pool(max(WORKERS))
    return lambda workers: sum(
        pool.starmap(count_invalid, [(rule, files[i::workers]) for i in range(workers)], chunksize=1)
    )


def on_ray(rule: str, files: list[str]) -> Callable[[int], int]:
    # One more processor than workers: the reader needs one too.
    ray.init(num_cpus=max(WORKERS) + 1, include_dashboard=False, log_to_driver=False, configure_logging=False)
    ray.data.DataContext.get_current().enable_progress_bars = False

    def run(workers: int) -> int:
        archive = ray.data.read_parquet(str(Path(files[0]).parent))
        judged = archive.map_batches(
            batches.Verify(rule=rule, keep=[]),
            batch_format="pyarrow",
            batch_size=BATCH,
            compute=ray.data.TaskPoolStrategy(size=workers),
        )
        return judged.filter(expr=~col("valid")).count()

    return run


def on_spark(rule: str, files: list[str]) -> Callable[[int], int]:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = pyspark.sql.SparkSession.builder.master(f"local[{max(WORKERS)}]")
    for option, value in {
        "spark.ui.enabled": "false",
        "spark.driver.memory": "2g",
        "spark.sql.execution.arrow.maxRecordsPerBatch": BATCH,
    }.items():
        builder = builder.config(option, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    judge = batches.in_arrow(batches.Verify(rule=rule, keep=[]))

    def run(workers: int) -> int:
        archive = session.read.parquet(*files).select("public_key", "signature", "message")
        return archive.coalesce(workers).mapInArrow(judge, "valid boolean").where("not valid").count()

    return run


def processor_seconds() -> float:
    """What this process and all that it started have used until now."""
    parents, times = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # It has ended meanwhile.
            continue
        process = int(entry.name)
        parents[process] = int(fields[1])
        times[process] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def is_ours(process: int) -> bool:
        while process and process != os.getpid():
            process = parents.get(process, 0)
        return process != 0

    return sum(seconds for process, seconds in times.items() if is_ours(process))


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--signatures", type=int, default=1 << 20)
    parser.add_argument("--keys", type=int, default=64)
    parser.add_argument("--rule", required=True, choices=["rfc8032", "strict", "zip215"])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = write_archive(Path(folder), args.signatures, args.keys)
        starters = {"plain": plain, "ray": on_ray, "spark": on_spark}
        engines = {name: start(args.rule, files) for name, start in starters.items()}
        runs = [(name, workers) for workers in WORKERS for name in engines]
        samples = {run: [] for run in runs}
        for number in range(-1, args.rounds):
            for name, workers in runs if number % 2 else reversed(runs):
                clock, processor = time.perf_counter(), processor_seconds()
                assert engines[name](workers) == len(files), name
                sample = (time.perf_counter() - clock, processor_seconds() - processor)
                if number >= 0:  # The first round starts the workers.
                    samples[name, workers].append(sample)
    for (name, workers), times in samples.items():
        clock, processor = map(statistics.median, zip(*times))
        base = [statistics.median(column) for column in zip(*samples["plain", workers])]
        print(
            f"{name:6} {workers} workers {clock:7.2f} s {args.signatures / clock:9,.0f}/s ({clock / base[0]:.2f})"
            f" {processor:7.2f} processor s {args.signatures / processor:9,.0f}/s ({processor / base[1]:.2f})"
        )


if __name__ == "__main__":
    main()
