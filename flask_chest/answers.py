"""What a store answers, worked out in plain Python from records in memory."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable

from flask_chest.record import JsonValue, Record
from flask_chest.store import RouteSummary, ValueCount, Where


def matches(record: Record, where: Where) -> bool:
    """Return whether a record matches all restrictions."""
    for name, wanted in where.items():
        if name == "since":
            found = record.started_at >= where["since"]
        elif name == "until":
            found = record.started_at < where["until"]
        elif name == "variables":
            found = all(
                key in record.variables and is_same(record.variables[key], value)
                for key, value in where["variables"].items()
            )
        else:
            found = getattr(record, name) == wanted
        if not found:
            return False
    return True


def is_same(stored: JsonValue, wanted: JsonValue) -> bool:
    """Return whether two JSON values are equal: 1 equals 1.0, and a bool equals no number."""
    if isinstance(stored, bool) or isinstance(wanted, bool):
        return stored is wanted
    if isinstance(stored, (int, float)) and isinstance(wanted, (int, float)):
        return stored == wanted
    return json.dumps(stored) == json.dumps(wanted)


def routes(records: Iterable[Record]) -> list[RouteSummary]:
    """Return what `Store.routes` must return."""
    groups: dict[tuple[str, str | None], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.method, record.route].append(record)
    summaries = [
        RouteSummary(
            method=method,
            route=route,
            count=sum(record.weight for record in group),
            errors=sum(
                record.weight
                for record in group
                if record.error or (record.status_code or 0) >= 500
            ),
            p50_ms=percentile(group, 50),
            p95_ms=percentile(group, 95),
        )
        for (method, route), group in groups.items()
    ]
    return sorted(summaries, key=lambda s: (-s.count, s.route is not None, s.route, s.method))


def percentile(group: Iterable[Record], percent: int) -> float:
    """Return a percentile of the durations, in milliseconds: the weighted nearest rank."""
    records = sorted(group, key=lambda record: record.duration_ms)
    reached, total = 0.0, sum(record.weight for record in records)
    for record in records:
        reached += record.weight
        if reached * 100 >= total * percent:
            return record.duration_ms
    raise ValueError("no records")


def top_values(records: Iterable[Record], name: str) -> list[ValueCount]:
    """Return what `Store.top_values` must return, without a limit."""
    counts: dict[str | None, float] = defaultdict(float)
    for record in records:
        if name in record.variables:
            counts[as_text(record.variables[name])] += record.weight
    found = [ValueCount(value, count) for value, count in counts.items()]
    return sorted(found, key=lambda v: (-v.count, v.value is not None, v.value))


def as_text(value: JsonValue) -> str | None:
    """Return a value as the view of variables has it: texts unchanged, all else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
