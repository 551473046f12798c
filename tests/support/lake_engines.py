"""What other engines are asked about the files of a lake, and the answers that they must give."""

from __future__ import annotations

import json
import random
from datetime import timedelta

from flask_chest_parquet import ParquetConfig, ParquetStore

from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START

ROUTES = ("/", "/cart/<int:id>", "/é", None)
TENANTS = ("acme", "ünder", "t'1", "")
DAYS = 3


def fill(path, batches, records):
    """Write a lake with typed columns, compacted but for the last batch; return an open store."""
    choose = random.Random(7)
    config = ParquetConfig(path=path, columns=["tenant", "cost"])
    store = ParquetStore(config)
    store.open()
    for number in range(batches):
        if number == batches - 1:
            store.compact()
        store.export(make_batch(*(_record(choose) for _ in range(records))))
    return store


def _record(choose):
    variables = {"plan": {"name": choose.choice(["free", "pro"])}, "n": choose.randrange(5)}
    if choose.random() < 0.7:
        variables["tenant"] = choose.choice(TENANTS)
    if choose.random() < 0.3:
        variables["cost"] = choose.choice([1, 2.5, -3.25])
    return make_record(
        route=choose.choice(ROUTES),
        status_code=choose.choice([200, 200, 404, 500, None]),
        duration_ms=choose.randrange(4_000) / 4,  # whose sums are exact in any order
        started_at=START + timedelta(days=choose.randrange(DAYS), seconds=choose.randrange(60_000)),
        variables=variables,
    )


def answers(store):
    """Return the answers that DuckDB gives through the store, as JSON has them."""
    routes = store.measure(
        *("count", "sum(duration_ms)", "max(duration_ms)", "p95(duration_ms)"),
        by=["route"],
        exact=1_000_000,
    )
    tenants = store.measure("count", "sum(cost)", by=["tenant"])
    plans = store.measure("count", by=["plan.name"])
    failed = store.measure("count", where="status_code >= 500", every="1d")
    found = {
        "routes": {str(row["route"]): list(row.values())[1:] for row in routes},
        "tenants": {str(row["tenant"]): [row["count"], row["sum(cost)"] or 0] for row in tenants},
        "plans": {row["plan.name"]: row["count"] for row in plans},
        "failed": {row["bucket"][:10]: row["count"] for row in failed},
    }
    return json.loads(json.dumps(found))
