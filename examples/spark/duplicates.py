"""Finds the rows of a Parquet data set that repeat an earlier one, wherever they are.

    spark-submit examples/spark/duplicates.py RECORDS DUPLICATES --column bytes

The data set has a column `position`, whole numbers that are all different. What is
written has a row for each duplicate: its position, and in `first` that of the first row
of the same bytes. Workers read the data set themselves; only fingerprints travel between
them, by their first bits.
"""

from argparse import ArgumentParser

from pyspark.sql import SparkSession

from verilane import batches

parser = ArgumentParser(description=__doc__)
parser.add_argument("records")
parser.add_argument("duplicates")
parser.add_argument("--column", required=True)
parser.add_argument("--bits", type=int, default=8, help="there are 2 to the power of this many buckets")
args = parser.parse_args()

spark = SparkSession.builder.getOrCreate()

archive = batches.Archive(args.records)
fingerprints = batches.Fingerprints(column=args.column, bits=args.bits, keep=["position"])


def of_records(rows):
    return fingerprints(rows.drop_null())


places = archive.pieces()
pieces = spark.createDataFrame(places).repartition(places.num_rows)
position = spark.read.parquet(args.records).schema["position"].dataType.simpleString()
prints = pieces.mapInArrow(
    batches.in_arrow(archive.each(of_records, columns=["position", args.column])),
    f"position {position}, fingerprint binary, bucket int",
)
duplicates = prints.groupBy("bucket").applyInArrow(
    batches.in_groups(batches.Duplicates()), f"position {position}, first {position}"
)
duplicates.write.parquet(args.duplicates)

print(f"{spark.read.parquet(args.duplicates).count()} rows repeat an earlier one")
