"""The fields of dataclasses, attrs objects and pydantic models, read where the object keeps them.

No property runs, and no ORM asks a database. A field that is kept out of the repr, or out of
pydantic's own output, is not meant for a disk either, and is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from types import SimpleNamespace
from typing import Any, Final, TypeAlias, cast

from flask_chest.encode.limits import MAX_ITEMS
from flask_chest.encode.storage import (
    MISSING,
    class_attribute,
    has_base,
    own_attributes,
    required,
    stored,
)

Fields: TypeAlias = Iterable[tuple[str, object]]

_MOST: Final = 2 * MAX_ITEMS
_CREDENTIALS: Final = ("access_key", "secret_key", "token", "account_id", "method")


def is_dataclass(kind: type) -> bool:
    """Return whether `kind` is a dataclass, and not a class that has every attribute."""
    return type(class_attribute(kind, "__dataclass_fields__")) is dict


def is_attrs_class(kind: type) -> bool:
    """Return whether `kind` is made by attrs, and not a class that has every attribute."""
    found = class_attribute(kind, "__attrs_attrs__")
    return has_base(type(found), tuple)


def dataclass_fields(value: object) -> Fields:
    """Return the fields of a dataclass, also of one that pydantic has made."""
    kind = type(value)
    hidden = {name for name, field in _pydantic_fields(kind) if stored(field, "exclude") is True}
    # `dataclasses.fields` asks its argument for this attribute, and the class may have a metaclass.
    found = cast("dict[str, object]", class_attribute(kind, "__dataclass_fields__"))
    found = {
        name: field
        for name, field in islice(found.items(), _MOST)
        if type(field) is dataclasses.Field
    }
    known = SimpleNamespace(__dataclass_fields__=found)
    names = [field.name for field in dataclasses.fields(known) if field.repr is True]  # type: ignore[arg-type] # it takes what has the attribute
    return _read(value, [name for name in names if name not in hidden])


def attrs_fields(value: object) -> Fields:
    """Return the fields of an object whose class attrs has made."""
    fields = cast("tuple[Any, ...]", class_attribute(type(value), "__attrs_attrs__"))
    shown = [field for field in tuple.__iter__(fields) if stored(field, "repr") is True]
    return _read(value, [stored(field, "name") for field in shown])


def model_fields(value: object) -> Fields:
    """Return the fields of a pydantic model, and its extra ones."""
    names = [
        name
        for name, field in _pydantic_fields(type(value))
        if stored(field, "repr") is True and stored(field, "exclude") is not True
    ]
    extra = stored(value, "__pydantic_extra__")
    more = dict.items(cast("dict[str, object]", extra)) if has_base(type(extra), dict) else ()
    return chain(_read(value, names), more)


def has_named_fields(kind: type) -> bool:
    """Return whether `kind` names its fields in `_fields`, as nodes of trees and rows do."""
    found = class_attribute(kind, "_fields")
    return type(found) is tuple and bool(found) and all(type(name) is str for name in found)


def named_fields(value: object) -> Fields:
    """Return the fields that `_fields` names, where they are attributes of the object itself.

    Raises:
        LookupError: None is. They are kept elsewhere, and a `repr` may have them without names.
    """
    names = cast("tuple[str, ...]", class_attribute(type(value), "_fields"))
    found = list(_read(value, names))
    if not found:
        raise LookupError
    return found


def root(value: object) -> object:
    """Return what a `RootModel` holds."""
    return required(value, "root")


def namespace_fields(value: object) -> Fields:
    """Return the attributes of a `SimpleNamespace` or an `argparse.Namespace`."""
    return dict.items(own_attributes(value))


def credentials_fields(value: object) -> Fields:
    """Return the fields of botocore's credentials. Those that can be refreshed are not."""
    for name in _CREDENTIALS:
        for place in (name, f"_{name}"):
            found = stored(value, place)
            if found is not MISSING:
                yield name, found
                break


def _pydantic_fields(kind: type) -> Iterable[tuple[str, object]]:
    for name in ("__pydantic_fields__", "model_fields"):  # the second one before pydantic 2.10
        found = class_attribute(kind, name)
        if type(found) is dict:
            return [(key, field) for key, field in found.items() if type(key) is str]
    return ()


def _read(value: object, names: Iterable[object]) -> Iterator[tuple[str, object]]:
    for name in names:
        if type(name) is str:
            found = stored(value, name)
            if found is not MISSING:
                yield name, found
