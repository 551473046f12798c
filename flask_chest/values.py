"""The value rules: what a variable becomes in JSON, for every value there is.

What databases choke on is made safe here, once, and not in each backend: NUL and lone surrogates,
NaN and infinities, integers beyond 64 bits, keys that are not strings, cycles, depth, size, and
objects that raise when they are looked at. docs/values.md has the rules as a table.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import math
import numbers
import os
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Final, TypeGuard
from uuid import UUID

from pydantic import BaseModel
from werkzeug.local import LocalProxy

from flask_chest.record import JsonValue

MAX_DEPTH: Final = 16
"""Levels of nesting; what lies deeper is cut."""

MAX_ITEMS: Final = 1_000
"""Items of one list or dict; the rest is cut."""

MAX_TEXT: Final = 16_384
"""Characters of one string; the rest is cut."""

MAX_KEY: Final = 255
"""Characters of a variable's name or of a key."""

MAX_RECORD: Final = 262_144
"""Characters of all variables of one record together, roughly; the rest is cut."""

MAX_INTEGER_BITS: Final = 1_024
"""Larger integers are written in hexadecimal: Python refuses to print huge ones in decimal."""


class NotData(Exception):
    """The value is not data, and only a repr would be possible."""


def is_plain(value: object) -> TypeGuard[str | int | float | bool | None]:
    """Tell whether `value` is a short scalar that goes into JSON just as it is."""
    kind = type(value)  # asked once; mypy does not narrow through it, hence the ignores
    if kind is str:
        # Only ASCII without NUL: a surrogate cannot hide in it, and the test costs nothing.
        return len(value) <= MAX_TEXT and value.isascii() and "\0" not in value  # type: ignore[arg-type,attr-defined,operator]
    if kind is int:
        return -0x8000_0000_0000_0000 <= value <= 0x7FFF_FFFF_FFFF_FFFF  # type: ignore[operator]
    if kind is float:
        return math.isfinite(value)  # type: ignore[arg-type]
    return value is None or kind is bool


def clean_text(text: str, limit: int = MAX_TEXT) -> str:
    """Return `text` cut to `limit` characters, NUL and lone surrogates replaced by U+FFFD.

    A cut text says that it was cut and how long it was.
    """
    length = len(text)
    if length > limit:
        text = text[:limit]
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return f"{text}…[cut, {length} characters]" if length > limit else text


class Budget:
    """The room that the variables of one record share, and who may be asked for a repr.

    Args:
        room: Characters left.
    """

    __slots__ = ("room",)

    def __init__(self, room: int = MAX_RECORD) -> None:
        self.room = room


def to_data(value: object, budget: Budget, *, named: bool) -> JsonValue:
    """Return the JSON form of any value. Never raises anything but `NotData`.

    Args:
        value: What the route put on `flask.g`.
        budget: Shared by the variables of one record.
        named: The variable was asked for by its own name, so a bounded repr is better than
            nothing. Objects that a pattern happened to catch are never asked for a repr.

    Raises:
        NotData: A repr would be needed and `named` is false.
    """
    try:
        return _Converter(budget, named=named).convert(value, 0)
    except NotData:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a hostile object raises, capture goes on
        if named:
            return f"<{_type_name(value)}: {_type_name(error)} while read>"
        raise NotData from None


def _type_name(value: object) -> str:
    # `type(value)` and not `value.__class__`, which the object may have overridden.
    return clean_text(str(type(value).__name__), MAX_KEY)


