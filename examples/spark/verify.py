"""Verifies a Parquet archive of signatures and writes out its invalid rows alone.

    spark-submit examples/spark/verify.py ARCHIVE INVALID --rule zip215

The archive has the columns public_key, signature and message, and any others. Workers read
it themselves; only its invalid rows travel.
"""

from argparse import ArgumentParser

from pyspark.sql import SparkSession

from verilane import batches

parser = ArgumentParser(description=__doc__)
parser.add_argument("archive")
parser.add_argument("invalid")
parser.add_argument("--rule", required=True, choices=["rfc8032", "strict", "zip215"])
args = parser.parse_args()

spark = SparkSession.builder.getOrCreate()

archive = batches.Archive(args.archive)
verify = archive.invalid(batches.Verify(rule=args.rule))
places = archive.pieces()
pieces = spark.createDataFrame(places).repartition(places.num_rows)
schema = spark.read.parquet(args.archive).schema
pieces.mapInArrow(batches.in_arrow(verify), schema).write.parquet(args.invalid)

invalid = spark.read.parquet(args.invalid).count()
print(f"{invalid} of {sum(places['rows'].to_pylist())} signatures are invalid under {args.rule}")
