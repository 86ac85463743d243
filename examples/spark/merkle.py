"""The Merkle root over all rows of a Parquet data set, the same as on a single machine.

    spark-submit examples/spark/merkle.py RECORDS --column message --tree rfc6962

The data set has a column `position`: the rows' places in the tree, from 0. Workers read the
data set themselves and make the roots of aligned sub-trees; one call joins them.
"""

from argparse import ArgumentParser

from pyspark.sql import SparkSession

from verilane import batches

parser = ArgumentParser(description=__doc__)
parser.add_argument("records")
parser.add_argument("--column", required=True)
parser.add_argument("--tree", required=True, choices=["bitcoin", "rfc6962", "plain"])
parser.add_argument("--height", type=int, default=16, help="a sub-tree has 2 to the power of this many leaves")
args = parser.parse_args()

spark = SparkSession.builder.getOrCreate()

archive = batches.Archive(args.records)
places = archive.pieces()
pieces = spark.createDataFrame(places).repartition(places.num_rows)
position = spark.read.parquet(args.records).schema["position"].dataType.simpleString()
to_leaves = batches.Leaves(tree=args.tree, column=args.column, height=args.height, keep=["position"])
leaves = pieces.mapInArrow(
    batches.in_arrow(archive.each(to_leaves, columns=["position", args.column])),
    f"position {position}, leaf binary, subtree long",
)
subtrees = leaves.groupBy("subtree").applyInArrow(
    batches.in_groups(batches.Subtrees(tree=args.tree, height=args.height)),
    "subtree long, leaves long, root binary, mutated boolean",
)
root = batches.combine(subtrees.toArrow(), tree=args.tree)

print(f"{root.digest.hex()}{' (mutated)' if root.mutated else ''}")
