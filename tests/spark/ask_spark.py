"""Reads a lake with Spark, on several executors; prints the answers of `support.lake_engines`.

Run by the Python of an environment that has PySpark and nothing of ours.
"""

from __future__ import annotations

import json
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f


def main(folder: str, master: str) -> None:
    spark = (
        SparkSession.builder.master(master)
        .appName("lake")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        # No task begins before all executors are there.
        .config("spark.scheduler.minRegisteredResourcesRatio", "1.0")
        .config("spark.scheduler.maxRegisteredResourcesWaitingTime", "300s")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    try:
        found = asked(spark.read.option("mergeSchema", "true").parquet(folder))
        processes = spark.sparkContext._jsc.sc().statusTracker().getExecutorInfos()
        print(json.dumps({**found, "executors": len(processes) - 1}))  # one is the driver
    finally:
        spark.stop()


def asked(lake):
    duration = f.col("duration_ms")
    routes = lake.groupBy("route").agg(
        f.count("*"),
        f.sum(duration),
        f.max(duration),
        f.expr("percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_ms)"),
    )
    tenants = lake.groupBy("t_tenant").agg(f.count("*"), f.coalesce(f.sum("n_cost"), f.lit(0.0)))
    plans = lake.groupBy(f.get_json_object("variables", "$.plan.name")).count()
    failed = lake.where("status_code >= 500").groupBy("day").count()
    return {
        "routes": {str(row[0]): list(row[1:]) for row in routes.collect()},
        "tenants": {str(row[0]): list(row[1:]) for row in tenants.collect()},
        "plans": {row[0]: row[1] for row in plans.collect()},
        "failed": {str(row[0]): row[1] for row in failed.collect()},
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
