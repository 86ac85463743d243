"""Verifies a Parquet archive of signatures and writes out its invalid rows alone.

    python examples/ray/verify.py ARCHIVE INVALID --rule zip215

The archive has the columns public_key, signature and message, and any others. Workers read
it themselves; only its invalid rows travel. Of workers with a GPU each, `--gpus N` makes N
actors.
"""

from argparse import ArgumentParser

import ray

from verilane import batches

parser = ArgumentParser(description=__doc__)
parser.add_argument("archive")
parser.add_argument("invalid")
parser.add_argument("--rule", required=True, choices=["rfc8032", "strict", "zip215"])
parser.add_argument("--gpus", type=int)
args = parser.parse_args()

archive = batches.Archive(args.archive)
verify = archive.invalid(batches.Verify(rule=args.rule, backend="gpu" if args.gpus else "auto"))


class Actor:
    """Keeps its engine from piece to piece, as tasks with a GPU do not."""

    def __call__(self, pieces):
        return verify(pieces)


places = archive.pieces()
pieces = ray.data.from_arrow(places, override_num_blocks=places.num_rows)
by_piece = {"batch_format": "pyarrow", "batch_size": 1}
if args.gpus:
    actors = ray.data.ActorPoolStrategy(size=args.gpus)
    invalid = pieces.map_batches(Actor, compute=actors, num_gpus=1, **by_piece)
else:
    invalid = pieces.map_batches(verify, **by_piece)
invalid.write_parquet(args.invalid)
