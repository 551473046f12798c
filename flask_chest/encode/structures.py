"""Rows, headers, URLs and other structures, read with the names of their fields.

Without its name, no key says that a value is a password. Each is read where its class stores it, so
that a subclass of the application is asked nothing. Where that place is private to a library, its
own methods are called, and never those of a subclass.
"""

from __future__ import annotations

import gc
import os
import sys
from collections import UserDict, UserList, UserString
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, Final, TypeAlias
from urllib.parse import (
    DefragResult,
    DefragResultBytes,
    ParseResult,
    ParseResultBytes,
    SplitResult,
    SplitResultBytes,
    urlunparse,
    urlunsplit,
)

from werkzeug.datastructures import EnvironHeaders, MultiDict

from flask_chest.encode.limits import MAX_ITEMS
from flask_chest.encode.storage import bases, class_attribute, has_base, required, stored

Pairs: TypeAlias = Iterable[tuple[Any, Any]]

_MOST: Final = MAX_ITEMS + 1  # one more than is kept, so that a cut is seen


def _defragged(parts: list[Any]) -> Any:  # noqa: ANN401 - a text, or bytes
    url, fragment = parts
    mark: Any = b"#" if type(url) is bytes else "#"
    return mark.join(parts) if fragment else url


_URLS: Final[dict[int, Callable[[list[Any]], Any]]] = {
    **dict.fromkeys((id(SplitResult), id(SplitResultBytes)), urlunsplit),
    **dict.fromkeys((id(ParseResult), id(ParseResultBytes)), urlunparse),
    **dict.fromkeys((id(DefragResult), id(DefragResultBytes)), _defragged),
}
"""What makes one URL of the parts that `urllib.parse` gives, by the ID of their class."""


# -- Tuples with names ---------------------------------------------------------------------------


def field_names(value: tuple[Any, ...]) -> tuple[str, ...] | None:
    """Return the names of the fields of a named tuple; None for other tuples."""
    names = class_attribute(type(value), "_fields")
    if type(names) is not tuple or not names or len(names) != tuple.__len__(value):
        return None
    return names if all(type(name) is str for name in islice(names, _MOST)) else None


def url_text(value: tuple[Any, ...]) -> str | None:
    """Return a URL that `urlsplit` or its like took apart as one text; None for other tuples.

    A password is within its `netloc`, and is found only where the text reads as a URL.
    """
    join = next((_URLS[id(base)] for base in bases(type(value)) if id(base) in _URLS), None)
    if join is None:
        return None
    parts = list(tuple.__iter__(value))
    kinds = {id(type(part)) for part in parts}
    if kinds not in ({id(str)}, {id(bytes)}):
        return None
    url = join(parts)
    return url if type(url) is str else bytes.decode(url, "utf-8", "replace")


# -- Mappings of Python --------------------------------------------------------------------------


def proxied(value: object) -> object:
    """Return the mapping that a `MappingProxyType` stands for. Its own methods are not called."""
    return gc.get_referents(value)[0]


def data_of(value: UserDict[Any, Any] | UserList[Any] | UserString) -> object:
    """Return what a `UserDict`, `UserList` or `UserString` stores."""
    return required(value, "data")


def chained(value: object) -> Pairs:
    """Return the items of a `ChainMap`; of those with one key, the one that is found first."""
    known: set[str] = set()
    for key, item in islice(chain.from_iterable(map(_items, _list(value, "maps"))), 4 * _MOST):
        if type(key) is str:
            if key in known:
                continue
            known.add(key)
        yield key, item


def environment(value: object) -> Pairs:
    """Return the items of `os.environ`."""
    for name, text in _items(required(value, "_data")):
        yield os.fsdecode(name), os.fsdecode(text)


def cookies(value: object) -> Pairs:
    """Return names and values in a cookie jar of Python or requests, whatever their domains."""
    for paths in _values(required(value, "_cookies")):
        for names in _values(paths):
            for cookie in _values(names):
                yield stored(cookie, "name"), stored(cookie, "value")


def section(value: object) -> object:
    """Return a section of a `ConfigParser` as it was read, without interpolation."""
    parser, name = required(value, "_parser"), required(value, "_name")
    return dict.get(required(parser, "_sections"), name, required(parser, "_defaults"))


