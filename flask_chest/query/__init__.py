"""The language of filters: read here, compiled by each store, and evaluated for reference.

Its modules are imported when they are first used. Most processes of an application never read a
filter, and every process imports the package.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

from flask_chest.errors import FilterError

if TYPE_CHECKING:
    from flask_chest.query.filter import Filter, started_before
    from flask_chest.query.parser import parse
    from flask_chest.query.times import distance, moment

__all__ = ["Filter", "FilterError", "distance", "moment", "parse", "started_before"]

_MODULES: Final = {
    "Filter": "filter",
    "distance": "times",
    "moment": "times",
    "parse": "parser",
    "started_before": "filter",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any attribute; PEP 562
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
