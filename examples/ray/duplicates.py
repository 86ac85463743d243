"""Finds the rows of a Parquet data set that repeat an earlier one, wherever they are.

    python examples/ray/duplicates.py RECORDS DUPLICATES --column bytes

The data set has a column `position`, whole numbers that are all different. What is
written has a row for each duplicate: its position, and in `first` that of the first row
of the same bytes. Workers read the data set themselves; only fingerprints travel between
them, by their first bits.
"""

from argparse import ArgumentParser

import ray

from verilane import batches

parser = ArgumentParser(description=__doc__)
parser.add_argument("records")
parser.add_argument("duplicates")
parser.add_argument("--column", required=True)
parser.add_argument("--bits", type=int, default=8, help="there are 2 to the power of this many buckets")
args = parser.parse_args()

archive = batches.Archive(args.records)
fingerprints = batches.Fingerprints(column=args.column, bits=args.bits, keep=["position"])


def of_records(rows):
    return fingerprints(rows.drop_null())


places = archive.pieces()
pieces = ray.data.from_arrow(places, override_num_blocks=places.num_rows)
prints = pieces.map_batches(
    archive.each(of_records, columns=["position", args.column]), batch_format="pyarrow"
)
duplicates = prints.groupby("bucket").map_groups(
    batches.in_groups(batches.Duplicates()), batch_format="pyarrow"
)
duplicates.write_parquet(args.duplicates)
