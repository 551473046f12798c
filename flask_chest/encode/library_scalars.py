"""Scalars of numpy and pandas, read as the Python values that they stand for.

Neither library is imported: a value of its types is there only after the application imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final, TypeAlias

_Read: TypeAlias = Callable[[Any], object]


def reader(kind: type) -> _Read | None:
    """Return what reads scalars of the type `kind`; None for types that need no help.

    `numpy.float64` and `pandas.Timestamp`, for example, are Python's own types already.
    """
    return _numpy_reader(kind) or _pandas_reader(kind)


def plain(value: object) -> object:
    """Return a bool, a number or nothing of numpy or pandas as Python's own; others as they are."""
    read = reader(type(value))
    if read is None:
        generic = getattr(sys.modules.get("numpy"), "number", None)
        if not isinstance(generic, type) or not issubclass(type(value), generic):
            return value
        read = _item
    found = read(value)
    return found if found is None or type(found) in {bool, int, float} else value


def _item(value: Any) -> object:  # noqa: ANN401 - a scalar of numpy
    return value.item()


def _nothing(_value: object) -> None:
    return None


def _numpy_reader(kind: type) -> _Read | None:
    numpy = sys.modules.get("numpy")
    generic = getattr(numpy, "generic", None)
    if not isinstance(generic, type) or not issubclass(kind, generic):
        return None
    for name, read in _OF_NUMPY.items():
        if issubclass(kind, getattr(numpy, name, ())):
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
        found = getattr(pandas, name, None)
        if isinstance(found, type) and issubclass(kind, found):
            return str
    return None


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
    "bool_": bool,
    "timedelta64": _seconds,
    "datetime64": _moment,
}
