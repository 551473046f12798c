"""Reads a lake with Dask, in two processes; prints the answers of `support.lake_engines`."""

from __future__ import annotations

import json
import math
import sys

import dask
import dask.dataframe as dd
import pandas as pd


def p95(values: pd.Series) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def main(folder: str) -> None:
    lake = dd.read_parquet(folder)
    by_route = lake.groupby("route", dropna=False)["duration_ms"]
    by_tenant = lake.groupby("t_tenant", dropna=False)
    plans = lake["variables"].map(lambda text: json.loads(text)["plan"]["name"], meta=("", str))
    failed = lake[lake["status_code"] >= 500].groupby("day", observed=True).size()
    counts, values, costs, of_tenants, of_plans, of_days = dask.compute(
        by_route.agg(["count", "sum", "max"]),
        by_route.apply(p95, meta=("p95", float)),
        by_tenant["n_cost"].sum(),
        by_tenant.size(),
        plans.value_counts(),
        failed,
    )
    found = {
        "routes": {
            name(route): [
                *map(float, row),
                float(values[values.index.map(name) == name(route)].iloc[0]),
            ]
            for route, row in zip(counts.index, counts.itertuples(index=False), strict=True)
        },
        "tenants": {name(key): [int(n), float(costs.loc[key])] for key, n in of_tenants.items()},
        "plans": {key: int(n) for key, n in of_plans.items()},
        "failed": {str(key): int(n) for key, n in of_days.items()},
    }
    print(json.dumps(found))


def name(key: object) -> str:
    return str(None if pd.isna(key) else key)


if __name__ == "__main__":
    with dask.config.set(scheduler="processes", num_workers=2):
        main(sys.argv[1])
