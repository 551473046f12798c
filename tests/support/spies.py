"""Classes whose every method notes that it was called, and raises."""

from __future__ import annotations

import contextlib

from support.hostile_values import Fault

CALLS: list[str] = []
"""What was called of any spy."""
_ARMED: list[bool] = []

_METHODS = (
    *("__getattribute__", "__getattr__", "__repr__", "__str__", "__format__", "__bytes__"),
    *("__hash__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__"),
    *("__len__", "__length_hint__", "__iter__", "__next__", "__reversed__", "__contains__"),
    *("__getitem__", "__missing__", "__call__", "__get__", "__set__", "__dir__", "__sizeof__"),
    *("__int__", "__index__", "__float__", "__complex__", "__abs__", "__neg__", "__round__"),
    *("__add__", "__radd__", "__sub__", "__mul__", "__truediv__", "__mod__", "__and__", "__or__"),
    *("__fspath__", "__buffer__", "__reduce__", "__reduce_ex__", "__copy__", "__getstate__"),
    *("items", "keys", "values", "get", "lists", "copy", "index", "count", "pop", "to_wsgi_list"),
    *("isoformat", "utcoffset", "tzname", "dst", "replace", "total_seconds", "date", "timetz"),
    *("timestamp", "astimezone", "encode", "decode", "isascii", "strip", "casefold", "hex"),
    *("bit_length", "as_integer_ratio", "item", "tolist", "tobytes", "as_posix", "geturl"),
    *("_asdict", "_replace", "model_dump", "dict", "json", "get_all", "_get_current_object"),
)
_PROPERTIES = (
    *("__class__", "value", "name", "year", "hour", "tzinfo", "int", "parts", "drive", "root"),
    *("numerator", "denominator", "real", "imag", "data", "maps", "dicts", "environ", "_list"),
    *("_headers", "_store", "_sections", "model_fields_set", "token", "parameters", "_mapping"),
    *("access_key", "secret_key", "username", "password"),
)
_OF_CLASS = (
    *("__getattribute__", "__getattr__", "__hash__", "__eq__", "__repr__", "__len__", "__iter__"),
    *("__instancecheck__", "__subclasscheck__", "__call__", "__dir__", "__contains__"),
)


def noting(name):
    """Return a method that notes its call, and raises."""

    def method(*_args, **_kwargs):
        CALLS.append(name)
        raise Fault

    return method


def noting_of_class(name):
    """Return a method of a metaclass that notes its call and raises while `asked_only` is on.

    At other times it is that of `type`: others in this process ask ABCs, and those ask all
    subclasses they have.
    """

    def method(kind, *args, **kwargs):
        if not _ARMED:
            return getattr(type, name)(kind, *args, **kwargs)
        CALLS.append(f"{name} of the class")
        raise Fault

    return method


def noting_hook():
    """Return a `__subclasshook__` that notes its call and raises while `asked_only` is on."""

    def hook(_kind, _subclass):
        if not _ARMED:
            return NotImplemented
        CALLS.append("__subclasshook__")
        raise Fault

    return classmethod(hook)


@contextlib.contextmanager
def asked_only(*calls):
    """Fail when anything else is asked of a spy than `calls`, in their order."""
    CALLS.clear()
    _ARMED.append(True)
    try:
        yield
    finally:
        _ARMED.clear()
    assert tuple(CALLS) == calls


def spy(base, **more):
    """Return a subclass of `base` that notes what is asked of its instances, or of itself."""
    members = {name: noting(name) for name in _METHODS}
    members |= {name: property(noting(name)) for name in _PROPERTIES if name not in more}
    members |= {name: noting(name) for name in getattr(base, "__abstractmethods__", ())}
    members["__subclasshook__"] = noting_hook()
    of_class = {name: noting_of_class(name) for name in _OF_CLASS if hasattr(type, name)}
    of_class["__getattr__"] = noting_of_class("__getattribute__")
    meta = type("Meta", (type(base),), of_class)
    return type.__new__(meta, f"Spy{base.__name__.title()}", (base,), members | more)


def stateful(plain, **more):
    """Return an instance of a spy that stores what `plain` stores."""
    base = type(plain)
    kind = spy(base, **dict.fromkeys(vars(plain), None) | more)
    for built_in in (dict, list, object):
        if issubclass(base, built_in):
            twin = built_in.__new__(kind)
            break
    if built_in is not object:
        fill = dict.update if built_in is dict else list.extend
        fill(twin, list(dict.items(plain)) if built_in is dict else plain)
    for name, value in vars(plain).items():
        object.__setattr__(twin, name, value)
    return twin
