"""What can be typed: measures, fields and the variables that the newest requests have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from flask_chest import query

if TYPE_CHECKING:
    from flask_chest import Record

FIELDS: Final = (
    *("route", "method", "status_code", "error", "endpoint", "path"),
    *("service", "instance", "request_id", "trace_id"),
)
NUMBERS: Final = ("duration_ms", "started_at", "weight")
"""The other fields, of which there is a value for nearly each request."""

MEASURES: Final = (
    *("count", "errors", "error_rate", "rate"),
    *("p50(duration_ms)", "p95(duration_ms)", "p99(duration_ms)", "max(duration_ms)"),
    *("mean(duration_ms)", "sum(duration_ms)", "share(duration_ms > 500)"),
)
RECORDS: Final = 50
"""Records whose variables are looked at."""

_MOST: Final = 200
_DEPTH: Final = 2
_LONGEST: Final = 200


def seen(records: Iterable[Record]) -> dict[str, bool]:
    """Return the names of the variables of some records, and whether a value is a number."""
    found: dict[str, bool] = {}

    def look(inner: Mapping[str, Any], path: tuple[str, ...]) -> None:
        for key, value in inner.items():
            at = (*path, key)
            if isinstance(value, dict) and value and len(at) < _DEPTH:
                look(value, at)
            elif len(found) < _MOST:
                name = query.written(query.Variable(at))
                is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
                if len(name) <= _LONGEST:
                    found[name] = found.get(name, False) or is_number

    for record in records:
        look(record.variables, ())
    return dict(sorted(found.items()))


def measures_of(names: Mapping[str, bool]) -> list[str]:
    """Return what can be measured of variables."""
    numbers = [name for name, is_number in names.items() if is_number]
    return [
        *(f"{function}({name})" for name in numbers for function in ("sum", "mean", "p95")),
        *(f"distinct({name})" for name in names),
        *(f"top({name})" for name in names),
    ]
