"""The value rules: what a variable becomes in JSON, for every value there is.

What databases refuse is made safe here, once, and not in each backend: NUL and lone surrogates,
NaN and infinities, integers beyond 64 bits, keys that are not strings, cycles, depth, size, and
objects that raise or lie when they are looked at. docs/reference/values.md has the rules.

A value is judged by `type(value)`, which it cannot fake as it can `__class__`. Built-in types are
read by their own methods, whatever a subclass overrides. An iterator is never advanced: it belongs
to the application.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

from pydantic_core import to_json

from flask_chest.encode.converters import Unwrap, converter, length
from flask_chest.encode.fast_path import flat_copy, is_json_scalar
from flask_chest.encode.library_scalars import plain
from flask_chest.encode.limits import (
    MAX_DEPTH,
    MAX_INTEGER_BITS,
    MAX_ITEMS,
    MAX_KEY,
    MAX_SHORT,
    MAX_TEXT,
    MAX_VARIABLE,
    MIN_TEXT,
    VALUE_COST,
)
from flask_chest.encode.pairs import (
    are_numbers,
    is_count,
    is_plain_word,
    is_secret_argument,
    key_of,
    value_fields,
    values_of_pair,
)
from flask_chest.encode.text import clean_text, unique_key
from flask_chest.record import JsonValue
from flask_chest.redaction import (
    DROPPED,
    MAX_NUMBER,
    PLAIN,
    SEARCH_STEPS,
    VALUE_STEPS,
    WEAK,
    Budget,
    Redactor,
)

_Read: TypeAlias = Callable[[Any], Iterable[Any]]
# By their IDs: a look-up of a class may run its metaclass.
_FLAT: Final = frozenset(map(id, (dict, list, tuple)))
_SHORT: Final = frozenset(
    map(id, (int, float, bool, type(None), date, datetime, time, timedelta, UUID, Decimal))
)
_BEYOND: Final = 384
_CONTAINER_STEPS: Final = 40  # besides those of a value
_NAME: Final = type.__dict__["__name__"]  # a metaclass may have a `__name__` of its own


class NotData(Exception):
    """The value is not data, and only a repr would be possible."""


def to_data(
    value: object, verdict: int, room: int, redact: Redactor, budget: Budget, *, named: bool
) -> tuple[object, int]:
    """Return the JSON form of any value, without secrets, and the room that it takes.

    Args:
        value: What the route put on `flask.g`.
        verdict: What the redactor says of its name.
        room: Characters that are left in the record.
        redact: Takes out secrets, at every depth.
        budget: What the record may still cost.
        named: The variable was asked for by its own name, so a bounded repr is better than
            nothing. An object that only a pattern caught is never asked for a repr.

    Returns:
        `DROPPED` instead of the form, for a secret that is to leave no trace.

    Raises:
        NotData: A repr would be needed, or the value raises when read, and `named` is false.
            Nothing else is raised.
    """
    if budget.steps < 0:
        if id(type(value)) in _FLAT:
            form = f"…[cut, {_type_name(value)} of {_size(value)}]"
            return form, len(form)
        if type(value) is str and len(value) > MIN_TEXT:
            form = f"…[cut, {len(value)} characters]"
            return form, len(form)
    room = min(room, MAX_VARIABLE)
    conversion = Conversion(room, redact, budget, named=named)
    return conversion.convert_keyed(verdict, value, 0), room - conversion.room


def is_short(value: object) -> bool:
    """Return whether the conversion of a value certainly takes little."""
    kind = type(value)
    if kind is str or kind is bytes:
        return len(cast("str", value)) <= MAX_SHORT
    return id(kind) in _SHORT


class Conversion:
    """The conversion of one variable.

    Args:
        room: Characters that the JSON form may have; what is left of it is the attribute `room`.
        redact: Takes out secrets.
        budget: What the record may still cost. Where it ends, the rest is cut.
        named: Whether the variable was asked for by its own name.
    """

    def __init__(self, room: int, redact: Redactor, budget: Budget, *, named: bool) -> None:
        self.room = room
        self._redact = redact
        self._budget = budget
        self._named = named
        self._path: set[int] = set()  # IDs of the containers that are being converted

    def convert_keyed(self, verdict: int, value: object, depth: int, key: str = "") -> object:
        """Return the JSON form of a value, or its substitute when its key is a secret one."""
        if verdict != PLAIN:
            value = plain(value)  # a count or a bool of numpy is no secret either
        if not self._redact.is_secret(verdict, value) or (
            verdict == WEAK and (are_numbers(value) or is_count(key, value))
        ):
            return self.convert(value, depth)
        self.room -= VALUE_COST
        self._budget.steps -= VALUE_STEPS
        self._budget.mask(key)
        if type(value) is str or not self._redact.needs_value:
            return self._redact.instead(cast("JsonValue", value))
        return self._redact.instead(self.convert(value, depth))

    def convert(self, value: object, depth: int) -> JsonValue:
        """Return the JSON form of a value, without secrets."""
        self.room -= VALUE_COST
        self._budget.steps -= VALUE_STEPS
        kind = type(value)
        try:
            if kind is str and self._redact.is_harmless(cast("str", value), self._budget):
                return self._counted(cast("str", value))
            if id(kind) in _FLAT and depth < MAX_DEPTH and not self._is_spent():
                known = flat_copy(value, self._redact, self._budget)
                if known is not None and known[1] - VALUE_COST <= self.room:
                    self.room -= known[1] - VALUE_COST
                    self._budget.steps -= known[1]
                    return known[0]
            if is_json_scalar(value) and type(value) is not str:
                return self._redact.number(value, self._budget)  # type: ignore[arg-type] # a number
            return self._by_type(value, depth)
        except (NotData, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it raises, capture goes on
            if depth == 0 and not self._named:
                raise NotData from None
            return self._counted(f"<{_type_name(value)}: {_type_name(error)} while read>")

    def _by_type(self, value: object, depth: int) -> JsonValue:
        for _ in range(MAX_DEPTH):  # a proxy may lead to a proxy
            convert = converter(type(value))
            if not isinstance(convert, Unwrap):
                break
            value = convert.read(value)
        else:
            raise RecursionError
        if convert is not None:
            return convert(self, value, depth)
        if depth == 0 and not self._named:
            raise NotData
        return self._text(repr(value) if self._named else f"<{_type_name(value)}>")

    def _text(self, text: str) -> str:
        self._budget.steps -= SEARCH_STEPS
        return self._counted(clean_text(text, self._max_text(), self._redact, self._budget))

    def _max_text(self) -> int:
        return min(MAX_TEXT, max(self.room, MIN_TEXT))

    def _counted(self, text: str) -> str:
        """Return `text` as it is, and take its length from the room, also where there is none."""
        self.room -= len(text)
        return text

    # -- What the converters call --------------------------------------------------------------

    def scalar(self, value: object) -> JsonValue:
        """Return the JSON form of a text or number of any size."""
        if is_json_scalar(value) and type(value) is not str:
            return self._redact.number(value, self._budget)  # type: ignore[arg-type] # a number
        if type(value) is float:
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        if type(value) is int:
            bits = value.bit_length()
            if bits > 4 * MAX_TEXT:
                return self._counted(f"…[cut, {bits} bits]")
            value = str(value) if bits <= MAX_INTEGER_BITS else hex(value)
        return self._text(cast("str", value))

    def binary(self, value: object, part: Callable[[Any, slice], bytes]) -> str:
        """Return bytes as base64, or as a text when a secret is in it.

        Args:
            value: The bytes.
            part: Returns a slice of them, so that no more is copied than what is kept.
        """
        size = value.nbytes if type(value) is memoryview else length(value) or 0
        limit = self._max_text()
        mark = f"…[cut, {size} bytes]" if size > limit // 4 * 3 else ""
        kept = (limit - len(mark)) // 4 * 3
        # A little more than is kept, so that a secret which the cut splits is seen.
        start = part(value, slice(kept + _BEYOND))
        text = start.decode("utf-8", "replace")
        if self._redact.is_harmless(text, self._budget):
            return self._counted(base64.b64encode(start[:kept]).decode("ascii") + mark)
        if self._redact.text(text, self._budget) is not text:
            # A secret, or the end of the budget; in both cases what was looked at is a text.
            return self._text(text)
        return self._counted(base64.b64encode(start[:kept]).decode("ascii") + mark)

    def array(self, value: object, items: _Read, depth: int) -> JsonValue:
        """Return the items of a sequence as a list."""
        return self._container(value, items, depth, self._array)

    def sorted_array(self, value: object, items: _Read, depth: int) -> JsonValue:
        """Return the items of a set as a list, in an order that does not depend on their hashes."""
        return self._container(value, items, depth, self._sorted_array)

    def mapping(self, value: object, pairs: _Read, depth: int) -> JsonValue:
        """Return pairs of key and value as a dict."""
        return self._container(value, pairs, depth, self._mapping)

    # -- Containers ----------------------------------------------------------------------------

    def _container(
        self,
        value: object,
        read: _Read,
        depth: int,
        convert: Callable[[list[Any], str, int], JsonValue],
    ) -> JsonValue:
        if id(value) in self._path:
            return self._counted(f"…[cycle, {_type_name(value)}]")
        if depth == MAX_DEPTH or self._is_spent():
            return self._counted(f"…[cut, {_type_name(value)} of {_size(value)}]")
        self._budget.steps -= _CONTAINER_STEPS
        self._path.add(id(value))
        try:
            items = snapshot(value, read, MAX_ITEMS + 1)
            size = f"{len(items)} items" if len(items) <= MAX_ITEMS else _size(value)
            return convert(items, f"[cut, {size}]", depth + 1)
        finally:
            self._path.discard(id(value))

    def _is_spent(self) -> bool:
        return self.room <= 0 or self._budget.steps < 0

    def _mapping(self, pairs: list[Any], mark: str, depth: int) -> dict[str, JsonValue]:
        result: dict[str, JsonValue] = {}
        repeats: dict[str, int] = {}
        redact, budget = self._redact, self._budget
        is_cut = len(pairs) > MAX_ITEMS
        fields, verdict_of_fields = value_fields(pairs, redact, budget)
        for key, item in pairs[:MAX_ITEMS]:
            if self._is_spent():
                is_cut = True
                break
            text = str(key) if type(key) is int and 0 <= key < MAX_NUMBER else key_of(key)
            if text is None:
                converted = self.convert(key, depth)
                text = converted if isinstance(converted, str) else to_json(converted).decode()
            verdict = PLAIN if text.isdigit() else redact.verdict(text, budget)
            if text in fields:
                verdict = max(verdict, verdict_of_fields)
            if text in result or not redact.is_harmless(text, budget):
                text = unique_key(text, result, repeats, redact, budget)
            self.room -= len(text)
            form = self.convert_keyed(verdict, item, depth, text)
            if form is not DROPPED:
                result[text] = cast("JsonValue", form)
        if is_cut:
            result[unique_key("…", result, repeats)] = self._counted(mark)
        return result

    def _array(self, items: list[Any], mark: str, depth: int) -> list[JsonValue]:
        key, verdict = values_of_pair(items, self._redact, self._budget)
        if verdict != PLAIN:
            name = clean_text(key, MAX_KEY, self._redact, self._budget)
            forms = [
                self.convert(item, depth)
                if is_plain_word(items, item)
                else self.convert_keyed(verdict, item, depth, name)
                for item in items[1:]
            ]
            kept = [cast("JsonValue", form) for form in forms if form is not DROPPED]
            return [self._text(key), *kept]
        return self._marked(self._items(items, depth), items, mark)

    def _sorted_array(self, items: list[Any], mark: str, depth: int) -> list[JsonValue]:
        result: list[Any] = self._items(items, depth)
        try:  # by what was made of the items, and not by their own comparison
            result.sort()
        except TypeError:
            result.sort(key=to_json)
        return self._marked(result, items, mark)

    def _items(self, items: list[Any], depth: int) -> list[JsonValue]:
        result: list[JsonValue] = []
        for index, item in enumerate(items[:MAX_ITEMS]):
            if self._is_spent():
                break
            if is_secret_argument(items, index, self._redact, self._budget):
                self._budget.mask()
                hidden = self._redact.instead(cast("str", item))
                result.append(None if hidden is DROPPED else cast("JsonValue", hidden))
            else:
                result.append(self.convert(item, depth))
        return result

    def _marked(self, result: list[JsonValue], items: list[Any], mark: str) -> list[JsonValue]:
        """Return `result` with a mark at its end where it lacks some of the items."""
        if len(result) < len(items):
            result.append(self._counted(f"…{mark}"))
        return result


def _type_name(value: object) -> str:
    return clean_text(_NAME.__get__(type(value)), MAX_KEY)


def _size(value: object) -> str:
    known = length(value)
    return "unknown size" if known is None else f"{known} items"


def snapshot(value: object, read: _Read, limit: int) -> list[Any]:
    """Return the first items of a container that another thread may change."""
    for _ in range(5):
        try:
            return list(islice(read(value), limit))
        except RuntimeError:  # "changed size during iteration"
            continue
    raise RuntimeError