def sections(value: object) -> object:
    """Return all sections of a `ConfigParser` as they were read, without interpolation."""
    return required(value, "_sections")


# -- werkzeug ------------------------------------------------------------------------------------


def combined(value: object) -> Pairs:
    """Return the keys of a `CombinedMultiDict`, each with all its values."""
    merged: dict[str, list[Any]] = {}
    for each in _list(value, "dicts"):
        if has_base(type(each), MultiDict):
            for key, values in islice(dict.items(each), _MOST):
                if type(key) is str:
                    merged.setdefault(key, []).extend(islice(values, _MOST))
    return merged.items()


def environ_headers(value: object) -> Pairs:
    """Return the headers of a request, as `request.headers` has them."""
    environ = required(value, "environ")
    return EnvironHeaders(environ) if type(environ) is dict else ()


def headers(value: object, name: str = "_list") -> Pairs:
    """Return names and values of werkzeug's `Headers`."""
    return (each for each in _list(value, name) if type(each) is tuple)


def header_set(value: object) -> Iterator[Any]:
    """Return the items of werkzeug's `HeaderSet`."""
    return _list(value, "_headers")


def authorization(value: object) -> Pairs:
    """Return scheme, user and credentials of werkzeug's `Authorization`."""
    parameters, token = required(value, "parameters"), required(value, "token")
    yield "type", required(value, "type")
    if type(parameters) is dict and "username" in parameters:
        yield "username", parameters["username"]
    yield "authorization", parameters if token is None else token


# -- Other libraries -----------------------------------------------------------------------------


def message_headers(value: object) -> Pairs:
    """Return the headers of an HTTP response, as `http.client` and `urllib` have them."""
    return headers(value, "_headers")


def caseless(value: object) -> Pairs:
    """Return the items of requests' `CaseInsensitiveDict`."""
    return _values(required(value, "_store"))


def urllib3_headers(value: object) -> Pairs:
    """Return names and values of urllib3's `HTTPHeaderDict`."""
    for name, *texts in _values(required(value, "_container")):
        for text in texts:
            yield name, text


def httpx_headers(value: object) -> Pairs:
    """Return names and values of httpx's `Headers`."""
    for name, _, text in _list(value, "_list"):
        yield bytes.decode(name, "latin-1"), bytes.decode(text, "latin-1")


def index_row(value: list[Any]) -> Pairs:
    """Return columns and values of psycopg2's `DictRow`."""
    items = list(list.__iter__(value))
    return ((name, items[index]) for name, index in _items(required(value, "_index")))


def sqlite_row(value: object) -> Pairs:
    """Return columns and values of sqlite3's `Row`, or of a subclass."""
    row = sys.modules["sqlite3"].Row
    return _named(row.keys(value), row.__iter__(value))


def field_row(value: Any) -> Pairs:  # noqa: ANN401 - a class of a library
    """Return columns and values of SQLAlchemy's `Row`. They are all loaded already."""
    return _named(value._fields, value)


def row_mapping(value: Any) -> Pairs:  # noqa: ANN401 - a class of a library
    """Return columns and values of SQLAlchemy's `RowMapping`, also of columns with one name."""
    return _named(value.keys(), value.values())


def asyncpg_row(value: object) -> Pairs:
    """Return columns and values of asyncpg's `Record`, or of a subclass."""
    return sys.modules["asyncpg.protocol.record"].Record.items(value)  # type: ignore[no-any-return] # not typed


def _named(names: Iterable[str], values: Iterable[Any]) -> Pairs:
    """Return pairs; where a column has no name, all have their positions."""
    known, items = list(names), list(values)
    if len(known) != len(items):
        known = [str(position) for position in range(len(items))]
    return zip(known, items, strict=True)


def _list(value: object, name: str) -> Iterator[Any]:
    return list.__iter__(required(value, name))


def _items(value: Any) -> Pairs:  # noqa: ANN401 - a dict is walked, and nothing else
    return dict.items(value) if has_base(type(value), dict) else ()


def _values(value: Any) -> Iterable[Any]:  # noqa: ANN401 - a dict is walked, and nothing else
    return dict.values(value) if has_base(type(value), dict) else ()
