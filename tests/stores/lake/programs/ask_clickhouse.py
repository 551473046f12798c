"""Reads a lake with the engine of ClickHouse; prints the answers of `support.lake_engines`."""

from __future__ import annotations

import json
import sys

import chdb


def main(folder: str) -> None:
    lake = f"file('{folder}/day=*/*.parquet')"

    def rows(statement: str) -> list[list[object]]:
        text = str(chdb.query(statement.format(lake), "JSONCompactEachRow"))
        return [json.loads(line) for line in text.splitlines()]

    routes = rows(
        "SELECT route, count(), sum(duration_ms), max(duration_ms), "
        "arraySort(groupArray(duration_ms))[toUInt64(ceil(count() * 0.95))] FROM {} GROUP BY route"
    )
    tenants = rows("SELECT t_tenant, count(), sum(n_cost) FROM {} GROUP BY t_tenant")
    plans = rows(
        "SELECT JSONExtractString(variables, 'plan', 'name') AS p, count() FROM {} GROUP BY p"
    )
    failed = rows("SELECT toString(day), count() FROM {} WHERE status_code >= 500 GROUP BY day")
    found = {
        "routes": {str(name): values for name, *values in routes},
        "tenants": {str(name): [number, cost or 0] for name, number, cost in tenants},
        "plans": dict(plans),
        "failed": dict(failed),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
