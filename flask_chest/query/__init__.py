"""The language of questions: read here, compiled by each store, and evaluated for reference.

Its modules are imported when they are first used. Most processes of an application never ask a
question, and every process imports the package.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

from flask_chest.errors import FilterError

if TYPE_CHECKING:
    from flask_chest.query.filter import Filter, started_before
    from flask_chest.query.fold import place_of, select, tally
    from flask_chest.query.parser import parse
    from flask_chest.query.questions import Order, Place, Selection, Spread, Sums, Tally, TallyRow
    from flask_chest.query.times import distance, moment

__all__ = [
    "Filter",
    "FilterError",
    "Order",
    "Place",
    "Selection",
    "Spread",
    "Sums",
    "Tally",
    "TallyRow",
    "distance",
    "moment",
    "parse",
    "place_of",
    "select",
    "started_before",
    "tally",
]

_MODULES: Final = {
    "Filter": "filter",
    "started_before": "filter",
    "place_of": "fold",
    "select": "fold",
    "tally": "fold",
    "parse": "parser",
    "Order": "questions",
    "Place": "questions",
    "Selection": "questions",
    "Spread": "questions",
    "Sums": "questions",
    "Tally": "questions",
    "TallyRow": "questions",
    "distance": "times",
    "moment": "times",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any attribute; PEP 562
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
