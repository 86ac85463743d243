"""Finds the rows of a Parquet data set that repeat an earlier one, wherever they are.

    spark-submit examples/spark/duplicates.py RECORDS DUPLICATES --column bytes

The data set has a column `position`, whole numbers that are all different. What is
written has a row for each duplicate: its position, and in `first` that of the first row
of the same bytes. Only fingerprints travel between the workers, by their first bits.
"""

from argparse import ArgumentParser

from pyspark.sql import SparkSession
from pyspark.sql.functions import col

from verilane import batches

parser = ArgumentParser(description=__doc__)
parser.add_argument("records")
parser.add_argument("duplicates")
parser.add_argument("--column", required=True)
parser.add_argument("--bits", type=int, default=8, help="there are 2 to the power of this many buckets")
args = parser.parse_args()

spark = SparkSession.builder.getOrCreate()
spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 65536)

records = spark.read.parquet(args.records).select(col("position").cast("long"), args.column)
records = records.where(col(args.column).isNotNull())
prints = records.mapInArrow(
    batches.in_arrow(batches.Fingerprints(column=args.column, bits=args.bits, keep=["position"])),
    "position long, fingerprint binary, bucket int",
)
duplicates = prints.groupBy("bucket").applyInArrow(
    batches.in_groups(batches.Duplicates()), "position long, first long"
)
duplicates.write.parquet(args.duplicates)

print(f"{spark.read.parquet(args.duplicates).count()} rows repeat an earlier one")
