"""What ClickHouse's SQL has of the values of records: fields, and variables by their JSON.

The JSON of a value stands in one of the maps of `variables`; it is empty where there is none.
ClickHouse has written it, so that one value has one form: 1.0 is `1`, and all digits are there.
Its first character says of which type it is.

Values of questions become literals in the body of a request: proxies bound the length of a URL,
where parameters would be.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any, Final, TypeAlias

from pydantic_core import from_json

from flask_chest.query.fold import scalar_of
from flask_chest.query.nodes import Field
from flask_chest.query.questions import LIST, OBJECT, Scalar
from flask_chest_clickhouse.connection import quoted
from flask_chest_clickhouse.ddl import ID_ORDER
from flask_chest_clickhouse.variables import column_of

Path: TypeAlias = tuple[str, ...]
"""The name of a variable, then a key of each dict that leads to a value."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND: Final = timedelta(microseconds=1)

_FIRST: Final = {
    "text": "= 34",
    "number": "BETWEEN 45 AND 57",
    "bool": "IN (102, 116)",
    "dict": "IN (32, 123)",
    "list": "= 91",
}
"""By type: which byte its JSON begins with."""

_SAME_IN_JSON: Final = re.compile('[^\0-\x1f"\\\\\x7f\u2028\u2029]*')
"""Texts whose JSON is the text in quotes, whoever writes it, but for `/`."""


# -- Fields ----------------------------------------------------------------------------------------


def column(field: Field) -> str:
    """Return a field as it is compared: the ID and `started_at` have types of their own."""
    return field.name


def field_text(field: Field) -> str:
    """Return a field that is a text, compared and ordered by code points."""
    return "toString(id)" if field.name == "id" else field.name


def id_order(text: str = "id") -> str:
    """Return an expression that has the order of IDs as texts. A `UUID` itself has another."""
    return ID_ORDER.format(text)


def microseconds(moment: datetime) -> int:
    """Return a moment in microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(value: int) -> datetime:
    """Return the moment that `microseconds` has made a number of.

    Raises:
        OverflowError: Python has no such moment.
    """
    return _EPOCH + timedelta(microseconds=value)


def moment(value: datetime) -> str:
    """Return the literal of a moment."""
    return f"fromUnixTimestamp64Micro(toInt64({microseconds(value)}), 'UTC')"


# -- Variables -------------------------------------------------------------------------------------


def value(path: Path) -> str:
    """Return the JSON of a value; an empty text where there is none."""
    name, *keys = path
    found = f"{column_of(name)}[{quoted(name)}]"
    if not keys:
        return found
    place = f"variables, {_arguments(path)}"
    raw = f"JSONExtractRaw({place})"
    exact = (
        f"if(length({raw}) > 16 AND match({raw}, '^-?[0-9]+$') AND JSONType({place}) = 'Double', "
        f"toString(toInt128(JSONExtractFloat({place}))), {raw})"
    )
    # Where a dict begins with a space, its own text is not exact: see `variables`.
    return f"if(ascii({found}) = 32, {exact}, JSONExtractRaw({found}, {_arguments(keys)}))"


def _arguments(keys: Path | list[str]) -> str:
    return ", ".join(map(quoted, keys))


def is_kind(path: Path, kind: str) -> str:
    """Return whether a value is a ``text``, ``number``, ``bool``, ``dict`` or ``list``."""
    return f"ascii({value(path)}) {_FIRST[kind]}"


def is_there(path: Path) -> str:
    """Return whether there is a value, be it null."""
    return f"{value(path)} != ''"


def has_value(path: Path) -> str:
    """Return whether there is a value, and it is not null."""
    return f"{value(path)} NOT IN ('', 'null')"


def text(path: Path) -> str:
    """Return the text of a value that is one; anything for another."""
    return f"JSONExtractString({value(path)})"


def number(path: Path) -> str:
    """Return the number of a value that is one as a float; else NULL."""
    return f"toFloat64OrNull({value(path)})"


def integer(path: Path) -> str:
    """Return the number of a value that is an integer; else NULL. A float may be one, too."""
    return f"toInt128OrNull({value(path)})"


def is_true(path: Path) -> str:
    """Return whether a value is True."""
    return f"{value(path)} = 'true'"


def json_forms(wanted: str) -> list[str] | None:
    """Return all forms that the JSON of a text may have, as literals; None when it is not known."""
    if not _SAME_IN_JSON.fullmatch(wanted):
        return None
    forms = {f'"{wanted}"', '"{}"'.format(wanted.replace("/", "\\/"))}
    return [quoted(form) for form in sorted(forms)]


# -- Numbers ---------------------------------------------------------------------------------------


def literal(wanted: float) -> str:
    """Return a number as a literal that ClickHouse reads as the same number."""
    return str(wanted) if isinstance(wanted, int) else repr(float(wanted))


# -- Groups ----------------------------------------------------------------------------------------


def group(path: Path) -> str:
    """Return what the records are grouped by for the value of a variable."""
    found = value(path)
    return (
        f"multiIf({found} = 'null', '', {is_kind(path, 'dict')}, '{{', "
        f"{is_kind(path, 'list')}, '[', {found})"
    )


_GROUPS: Final[dict[Any, Scalar]] = {"": None, "{": OBJECT, "[": LIST}


def scalar(found: Any) -> Scalar:  # noqa: ANN401 - a column's value
    """Return the value that `group` has grouped by."""
    return _GROUPS[found] if found in _GROUPS else scalar_of(from_json(found))
