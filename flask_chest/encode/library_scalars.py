"""Scalars of numpy and pandas, read as the Python values that they stand for.

Neither library is imported: a value of its types is there only after the application imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final, TypeAlias, cast

from flask_chest.encode.moments import datetime_text, is_known_zone
from flask_chest.encode.storage import address, has_base, is_at

_Read: TypeAlias = Callable[[Any], object]


def reader(kind: type) -> _Read | None:
    """Return what reads scalars of the type `kind`; None for types that need no help.

    Only the libraries' own classes are read so. `numpy.float64` and `numpy.str_` are Python's own
    types besides, and their subclasses are read as those.
    """
    return _numpy_reader(kind) or _pandas_reader(kind)


def plain(value: object) -> object:
    """Return a bool, a number or nothing of numpy or pandas as Python's own; others as they are."""
    read = reader(type(value))
    if read is None:
        return value
    found = read(value)
    return found if found is None or type(found) in {bool, int, float} else value


def _nothing(_value: object) -> None:
    return None


def _numpy_reader(kind: type) -> _Read | None:
    numpy = sys.modules.get("numpy")
    if numpy is None or not has_base(kind, getattr(numpy, "generic", None)):
        return None
    place = address(kind)
    if place is None or place[0] != "numpy" or not is_at(kind, *place):
        return None  # a subclass of the application: numpy itself would ask it
    for name, read in _OF_NUMPY.items():
        if has_base(kind, getattr(numpy, name)):
            return read
    return None


def _pandas_reader(kind: type) -> _Read | None:
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return None
    for name in ("NaT", "NA"):
        if kind is type(getattr(pandas, name, None)):
            return _nothing
    for name in ("Period", "Interval"):
        if kind is getattr(pandas, name, None):
            return str
    return _timestamp if kind is getattr(pandas, "Timestamp", None) else None


def _number(value: Any) -> object:  # noqa: ANN401 - a scalar of numpy
    found = value.item()
    if type(found) in {bool, int, float}:
        return found
    # Python has no `longdouble`: there an item of numpy is what it was.
    is_complex = has_base(type(value), sys.modules["numpy"].complexfloating)
    return repr(complex(found)) if is_complex else float(found)


def _timestamp(value: Any) -> str:  # noqa: ANN401 - a pandas.Timestamp
    if value.tzinfo is None or is_known_zone(value.tzinfo):
        return cast("str", value.isoformat())  # with nanoseconds, which a datetime has not
    return datetime_text(value)


def _seconds(value: Any) -> object:  # noqa: ANN401 - a numpy.timedelta64
    if value != value:  # noqa: PLR0124 - NaT equals nothing
        return None
    try:
        return float(value / type(value)(1, "s"))
    except TypeError:
        return str(value)  # months and years have no length in seconds


def _moment(value: Any) -> object:  # noqa: ANN401 - a numpy.datetime64
    item = value.item()  # None for NaT; a number where Python has no such date or fraction
    if item is None:
        return None
    if isinstance(item, (date, datetime)):
        return item.isoformat()
    # As `isoformat` does: without a fraction of zero, and with microseconds where they suffice.
    moment, _, fraction = str(value).partition(".")
    if fraction[6:].strip("0"):
        return f"{moment}.{fraction}"
    return f"{moment}.{fraction[:6].ljust(6, '0')}" if fraction.strip("0") else moment


_OF_NUMPY: Final[dict[str, _Read]] = {
    "timedelta64": _seconds,  # a number to numpy
    "datetime64": _moment,
    "bool_": _number,
    "number": _number,
}
