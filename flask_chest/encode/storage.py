"""Reads objects and classes where Python stores them, so that none of their own code runs.

`getattr(value, name)` may run a property, a `__getattr__` or a lazy load of an ORM. `issubclass`
and a lookup by type may run a metaclass. What is here runs none of them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final, cast

from flask_chest.encode.fast_path import is_json_scalar

MISSING: Final = object()

# A metaclass may override each of these attributes of a class, but not what `type` itself reads.
_OF_TYPE: Final[Mapping[str, Any]] = type.__dict__
_MRO: Final = _OF_TYPE["__mro__"].__get__
_NAMESPACE: Final = _OF_TYPE["__dict__"].__get__
_MODULE: Final = _OF_TYPE["__module__"].__get__
_QUALIFIED_NAME: Final = _OF_TYPE["__qualname__"].__get__
_LAYOUT: Final = _OF_TYPE["__base__"].__get__


def bases(kind: type) -> tuple[type, ...]:
    """Return a class and its base classes, in the order in which Python looks at them."""
    return cast("tuple[type, ...]", _MRO(kind))


def has_base(kind: type, base: object) -> bool:
    """Return whether `base` is `kind` or a base class of it. No ABC is asked for its opinion."""
    return any(each is base for each in bases(kind))


def has_layout(kind: type, base: type) -> bool:
    """Return whether the slots of `base` are where they are in its own instances.

    asyncpg's `UUID` has Python's `UUID` among its base classes, and not its slots: to read one
    would crash the process.
    """
    layout: type | None = kind
    while layout is not None:
        if layout is base:
            return True
        layout = _LAYOUT(layout)
    return False


def class_attribute(kind: type, name: str) -> object:
    """Return an attribute of a class as its body has it, `MISSING` if there is none."""
    for base in bases(kind):
        found = _NAMESPACE(base).get(name, MISSING)
        if found is not MISSING:
            return cast("object", found)
    return MISSING


def is_at(kind: type, module: str, name: str) -> bool:
    """Return whether `kind` is the class of that name in a module that is imported."""
    return getattr(sys.modules.get(module), name, None) is kind


def address(kind: type) -> tuple[str, str] | None:
    """Return the module and the name that a class states; None when they are not plain texts."""
    found = module_of(kind), _QUALIFIED_NAME(kind)
    return found if type(found[1]) is str and found[0] else None


def module_of(kind: type) -> str:
    """Return the name of the module that a class states; empty when it states none."""
    try:
        found = _MODULE(kind)
    except AttributeError:
        return ""
    return found if type(found) is str else ""


def own_attributes(value: object) -> dict[Any, Any]:
    """Return the `__dict__` of an object, also when its class has another idea of it."""
    for base in bases(type(value)):
        getter = _NAMESPACE(base).get("__dict__")
        if type(getter) is GetSetDescriptorType or type(getter) is MemberDescriptorType:
            found = getter.__get__(value)
            return found if has_base(type(found), dict) else {}
    return {}


def stored(value: object, name: str) -> object:
    """Return a field as an object, its slot or its class stores it; `MISSING` if none does.

    Of a class, only a short scalar counts: the default that it has for its instances may be
    anything else, and a descriptor.
    """
    found = dict.get(own_attributes(value), name, MISSING)
    if found is not MISSING:
        return found
    found = class_attribute(type(value), name)
    if type(found) is MemberDescriptorType:
        try:
            return cast("object", found.__get__(value))
        except AttributeError:  # a slot that was never set
            return MISSING
    return found if is_json_scalar(found) else MISSING


def required(value: object, name: str) -> Any:  # noqa: ANN401 - any field
    """Return a field as `stored` does.

    Raises:
        AttributeError: The field is stored nowhere.
    """
    found = stored(value, name)
    if found is MISSING:
        raise AttributeError(name)
    return found
