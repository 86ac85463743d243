"""Verifies a Parquet archive of signatures and writes out its invalid rows alone.

    python examples/ray/verify.py ARCHIVE INVALID --rule zip215

The archive has the columns public_key, signature and message, and any others. Of workers
with a GPU each, `--gpus N` makes N actors.
"""

from argparse import ArgumentParser

import ray
from ray.data.expressions import col

from verilane import batches

parser = ArgumentParser(description=__doc__)
parser.add_argument("archive")
parser.add_argument("invalid")
parser.add_argument("--rule", required=True, choices=["rfc8032", "strict", "zip215"])
parser.add_argument("--gpus", type=int)
args = parser.parse_args()

archive = ray.data.read_parquet(args.archive)
by_batch = {"batch_format": "pyarrow", "batch_size": 65536}
if args.gpus:
    actors = ray.data.ActorPoolStrategy(size=args.gpus)
    options = {"rule": args.rule, "backend": "gpu"}
    judged = archive.map_batches(
        batches.Verify, fn_constructor_kwargs=options, compute=actors, num_gpus=1, **by_batch
    )
else:
    judged = archive.map_batches(batches.Verify(rule=args.rule), **by_batch)
judged.filter(expr=~col("valid")).drop_columns(["valid"]).write_parquet(args.invalid)
