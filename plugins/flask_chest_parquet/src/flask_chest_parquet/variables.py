"""The columns of a variable's value, as SQL: from typed columns of a file, and from its JSON."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, TypeAlias

Path: TypeAlias = tuple[str, ...]
"""The name of a variable, then a key of each dict that leads to a value."""

Names: TypeAlias = tuple[str, str, str, str]
"""The typed columns that a value may have: of texts, numbers, whether one is an integer, bools."""

_TYPES: Final = ("VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "VARCHAR")
_NOTHING: Final = [f"CAST(NULL AS {name})" for name in _TYPES]

_is_index: Final = re.compile("[0-9]+|-").fullmatch
"""What a JSON pointer takes for a place in a list: https://www.rfc-editor.org/rfc/rfc6901"""


def text(value: str) -> str:
    """Return a text as a literal of SQL."""
    return "'{}'".format(value.replace("'", "''"))


def name(value: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"{}"'.format(value.replace('"', '""'))


def from_json(path: Path) -> list[str]:
    """Return the columns of a value in the JSON of a record, in the order of `Values`."""
    pointer = text(_pointer(path))
    found = f"json_type(variables, {pointer})"
    for length in range(1, len(path)):
        if _is_index(path[length]):
            parent = f"json_type(variables, {text(_pointer(path[:length]))})"
            found = f"CASE WHEN {parent} = 'OBJECT' THEN {found} END"
    value = f"json_extract_string(variables, {pointer})"
    others = "WHEN 'NULL' THEN 'null' WHEN 'OBJECT' THEN 'dict' WHEN 'ARRAY' THEN 'list'"
    return [
        f"CASE WHEN ({found}) = 'VARCHAR' THEN {value} END",
        f"CASE WHEN ({found}) IN ('BIGINT', 'UBIGINT') THEN TRY_CAST({value} AS BIGINT) END",
        f"CASE WHEN ({found}) = 'DOUBLE' THEN TRY_CAST({value} AS DOUBLE) END",
        f"CASE WHEN ({found}) = 'BOOLEAN' THEN {value} = 'true' END",
        f"CASE ({found}) {others} END",
    ]


def from_columns(names: Names, there: Collection[str]) -> list[str]:
    """Return the columns of a value that has typed columns, in the order of `Values`.

    Args:
        names: Of the typed columns.
        there: Names of all columns of the file.
    """
    found = list(_NOTHING)
    texts, numbers, are_integers, bools = names
    if texts in there:
        found[0] = name(texts)
    if numbers in there:
        number, is_integer = name(numbers), name(are_integers)
        found[1] = f"CASE WHEN {is_integer} THEN CAST({number} AS BIGINT) END"
        found[2] = f"CASE WHEN NOT {is_integer} THEN {number} END"
    if bools in there:
        found[3] = name(bools)
    return found


def from_both(names: Names, there: Collection[str], path: Path) -> list[str]:
    """Return the same of a value that may be in its typed columns, or in the JSON alone."""
    typed, others = from_columns(names, there), from_json(path)
    has_column = " OR ".join(
        f"{name(each)} IS NOT NULL" for each in (names[0], names[1], names[3]) if each in there
    )
    return [
        f"CASE WHEN {has_column} THEN {one} ELSE {other} END"
        for one, other in zip(typed, others, strict=True)
    ]


def _pointer(path: Path) -> str:
    return "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in path)
