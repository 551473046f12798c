"""What a user would write by hand in SQL, on our tables and on Parquet."""

from __future__ import annotations

from typing import Final, NamedTuple

from benchmarks.shared.history import History
from benchmarks.shared.questions import DAY, USER

DATABASES: Final = ("sqlite", "postgres", "mysql")
"""Those that are asked in SQL beside our stores."""

_RATE: Final = "avg(CASE WHEN status_code >= 500 THEN 1.0 ELSE 0.0 END)"
_PAGE: Final = "ORDER BY started_at DESC, id DESC LIMIT 100"
_COST: Final = {
    "sqlite": "variables ->> '$.cost_usd'",
    "postgres": "(variables ->> 'cost_usd')::float8",
    "mysql": "CAST(JSON_VALUE(variables, '$.cost_usd') AS DOUBLE)",
    "duckdb": "cost_usd",
}
_VARIABLE: Final = {
    "sqlite": "variables ->> '$.{}'",
    "postgres": "variables ->> '{}'",
    "mysql": "JSON_VALUE(variables, '$.{}')",
    "duckdb": "{}",
}
_DATE: Final = {
    "sqlite": "substr(started_at, 1, 10)",
    "postgres": "date_trunc('day', started_at AT TIME ZONE 'UTC')",
    "mysql": "DATE(started_at)",
    "duckdb": "date_trunc('day', started_at)",
}
_QUANTILES: Final = {
    "postgres": "percentile_cont(ARRAY[{}]) WITHIN GROUP (ORDER BY {})",
    "duckdb": "quantile_cont({1}, [{0}])",
}


def statement(question: str, name: str, history: History) -> str:
    """Return the SQL for the `by_hand` of a question.

    SQLite has no percentiles: there they are left out. MariaDB's are window functions.
    """
    since, day = (_moment(name, when) for when in (history.since, history.until - DAY))
    tenant, region, user = (_VARIABLE[name].format(v) for v in ("tenant", "region", "user_id"))
    cost = _COST[name]
    overview = ("count(*)", _RATE)
    middle = "0.5, 0.95, 0.99"
    last = max(history.count - 999 * 100, 1)
    place = _moment(name, history.started_at(last))
    asked = {
        "overview": _Grouped(_DATE[name], overview, middle, "duration_ms", since),
        "routes": _Grouped("route", overview, middle, "duration_ms", since),
        "declared": _Grouped(tenant, (f"sum({cost})",), "0.95", cost, since),
        "any": _Grouped(region, ("count(*)",), "0.95", "duration_ms", day),
    }
    if question in asked:
        return asked[question].statement(name)
    where = {
        "equality": f"{user} = '{USER}' {_PAGE}",
        "one": f"request_id = '{history.id(history.count // 3)}'",
        "page": (
            f"started_at <= {place} AND (started_at < {place} OR id < '{history.id(last)}') {_PAGE}"
        ),
    }[question]
    return f"SELECT * FROM chest_records WHERE {where}"


class _Grouped(NamedTuple):
    """A question about groups.

    Attributes:
        by: What makes the groups.
        sums: What is counted and added.
        shares: Quantiles.
        of: Of what.
        since: Records that started then or later.
    """

    by: str
    sums: tuple[str, ...]
    shares: str
    of: str
    since: str

    def statement(self, name: str) -> str:
        """Return the SQL of a database."""
        source = f"FROM chest_records WHERE started_at >= {self.since}"
        if name == "mysql":
            group = f"OVER (PARTITION BY {self.by})"
            parts = [f"{each} {group}" for each in self.sums]
            parts += [
                f"PERCENTILE_CONT({share}) WITHIN GROUP (ORDER BY {self.of}) {group}"
                for share in self.shares.split(", ")
            ]
            return f"SELECT DISTINCT {self.by}, {', '.join(parts)} {source}"
        parts = list(self.sums)
        if name in _QUANTILES:
            parts.append(_QUANTILES[name].format(self.shares, self.of))
        return f"SELECT {self.by}, {', '.join(parts)} {source} GROUP BY 1"


def _moment(name: str, moment: object) -> str:
    text = f"{moment:%Y-%m-%d %H:%M:%S.%f}"
    if name == "sqlite":
        return f"'{text.replace(' ', 'T')}Z'"
    return f"TIMESTAMPTZ '{text}+00'" if name == "postgres" else f"TIMESTAMP '{text}'"
