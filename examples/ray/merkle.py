"""The Merkle root over all rows of a Parquet data set, the same as on a single machine.

    python examples/ray/merkle.py RECORDS --column message --tree rfc6962

The data set has a column `position`: the rows' places in the tree, from 0. Workers read the
data set themselves and make the roots of aligned sub-trees; one call joins them.
"""

from argparse import ArgumentParser

import pyarrow as pa
import ray

from verilane import batches

parser = ArgumentParser(description=__doc__)
parser.add_argument("records")
parser.add_argument("--column", required=True)
parser.add_argument("--tree", required=True, choices=["bitcoin", "rfc6962", "plain"])
parser.add_argument("--height", type=int, default=16, help="a sub-tree has 2 to the power of this many leaves")
args = parser.parse_args()

archive = batches.Archive(args.records)
places = archive.pieces()
pieces = ray.data.from_arrow(places, override_num_blocks=places.num_rows)
to_leaves = batches.Leaves(tree=args.tree, column=args.column, height=args.height, keep=["position"])
leaves = pieces.map_batches(
    archive.each(to_leaves, columns=["position", args.column]), batch_format="pyarrow"
)
subtrees = leaves.groupby("subtree").map_groups(
    batches.in_groups(batches.Subtrees(tree=args.tree, height=args.height)), batch_format="pyarrow"
)
root = batches.combine(pa.concat_tables(ray.get(subtrees.to_arrow_refs())), tree=args.tree)

print(f"{root.digest.hex()}{' (mutated)' if root.mutated else ''}")
