"""The value rules: what a variable becomes in JSON, for every value there is.

What databases choke on is made safe here, once, and not in each backend: NUL and lone surrogates,
NaN and infinities, integers beyond 64 bits, keys that are not strings, cycles, depth, size, and
objects that raise or lie when they are looked at. docs/values.md has the rules as a table.

A value is judged by `type(value)`, which it cannot fake as it can `__class__`, and built-in types
are read by their own methods, whatever a subclass has made of them. An iterator is never advanced:
it belongs to the application.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import enum
import math
import numbers
import os
from collections import UserString, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from itertools import chain, islice
from operator import attrgetter, methodcaller
from types import MemberDescriptorType
from typing import Any, Final, TypeAlias, TypeGuard, cast
from uuid import UUID

from pydantic import AnyUrl, BaseModel, RootModel
from pydantic_core import to_json
from werkzeug.datastructures import MultiDict
from werkzeug.local import LocalProxy

from flask_chest.encode.flat import VALUE_COST, flat
from flask_chest.record import JsonValue
from flask_chest.redaction import DROPPED, PLAIN, Redactor

# Of what is longer, larger or deeper the rest is cut.
MAX_DEPTH: Final = 16  # levels of lists and dicts in one variable
MAX_ITEMS: Final = 1_000  # items of one list or dict, and variables of one record
MAX_TEXT: Final = 16_384  # characters of one string, with the mark that it was cut
MAX_KEY: Final = 255  # characters of a variable's name or of a key, with its mark
MAX_VARIABLE: Final = 65_536  # characters of one variable
MAX_RECORD: Final = 262_144  # characters of all variables of one record, and of their names

MAX_INTEGER_BITS: Final = 1_024
"""Larger integers are written in hexadecimal: Python refuses to print huge ones in decimal."""

_BEYOND: Final = 4_096
"""Characters behind the end of a cut text in which a secret that begins before it is seen whole."""

_SHORT: Final = 40  # so many characters are there even without room: a mark, an ID, a country
_MISSING: Final = object()
_Read: TypeAlias = Callable[..., Any]
_NAME: Final = type.__dict__["__name__"]  # a metaclass may have a `__name__` of its own


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


def clean_text(text: str, limit: int = MAX_TEXT, redact: Redactor | None = None) -> str:
    """Return `text` in at most `limit` characters, NUL and lone surrogates replaced by U+FFFD.

    A cut text says that it was cut and how long it was. Below 30, `limit` is too small for that.
    Secrets are redacted before, also one that the cut would go through.
    """
    length = str.__len__(text)
    mark = f"…[cut, {length} characters]" if length > limit else ""
    # By the methods of `str`, which also turn an instance of a subclass into a true string.
    text = str.__getitem__(text, slice(limit + _BEYOND)) if mark else str.__str__(text)
    if redact is not None:
        text = redact.text(text)
    if mark or len(text) > limit:  # a mask may be longer than the secret
        text = text[: max(limit - len(mark), 0)]
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text + mark


def unique_key(
    text: str,
    taken: Mapping[str, object],
    repeats: dict[str, int],
    redact: Redactor | None = None,
) -> str:
    """Return `text` as a key that is not `taken`; `repeats` remembers how far the numbers are."""
    key = first = clean_text(text, MAX_KEY, redact)
    while key in taken:  # 1 and "1" are two keys in Python and one in JSON
        repeats[first] = repeats.get(first, 1) + 1
        key = f"{clean_text(text, MAX_KEY - 8, redact)} ({repeats[first]})"
    return key


def to_data(
    value: object, verdict: int, room: int, redact: Redactor, *, named: bool
) -> tuple[object, int]:
    """Return the JSON form of any value, without secrets, and the room that it takes.

    Args:
        value: What the route put on `flask.g`.
        verdict: What the redactor says of its name.
        room: Characters that are left in the record.
        redact: Takes out secrets, at every depth.
        named: The variable was asked for by its own name, so a bounded repr is better than
            nothing. Objects that a pattern happened to catch are never asked for a repr.

    Returns:
        Instead of a form `DROPPED`, for a secret that is to leave no trace.

    Raises:
        NotData: A repr would be needed, or the value raises when read, and `named` is false.
            Nothing else is raised.
    """
    room = min(room, MAX_VARIABLE)
    if verdict == PLAIN and (known := flat(value, redact)) is not None and known[1] <= room:
        return known
    converter = _Converter(room, redact, named=named)
    return converter.revealed(verdict, value, 0), room - converter.room


class _Converter:
    """Converts one variable. The path of containers being converted finds cycles."""

    def __init__(self, room: int, redact: Redactor, *, named: bool) -> None:
        self.room = room
        self._redact = redact
        self._named = named
        self._path: set[int] = set()

    def revealed(self, verdict: int, value: object, depth: int) -> object:
        """Return the JSON form of a value, or what stands for it when its key is a secret one."""
        if not self._redact.is_secret(verdict, value):
            return self.convert(value, depth)
        self.room -= VALUE_COST
        if type(value) is str or not self._redact.needs_value:
            return self._redact.instead(cast("JsonValue", value))
        return self._redact.instead(self.convert(value, depth))

    def convert(self, value: object, depth: int) -> JsonValue:
        """Return the JSON form of a value, without secrets."""
        self.room -= VALUE_COST
        try:
            if type(value) is str and self._redact.is_harmless(value):
                return self._mark(value)
            if is_plain(value):
                if type(value) is not str:
                    return self._redact.number(value)  # type: ignore[arg-type]
                if len(value) <= self.room:
                    return self._mark(clean_text(value, MAX_TEXT, self._redact))
            return self._convert(value, depth)
        except (NotData, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it raises, capture goes on
            if depth == 0 and not self._named:
                raise NotData from None
            return self._mark(f"<{_type_name(value)}: {_type_name(error)} while read>")

    def _convert(self, value: object, depth: int) -> JsonValue:
        for _ in range(MAX_DEPTH):
            form, read = _EXACT.get(type(value)) or _form(type(value))
            if form != _INNER:
                break
            value = read(value)
        else:
            raise RecursionError
        if form == _SCALAR:
            return self._scalar(read(value))
        if form == _BYTES:
            return self._base64(value, read)
        if form != _OTHER:
            return self._container(value, form, read, depth)
        if depth == 0 and not self._named:
            raise NotData
        return self._text(repr(value) if self._named else f"<{_type_name(value)}>")

    def _text(self, text: str) -> str:
        return self._mark(clean_text(text, self._limit(), self._redact))

    def _limit(self) -> int:
        return min(MAX_TEXT, max(self.room, _SHORT))

    def _mark(self, text: str) -> str:
        """Return `text` as it is: a mark is short, and has room even where there is none."""
        self.room -= len(text)
        return text

    def _scalar(self, value: object) -> JsonValue:
        if is_plain(value) and type(value) is not str:
            return self._redact.number(value)  # type: ignore[arg-type]
        if type(value) is float:
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        if type(value) is int:
            bits = value.bit_length()
            if bits > 4 * MAX_TEXT:
                return self._mark(f"…[cut, {bits} bits]")
            value = str(value) if bits <= MAX_INTEGER_BITS else hex(value)
        return self._text(cast("str", value))

    def _base64(self, value: object, part: _Read) -> str:
        size = value.nbytes if type(value) is memoryview else len(cast("bytes", value))
        limit = self._limit()
        mark = f"…[cut, {size} bytes]" if size > limit // 4 * 3 else ""
        start = part(value, slice((limit - len(mark)) // 4 * 3))
        text = start.decode("utf-8", "replace")
        if self._redact.text(text) != text:
            return self._text(text)  # a text after all, and one with a secret
        return self._mark(base64.b64encode(start).decode("ascii") + mark)

    def _container(self, value: object, form: int, read: _Read, depth: int) -> JsonValue:
        if id(value) in self._path:
            return self._mark(f"…[cycle, {_type_name(value)}]")
        if depth == MAX_DEPTH or self.room <= 0:
            return self._mark(f"…[cut, {_type_name(value)} of {_size(value)}]")
        self._path.add(id(value))
        try:
            items = _snapshot(value, read)
            size = f"{len(items)} items" if len(items) <= MAX_ITEMS else _size(value)
            if form == _OBJECT:
                return self._object(items, f"[cut, {size}]", depth + 1)
            return self._array(items, f"…[cut, {size}]", depth + 1, is_set=form == _SET)
        finally:
            self._path.discard(id(value))

    def _object(self, pairs: list[Any], mark: str, depth: int) -> dict[str, JsonValue]:
        result: dict[str, JsonValue] = {}
        repeats: dict[str, int] = {}
        is_cut = len(pairs) > MAX_ITEMS
        for key, item in pairs[:MAX_ITEMS]:
            if self.room <= 0:
                is_cut = True
                break
            is_text = issubclass(type(key), str)
            text = str.__str__(cast("str", key)) if is_text else self.convert(key, depth)
            if not isinstance(text, str):
                text = to_json(text).decode()
            verdict = self._redact.verdict(text)
            if text in result or not self._redact.is_harmless(text):
                text = unique_key(text, result, repeats, self._redact)
            self.room -= len(text)
            form = self.revealed(verdict, item, depth)
            if form is not DROPPED:
                result[text] = cast("JsonValue", form)
        if is_cut:
            result[unique_key("…", result, repeats)] = self._mark(mark)
        return result

    def _array(self, items: list[Any], mark: str, depth: int, *, is_set: bool) -> list[JsonValue]:
        result: list[Any] = []
        if len(items) == 2 and type(items[0]) is str:  # a pair, as headers often are
            verdict = self._redact.verdict(items[0])
            if self._redact.is_secret(verdict, items[1]) and not is_set:
                hidden = self.revealed(verdict, items[1], depth)
                result = [self._text(items[0]), hidden]
                return result if hidden is not DROPPED else result[:1]
        for item in items[:MAX_ITEMS]:
            if self.room <= 0:
                break
            result.append(self.convert(item, depth))
        if is_set:  # one order, by what was made of the items and not by their own comparison
            try:
                result.sort()
            except TypeError:
                result.sort(key=to_json)
        if len(result) < len(items):
            result.append(self._mark(mark))
        return result


def _type_name(value: object) -> str:
    return clean_text(_NAME.__get__(type(value)), MAX_KEY)


def _size(value: object) -> str:
    known = hasattr(type(value), "__len__")
    return f"{len(cast('Any', value))} items" if known else "unknown size"


def _snapshot(value: object, read: _Read) -> list[Any]:
    """Return the items of a container that another thread may change, one more than are kept."""
    for _ in range(5):
        try:
            return list(islice(read(value), MAX_ITEMS + 1))
        except RuntimeError:  # "changed size during iteration"
            continue
    raise RuntimeError


def _fields(value: object, names: Iterable[str]) -> Iterator[tuple[str, object]]:
    """Read fields where they are kept, so that no property runs and no ORM asks a database."""
    own: dict[str, object] = {}
    with contextlib.suppress(AttributeError):  # slots only
        own = object.__getattribute__(value, "__dict__")
    for name in names:
        found = own.get(name, _MISSING)
        if found is _MISSING:
            bases = (vars(base) for base in type(value).__mro__)
            found = next((base[name] for base in bases if name in base), _MISSING)
            if type(found) is MemberDescriptorType:
                with contextlib.suppress(AttributeError):  # a slot that was never set
                    yield name, found.__get__(value)
            if not is_plain(found):  # as the default of a class for its instances may be
                continue
        yield name, found


# Who keeps a field out of the repr, or out of pydantic's own output, does not want it on a disk.


def _dataclass_fields(value: Any) -> Iterable[tuple[str, object]]:  # noqa: ANN401 - any class
    pydantic = getattr(type(value), "__pydantic_fields__", {})  # it makes dataclasses too
    hidden = [name for name, field in pydantic.items() if field.exclude]
    fields = dataclasses.fields(type(value))
    return _fields(value, [f.name for f in fields if f.repr and f.name not in hidden])


def _attrs_fields(value: Any) -> Iterable[tuple[str, object]]:  # noqa: ANN401 - any class
    fields = type(value).__attrs_attrs__
    return _fields(value, [field.name for field in fields if field.repr is True])


def _model_fields(value: BaseModel) -> Iterable[tuple[str, object]]:
    fields = type(value).model_fields.items()
    shown = _fields(value, [name for name, field in fields if field.repr and not field.exclude])
    return chain(shown, (value.__pydantic_extra__ or {}).items())


def _memory(value: memoryview, part: slice) -> bytes:
    view = value.cast("B") if value.c_contiguous and value.nbytes else value
    return view[part].tobytes()[part]  # `tobytes` alone would copy all of it


_SCALAR, _BYTES, _OBJECT, _ARRAY, _SET, _INNER, _OTHER = range(7)

_FORMS: Final[tuple[tuple[type, int, _Read], ...]] = (
    # Base class, form, how it is read. The first row that fits decides.
    (str, _SCALAR, lambda text: text),
    (MultiDict, _OBJECT, methodcaller("lists")),  # its `items` has the first value of each key
    (dict, _OBJECT, dict.items),
    (list, _ARRAY, list.__iter__),
    (tuple, _ARRAY, tuple.__iter__),
    (LocalProxy, _INNER, methodcaller("_get_current_object")),
    (enum.Enum, _INNER, attrgetter("value")),
    (type(None), _SCALAR, lambda none: none),  # these as they come out of an enum or a proxy
    (bool, _SCALAR, bool),
    (int, _SCALAR, int.__int__),
    (float, _SCALAR, float.__float__),
    (timedelta, _SCALAR, timedelta.total_seconds),
    *((kind, _SCALAR, methodcaller("isoformat")) for kind in (date, time)),  # a datetime is a date
    *((kind, _SCALAR, str) for kind in (UUID, Decimal, IPv4Address, IPv6Address, AnyUrl)),
    *((kind, _SCALAR, str) for kind in (complex, UserString)),
    (bytes, _BYTES, bytes.__getitem__),
    (bytearray, _BYTES, bytearray.__getitem__),
    (memoryview, _BYTES, _memory),
    (set, _SET, set.__iter__),
    (frozenset, _SET, frozenset.__iter__),
    (deque, _ARRAY, deque.__iter__),
    (RootModel, _INNER, attrgetter("root")),
    (BaseModel, _OBJECT, _model_fields),
    (Mapping, _OBJECT, methodcaller("items")),
    (AbstractSet, _SET, iter),
    *((kind, _ARRAY, iter) for kind in (Sequence, ValuesView)),
    (os.PathLike, _SCALAR, os.fsdecode),
    (numbers.Integral, _SCALAR, int),
    (numbers.Real, _SCALAR, float),
)


def _form(kind: type) -> tuple[int, _Read]:
    for base, form, read in _FORMS:
        if issubclass(kind, base):
            return form, read
    if isinstance(getattr(kind, "__dataclass_fields__", None), dict):
        return _OBJECT, _dataclass_fields
    if isinstance(getattr(kind, "__attrs_attrs__", None), tuple):
        return _OBJECT, _attrs_fields
    return _OTHER, repr


_EXACT: Final = {base: _form(base) for base, _, _ in _FORMS}
