"""Variables as typed columns, and as JSON what these cannot hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Final

import pyarrow as pa
from pydantic_core import to_json

from flask_chest_parquet.schema import LARGEST_INTEGER, Column, Kind, Path

_MISSING: Final = object()
_EMPTY: Final = "{}"


def shred(
    variables: Sequence[dict[str, Any]], typed: Iterable[Column]
) -> tuple[list[pa.Array], pa.Array, pa.Array]:
    """Move values of variables to typed columns.

    Args:
        variables: Of each record. They lose the values that are moved.
        typed: The columns.

    Returns:
        The typed columns, the columns `variables` and `leftover`.
    """
    found: dict[str, pa.Array] = {}
    wanted = list(typed)
    leftover = [False] * len(variables)
    by_path = sorted(wanted, key=lambda column: column.path)
    for path, columns in groupby(by_path, key=lambda column: column.path):
        of_path = list(columns)
        values = _values(variables, path)
        columns_of_kind = _by_kind(values, {column.kind for column in of_path}, leftover)
        if len(path) == 1:
            _remove(variables, path[0], columns_of_kind)
        for column in of_path:
            found[column.name] = pa.array(columns_of_kind[column.kind], column.field.type)
    texts = [to_json(each).decode() if each else _EMPTY for each in variables]
    return (
        [found[column.name] for column in wanted],
        pa.array(texts, pa.string()),
        pa.array(leftover, pa.bool_()),
    )


def _values(variables: Sequence[dict[str, Any]], path: Path) -> list[Any]:
    """Return the value of each record at a path, or `_MISSING`."""
    [name, *rest] = path
    values = [each.get(name, _MISSING) for each in variables]
    for key in rest:
        values = [value.get(key, _MISSING) if type(value) is dict else _MISSING for value in values]
    return values


def _by_kind(
    values: Sequence[Any], kinds: set[Kind], leftover: list[bool]
) -> dict[Kind, list[Any]]:
    """Return the values of each kind; note in `leftover` which records have another one."""
    columns: dict[Kind, list[Any]] = {kind: [None] * len(values) for kind in kinds}
    texts, numbers = columns.get("text"), columns.get("number")
    integers, booleans = columns.get("integer"), columns.get("boolean")
    for at, value in enumerate(values):
        kind = type(value)
        if value is _MISSING:
            pass
        elif kind is str and texts is not None:
            texts[at] = value
        elif kind is float and numbers is not None and integers is not None:
            numbers[at], integers[at] = value, False
        elif (
            kind is int
            and numbers is not None
            and integers is not None
            and -LARGEST_INTEGER <= value <= LARGEST_INTEGER
        ):
            numbers[at], integers[at] = float(value), True
        elif kind is bool and booleans is not None:
            booleans[at] = value
        else:
            leftover[at] = True
    return columns


def _remove(variables: Sequence[dict[str, Any]], name: str, columns: dict[Kind, list[Any]]) -> None:
    """Remove from `variables` the values that a column has."""
    for kind, column in columns.items():
        if kind != "integer":
            for at, value in enumerate(column):
                if value is not None:
                    del variables[at][name]
