"""What a field of a pydantic model is, in words: type, unit, bounds, default."""

from __future__ import annotations

import types
from collections.abc import Callable
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

_UNITS: Final = {
    "_seconds": "seconds",
    "_ms": "milliseconds",
    "_bytes": "bytes",
    "_days": "days",
    "_per_second": "records a second",
    "_records": "records",
    "_dropped": "records",
    "_dead_letters": "dead letters",
    "_rate": "share",
    "_share": "share",
    "_prefix": "bits",
    "_rows": "rows",
    "_mb": "megabytes",
    "_threads": "threads",
    "pool_size": "connections",
    "insert_quorum": "replicas",
}
"""End of the name of a field to the unit of its numbers."""

_WITHOUT_UNIT: Final = ("port", "exclude_status", "settings")

_WORDS: Final[dict[object, str]] = {
    bool: "on or off",
    int: "whole number",
    float: "number",
    str: "text",
    SecretStr: "secret",
    Path: "path",
    timedelta: "duration",
    IPv4Network: "network",
    IPv6Network: "network",
}


def type_of(name: str, field: FieldInfo) -> str:
    """Return type, unit and bounds of a field.

    Raises:
        ValueError: A number has no unit.
    """
    if name == "mode" and field.annotation is int:
        return "text, octal, from `0600` to `0666`"
    words = _words(field.annotation)
    unit = next((unit for end, unit in _UNITS.items() if name.endswith(end)), "")
    is_number = "number" in words
    if is_number and not unit and not name.endswith(_WITHOUT_UNIT):
        raise ValueError(f"tools/reference/fields.py knows no unit of the number {name!r}")
    parts = [words, unit if is_number else "", *_bounds(field)]
    return ", ".join(filter(None, parts))


def default_of(name: str, field: FieldInfo) -> str:
    """Return the default of a field."""
    if name == "mode" and isinstance(field.default, int):
        return f"`'0{field.default:o}'`"
    if field.default_factory is not None:
        return f"`{field.default_factory()!r}`"  # type: ignore[call-arg]  # takes nothing here
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, SecretStr):
        return f"`{field.default.get_secret_value()!r}`"
    return f"`{field.default!r}`"


def meaning_of(field: FieldInfo) -> str:
    """Return the description of a field as a sentence.

    Raises:
        ValueError: It has none.
    """
    if not field.description:
        raise ValueError(f"a field without description: {field!r}")
    return f"{field.description}."


def _words(annotation: object, end: str = "") -> str:
    """Return the words for a type; with an end, in the plural."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        words = _words(arguments[0], end)
    elif origin in (Union, types.UnionType):
        kept = [_words(each, end) for each in arguments if each is not type(None)]
        words = " or ".join(dict.fromkeys(kept))
    elif origin is Literal:
        *others, last = [f"`{each}`" for each in arguments]
        words = f"{', '.join(others)} or {last}" if others else last
    elif origin is tuple and arguments[-1] is not ...:
        words = f"{len(arguments)} {_words(arguments[0], 's')}"
    elif origin in (tuple, list):
        words = f"list{end} of {_words(arguments[0], 's')}"
    elif origin is dict:
        words = f"dict{end}" + ("" if arguments[1] is Any else f" of {_words(arguments[1], 's')}")
    elif origin is Callable:
        words = f"function{end}"
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        words = f"dict{end}"
    elif annotation in _WORDS:
        words = f"{_WORDS[annotation]}{end}"
    else:
        raise ValueError(f"tools/reference/fields.py has no word for the type {annotation!r}")
    return words


def _bounds(field: FieldInfo) -> list[str]:
    """Return the least and the greatest value of a field."""
    names = {"Ge": "at least", "Gt": "more than", "Le": "at most"}
    return [
        f"{names[kind]} {getattr(bound, kind.lower()):.10g}"
        for bound in field.metadata
        if (kind := type(bound).__name__) in names
    ]
