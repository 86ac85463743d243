"""Finds the rows of a Parquet data set that repeat an earlier one, wherever they are.

    python examples/ray/duplicates.py RECORDS DUPLICATES --column bytes

The data set has a column `position`, whole numbers that are all different. What is
written has a row for each duplicate: its position, and in `first` that of the first row
of the same bytes. Only fingerprints travel between the workers, by their first bits.
"""

from argparse import ArgumentParser

import ray
from ray.data.expressions import col

from verilane import batches

parser = ArgumentParser(description=__doc__)
parser.add_argument("records")
parser.add_argument("duplicates")
parser.add_argument("--column", required=True)
parser.add_argument("--bits", type=int, default=8, help="there are 2 to the power of this many buckets")
args = parser.parse_args()

records = ray.data.read_parquet(args.records).select_columns(["position", args.column])
records = records.filter(expr=col(args.column).is_not_null())
fingerprints = batches.Fingerprints(column=args.column, bits=args.bits, keep=["position"])
prints = records.map_batches(fingerprints, batch_format="pyarrow", batch_size=65536)
duplicates = prints.groupby("bucket").map_groups(
    batches.in_groups(batches.Duplicates()), batch_format="pyarrow"
)
duplicates.write_parquet(args.duplicates)
