"""Values that raise, lie or never end when they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from fractions import Fraction
from numbers import Integral, Real

from werkzeug.local import LocalProxy


class Fault(BaseException):
    """Not an Exception, like those that end tests, greenlets and tasks."""


def raising(error=Fault):
    """Return a function that takes anything and raises."""

    def method(*_args, **_kwargs):
        raise error

    return method


class Hostile:
    """Raises, whatever is done to it."""

    __repr__ = __str__ = __eq__ = __ne__ = __lt__ = __len__ = __iter__ = __bool__ = raising()
    __int__ = __float__ = __index__ = __getitem__ = __contains__ = __call__ = raising()
    __getattr__ = __getattribute__ = __format__ = __reduce_ex__ = __dir__ = __sizeof__ = raising()
    __class__ = property(raising())
    __hash__ = object.__hash__


def hostile(base, **more):
    """Return a subclass of `base` all of whose methods raise."""
    names = ("__repr__", "__str__", "__len__", "__iter__", "__getitem__", "__contains__", "__eq__")
    names += ("__lt__", "__le__", "__gt__", "__ge__", "__bool__")
    names += ("__int__", "__float__", "__index__")
    names += ("__getattribute__", "__format__", "__add__", "__mod__", "__abs__", "__neg__")
    names += ("items", "keys", "values", "get", "copy", "encode", "isascii", "replace", "decode")
    names += ("bit_length", "isoformat", "total_seconds", "strftime", "utcoffset", "model_dump")
    methods = {name: raising() for name in names}
    methods |= {"__hash__": object.__hash__, "__class__": property(raising())}
    methods |= {name: raising() for name in getattr(base, "__abstractmethods__", ())}
    return type(f"Hostile{base.__name__.title()}", (base,), methods | more)


def released():
    view = memoryview(b"a")
    view.release()
    return view


RAISING = {
    "object": Hostile(),
    "object of another class": hostile(object)(),
    "mapping": hostile(Mapping)(),
    "sequence": hostile(Sequence)(),
    "set": hostile(AbstractSet)(),
    "exception": hostile(Exception)(),
    "integer of another library": hostile(Integral)(),
    "float of another library": hostile(Real)(),
    "proxy to nothing": LocalProxy(raising()),
    "memoryview that is released": released(),
    "Fraction beyond float": Fraction(10**400),
}


def endless(*_args):
    number = 0
    while True:
        yield number
        number += 1