class _Converter:
    """Converts one variable. The path of containers being converted finds cycles."""

    def __init__(self, budget: Budget, *, named: bool) -> None:
        self._budget = budget
        self._named = named
        self._path: set[int] = set()

    def convert(self, value: object, depth: int) -> JsonValue:
        if is_plain(value):
            self._budget.room -= len(value) if type(value) is str else 8
            return value if self._budget.room >= 0 or type(value) is not str else self._cut(value)
        if self._budget.room <= 0:
            return self._cut(value)
        if isinstance(value, LocalProxy):
            return self.convert(value._get_current_object(), depth)  # noqa: SLF001 - documented
        if isinstance(value, enum.Enum):
            return self.convert(value.value, depth)
        scalar = self._scalar(value)
        if scalar is not None:
            return scalar
        return self._container(value, depth)

    def _cut(self, value: object) -> str:
        return f"…[cut, {_type_name(value)}]"

    def _text(self, text: str) -> str:
        text = clean_text(text, min(MAX_TEXT, max(self._budget.room, 0)))
        self._budget.room -= len(text)
        return text

    def _scalar(self, value: object) -> JsonValue:  # noqa: C901, PLR0911 - a table of types
        """Return the form of a scalar that is not plain; None when `value` is not a scalar."""
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, int):
            return self._integer(int(value))
        if isinstance(value, float):
            number = float(value)
            return number if math.isfinite(number) else _not_finite(number)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self._bytes(value)
        if isinstance(value, (date, time)):
            return self._text(value.isoformat())
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, (UUID, Decimal)):
            return self._text(str(value))
        if isinstance(value, os.PathLike):
            return self._text(os.fsdecode(os.fspath(value)))
        if isinstance(value, numbers.Integral):
            return self._integer(int(value))
        if isinstance(value, numbers.Real):
            number = float(value)
            return number if math.isfinite(number) else _not_finite(number)
        return None

    def _integer(self, number: int) -> JsonValue:
        self._budget.room -= 8
        if is_plain(number):
            return number
        return self._text(str(number) if number.bit_length() <= MAX_INTEGER_BITS else hex(number))

    def _bytes(self, value: bytes | bytearray | memoryview) -> str:
        raw = value.tobytes() if isinstance(value, memoryview) else value
        limit = max(min(MAX_TEXT, self._budget.room), 4) // 4 * 3
        text = base64.b64encode(raw[:limit]).decode("ascii")
        self._budget.room -= len(text)
        return text if len(raw) <= limit else f"{text}…[cut, {len(raw)} bytes]"

    def _container(self, value: object, depth: int) -> JsonValue:
        read = _reader(value)
        if read is None:
            return self._other(value, depth)
        if id(value) in self._path:
            return f"…[cycle, {_type_name(value)}]"
        if depth >= MAX_DEPTH:
            return self._cut(value)
        self._path.add(id(value))
        try:
            content = read(value)
            if isinstance(content, Mapping):
                return self._mapping(content, depth + 1)
            return self._sequence(content, depth + 1)
        finally:
            self._path.discard(id(value))

    def _mapping(self, mapping: Mapping[object, object], depth: int) -> dict[str, JsonValue]:
        result: dict[str, JsonValue] = {}
        # A copy: another thread may change the dict while we read it.
        for count, (key, item) in enumerate(list(mapping.items())):
            if count >= MAX_ITEMS or self._budget.room <= 0:
                result["…"] = f"[cut, {len(mapping)} items]"
                break
            result[self._key(key, result)] = self.convert(item, depth)
        return result

    def _sequence(self, sequence: Iterable[object], depth: int) -> list[JsonValue]:
        items = list(sequence)
        result: list[JsonValue] = []
        for count, item in enumerate(items):
            if count >= MAX_ITEMS or self._budget.room <= 0:
                result.append(f"…[cut, {len(items)} items]")
                break
            result.append(self.convert(item, depth))
        return result

    def _key(self, key: object, taken: Mapping[str, object]) -> str:
        if isinstance(key, enum.Enum):
            key = key.value
        if isinstance(key, str):
            text = str.__str__(key)
        elif key is None or isinstance(key, bool):
            text = {None: "null", True: "true", False: "false"}[key]
        else:
            scalar = self._scalar(key)
            text = str(scalar) if scalar is not None else self._repr(key)
        text = clean_text(text, MAX_KEY)
        self._budget.room -= len(text)
        unique, number = text, 1
        while unique in taken:  # 1 and "1" are two keys in Python and one in JSON
            number += 1
            unique = f"{text} ({number})"
        return unique

    def _other(self, value: object, depth: int) -> JsonValue:
        if depth == 0 and not self._named:
            raise NotData
        return self._text(self._repr(value))

    def _repr(self, value: object) -> str:
        if not self._named:
            return f"<{_type_name(value)}>"
        try:
            return clean_text(repr(value))
        except Exception as error:  # noqa: BLE001 - a repr may raise anything
            return f"<{_type_name(value)}: {_type_name(error)} in repr>"


def _not_finite(number: float) -> str:
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _reader(  # noqa: PLR0911 - a table of types
    value: object,
) -> Callable[..., Mapping[object, object] | Iterable[object]] | None:
    """Return what reads the content of a container; None when `value` is none that we know."""
    if isinstance(value, Mapping):
        return _itself
    if isinstance(value, (list, tuple)):
        return _itself
    if isinstance(value, AbstractSet):
        return _sorted
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return _dataclass_fields
    if isinstance(value, BaseModel):
        return _model_fields
    if hasattr(type(value), "__attrs_attrs__"):
        return _attrs_fields
    return None


def _itself(value: Iterable[object]) -> Iterable[object]:
    return value


def _sorted(value: Iterable[object]) -> list[object]:
    items = list(value)
    try:
        return sorted(items)  # type: ignore[type-var]
    except TypeError:
        return sorted(items, key=lambda item: (_type_name(item), str(hash(item))))


def _dataclass_fields(value: object) -> dict[object, object]:
    names = [field.name for field in dataclasses.fields(value)]  # type: ignore[arg-type]
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _model_fields(value: BaseModel) -> dict[object, object]:
    return {name: getattr(value, name) for name in type(value).model_fields if hasattr(value, name)}


def _attrs_fields(value: object) -> dict[object, object]:
    names = [field.name for field in type(value).__attrs_attrs__]  # type: ignore[attr-defined]
    return {name: getattr(value, name) for name in names if hasattr(value, name)}
