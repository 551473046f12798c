"""Which documents are records, as a filter."""

from __future__ import annotations

import sys
from typing import Final

from flask_chest_mongo.moments import FIRST, LAST, Filter
from flask_chest_mongo.operands import NUMBER


def _of(*types: str) -> Filter:
    # A list has the types of its items, too.
    return {"$type": list(types), "$not": {"$type": "array"}}


FINITE: Final[Filter] = {"$gte": -sys.float_info.max, "$lte": sys.float_info.max}
"""JSON has no other numbers."""

_TEXT: Final = _of("string")
_OPTIONAL_TEXT: Final = _of("string", "null")
_NUMBER: Final[Filter] = {**_of(*NUMBER), **FINITE}

READABLE: Final[Filter] = {
    # A comparison with a date finds dates alone.
    "started_at": {"$gte": FIRST, "$lte": LAST, "$not": {"$type": "array"}},
    "started_at_us": {"$gte": 0, "$lte": 999},
    "_id": {"$type": "binData"},
    "request_id": _TEXT,
    "trace_id": _OPTIONAL_TEXT,
    "service": _TEXT,
    "instance": _TEXT,
    "endpoint": _OPTIONAL_TEXT,
    "route": _OPTIONAL_TEXT,
    "method": _TEXT,
    "path": _TEXT,
    "status_code": _of("int", "long", "null"),
    "error": _OPTIONAL_TEXT,
    "duration_ms": _NUMBER,
    "weight": _NUMBER,
    "variables": _of("object"),
}
"""Matches the documents that are records, whatever their variables are."""
