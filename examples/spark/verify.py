"""Verifies a Parquet archive of signatures and writes out its invalid rows alone.

    spark-submit examples/spark/verify.py ARCHIVE INVALID --rule zip215

The archive has the columns public_key, signature and message, and any others.
"""

from argparse import ArgumentParser

from pyspark.sql import SparkSession
from pyspark.sql.functions import col
from pyspark.sql.types import BooleanType, StructField, StructType

from verilane import batches

parser = ArgumentParser(description=__doc__)
parser.add_argument("archive")
parser.add_argument("invalid")
parser.add_argument("--rule", required=True, choices=["rfc8032", "strict", "zip215"])
args = parser.parse_args()

spark = SparkSession.builder.getOrCreate()
spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 65536)

archive = spark.read.parquet(args.archive)
verify = batches.in_arrow(batches.Verify(rule=args.rule))
schema = StructType([*archive.schema.fields, StructField("valid", BooleanType())])
judged = archive.mapInArrow(verify, schema)
judged.where(~col("valid")).drop("valid").write.parquet(args.invalid)

invalid = spark.read.parquet(args.invalid).count()
print(f"{invalid} of {archive.count()} signatures are invalid under {args.rule}")
