"""The columns of a lake: those of every file, and typed columns of variables."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import pyarrow as pa

Path: TypeAlias = tuple[str, ...]
Kind: TypeAlias = Literal["text", "number", "integer", "boolean"]

FIELDS: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("request_id", pa.string(), nullable=False),
        pa.field("trace_id", pa.string()),
        pa.field("service", pa.string(), nullable=False),
        pa.field("instance", pa.string(), nullable=False),
        pa.field("endpoint", pa.string()),
        pa.field("route", pa.string()),
        pa.field("method", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("status_code", pa.int16()),
        pa.field("error", pa.string()),
        pa.field("started_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("duration_ms", pa.float64(), nullable=False),
        pa.field("weight", pa.float64(), nullable=False),
        pa.field("variables", pa.string(), nullable=False),
        pa.field("leftover", pa.bool_(), nullable=False),
    ]
)
"""The columns of every file.

`variables` is a JSON object, without what has a column of its own. `leftover` is true where it has
a value of a variable with typed columns that these cannot hold: null, a dict, a list, a large
integer, or another type. Where it is false, the typed columns are all there is of their variables.
"""

ORDER: Final = (("started_at", "ascending"), ("id", "ascending"))
"""How the rows of each file are sorted."""

LARGEST_INTEGER: Final = 2**53
"""Integers up to here are exact in a column of numbers. Larger ones stay in `variables`."""

_TYPES: Final[dict[Kind, tuple[str, pa.DataType]]] = {
    "text": ("t", pa.string()),
    "number": ("n", pa.float64()),
    "integer": ("i", pa.bool_()),
    "boolean": ("b", pa.bool_()),
}
NUMBERS: Final[tuple[Kind, ...]] = ("number", "integer")
ALL: Final[tuple[Kind, ...]] = ("text", *NUMBERS, "boolean")

_is_simple: Final = re.compile(r"[a-z](?:_?[a-z0-9])*").fullmatch
_LONGEST: Final = 40


@dataclass(frozen=True)
class Column:
    """A typed column of a variable, or of a value within one.

    Attributes:
        path: The name, then a key of each dict that leads to the value.
        kind: ``integer`` is a boolean beside ``number``: whether the number was an integer.
    """

    path: Path
    kind: Kind

    @property
    def name(self) -> str:
        """Name of the column, such as ``t_tenant``."""
        return f"{_TYPES[self.kind][0]}_{_stem(self.path)}"

    @property
    def field(self) -> pa.Field:
        """The column in the schema of a file."""
        return pa.field(self.name, _TYPES[self.kind][1])

    @property
    def is_moved(self) -> bool:
        """Whether `variables` lacks the values that the column has.

        Values within a dict are copied instead, so that a dict is there as a whole.
        """
        return len(self.path) == 1

    def to_json(self) -> bytes:
        """Return the column as the lake registers it."""
        return json.dumps({"path": self.path, "kind": self.kind}).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Column:
        """Return the column that the lake has registered.

        Raises:
            ValueError: It is none.
        """
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("kind") not in _TYPES:
            raise ValueError("no column is described")
        path = found.get("path")
        if not isinstance(path, list) or not path or not all(isinstance(p, str) for p in path):
            raise ValueError("the path of a column is no list of names")
        return cls(tuple(path), found["kind"])


def column_names(path: Path) -> dict[Kind, str]:
    """Return the name of each column that a variable may have, by its kind."""
    return {kind: Column(path, kind).name for kind in ALL}


def columns(any_type: Iterable[Path], numbers: Iterable[Path] = ()) -> list[Column]:
    """Return the typed columns of variables, each once, in the order of their names.

    Args:
        any_type: Variables whose values may be texts, numbers or booleans.
        numbers: Variables whose values are numbers.
    """
    found = {Column(path, kind) for path in any_type for kind in ALL}
    found |= {Column(path, kind) for path in numbers for kind in NUMBERS}
    return sorted(found, key=lambda column: column.name)


def file_schema(typed: Iterable[Column]) -> pa.Schema:
    """Return the schema of a file with these typed columns."""
    return pa.schema([*FIELDS, *(column.field for column in typed)])


def tag_of(names: Iterable[str]) -> str:
    """Return a short name of a set of typed columns, which files with the same columns share."""
    return hashlib.sha256(",".join(sorted(names)).encode()).hexdigest()[:8]


def _stem(path: Path) -> str:
    """Return a name that every engine takes, without regard to case, and that no two paths share.

    Names of lower case without ``__`` are kept. All others end with ``__`` and a hash.
    """
    [name, *rest] = path
    if not rest and len(name) <= _LONGEST and _is_simple(name):
        return name
    plain = re.sub(r"[^a-z0-9]+", "_", "_".join(path).lower()).strip("_")[:_LONGEST]
    digest = hashlib.sha256(json.dumps(path).encode()).hexdigest()[:8]
    return f"{plain}__{digest}"
