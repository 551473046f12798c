"""`Detail`: a row of the page of one record. Dicts become a row for each value within."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from flask_chest import query

if TYPE_CHECKING:
    from flask_chest import Record
    from flask_chest.record import JsonValue

MASK: Final = "[redacted]"
"""What stands for a masked value."""

MOST_CHARACTERS: Final = 100_000
"""Of one value on the page."""

MOST_ROWS: Final = 500
_SHORT: Final = 120
_DEPTH: Final = 4
_MOST_WITHIN: Final = 100
"""Values of a dict that have a row each. A larger dict is one piece of JSON."""


@dataclass(frozen=True)
class Detail:
    """A value of a record.

    Attributes:
        name: As a filter names it.
        found: The value.
        whole: The value as it is shown below its menu: a long text, or JSON. Empty for a short one.
        left_out: Characters that are not shown.
        is_masked: Whether it was masked before it was recorded.
    """

    name: str
    found: JsonValue
    whole: str
    left_out: int
    is_masked: bool

    @property
    def exact(self) -> str | None:
        """A number as it was recorded; None for what is shown like everywhere."""
        return repr(self.found) if isinstance(self.found, float) else None


def details(record: Record) -> list[Detail]:
    """Return the rows of all variables, at most `MOST_ROWS` and one."""
    found: list[Detail] = []
    for name in sorted(record.variables, key=lambda name: ("." in name, name)):
        for path, value in _within((name,), record.variables[name]):
            if len(found) > MOST_ROWS:
                return found
            found.append(_detail(query.written(query.Variable(path)), value))
    return found


def _within(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401 - any value of a record
    if isinstance(value, dict) and 0 < len(value) <= _MOST_WITHIN and len(path) < _DEPTH:
        for key, inner in value.items():
            yield from _within((*path, key), inner)
    else:
        yield path, value


def _detail(name: str, value: JsonValue) -> Detail:
    whole = ""
    if isinstance(value, (dict, list)):
        whole = json.dumps(value, ensure_ascii=False, indent=2)
        if len(whole) <= _SHORT:
            whole = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, str) and (len(value) > _SHORT or "\n" in value):
        whole = value
    left_out = max(len(whole) - MOST_CHARACTERS, 0)
    return Detail(name, value, whole[:MOST_CHARACTERS], left_out, value == MASK)


def as_json(record: Record) -> str:
    """Return a record as a file of JSON."""
    return json.dumps(record.as_data(), ensure_ascii=False, indent=2) + "\n"


def trace_address(pattern: str | None, trace_id: str | None) -> str | None:
    """Return the address of a trace in the tracing system; None without one.

    Args:
        pattern: As in CHEST_DASHBOARD_TRACE_URL.
        trace_id: Of the record.
    """
    if pattern is None or not trace_id or not pattern.startswith(("https://", "http://")):
        return None
    return pattern.replace("{trace_id}", quote(trace_id, safe=""))
