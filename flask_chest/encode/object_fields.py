"""The fields of dataclasses, attrs objects and pydantic models, read where the object keeps them.

No property runs, and no ORM asks a database. A field that is kept out of the repr, or out of
pydantic's own output, is not meant for a disk either, and is left out.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from itertools import chain
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from flask_chest.encode.fast_path import is_json_scalar

if TYPE_CHECKING:
    from pydantic import BaseModel

Fields: TypeAlias = Iterable[tuple[str, object]]

_MISSING: Final = object()


def is_dataclass(kind: type) -> bool:
    """Return whether `kind` is a dataclass, and not a class that has every attribute."""
    return isinstance(getattr(kind, "__dataclass_fields__", None), dict)


def is_attrs_class(kind: type) -> bool:
    """Return whether `kind` is made by attrs, and not a class that has every attribute."""
    return isinstance(getattr(kind, "__attrs_attrs__", None), tuple)


def dataclass_fields(value: Any) -> Fields:  # noqa: ANN401 - any class
    """Return the fields of a dataclass, also of one that pydantic has made."""
    pydantic = getattr(type(value), "__pydantic_fields__", {})
    hidden = [name for name, field in pydantic.items() if field.exclude]
    fields = dataclasses.fields(type(value))
    return _read(value, [f.name for f in fields if f.repr and f.name not in hidden])


def attrs_fields(value: Any) -> Fields:  # noqa: ANN401 - any class
    """Return the fields of an object whose class attrs has made."""
    fields = type(value).__attrs_attrs__
    return _read(value, [field.name for field in fields if field.repr is True])


def model_fields(value: BaseModel) -> Fields:
    """Return the fields of a pydantic model, and its extra ones."""
    fields = type(value).model_fields.items()
    shown = _read(value, [name for name, field in fields if field.repr and not field.exclude])
    return chain(shown, (value.__pydantic_extra__ or {}).items())


def _read(value: object, names: Iterable[str]) -> Iterator[tuple[str, object]]:
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
            if not is_json_scalar(found):  # the default that a class has for its instances may be
                continue
        yield name, found
