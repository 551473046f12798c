"""The language of questions: read here, compiled by each store, and evaluated for reference.

Its modules are imported when they are first used. Most processes of an application never ask a
question, and every process imports the package.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

from flask_chest.errors import FilterError

if TYPE_CHECKING:
    from flask_chest.query.arguments import (
        Chosen,
        both,
        chosen,
        condition_of,
        name,
        order,
        others_of,
        positive,
        two_sets,
    )
    from flask_chest.query.buckets import bucket_begin
    from flask_chest.query.comparing import differences, read_names, written
    from flask_chest.query.distinct import identity
    from flask_chest.query.filter import Filter, others_than, started_before
    from flask_chest.query.fold import place_of, select, tally
    from flask_chest.query.from_records import FromRecords
    from flask_chest.query.measured import rank
    from flask_chest.query.measuring import measure
    from flask_chest.query.mismatching import mismatches
    from flask_chest.query.nodes import (
        And,
        Compare,
        Exists,
        Field,
        IsNull,
        Node,
        OneOf,
        Operand,
        Or,
        TextMatch,
        Variable,
    )
    from flask_chest.query.paging import Reader, records
    from flask_chest.query.parser import parse
    from flask_chest.query.parts import Source
    from flask_chest.query.question import Question, read_question
    from flask_chest.query.questions import (
        LIST,
        OBJECT,
        Order,
        Place,
        Scalar,
        Selection,
        Spread,
        Sums,
        Tally,
        TallyRow,
    )
    from flask_chest.query.sheets import csv_line
    from flask_chest.query.times import distance, moment, utc
    from flask_chest.query.variables import variable_paths

__all__ = [
    "LIST",
    "OBJECT",
    "And",
    "Chosen",
    "Compare",
    "Exists",
    "Field",
    "Filter",
    "FilterError",
    "FromRecords",
    "IsNull",
    "Node",
    "OneOf",
    "Operand",
    "Or",
    "Order",
    "Place",
    "Question",
    "Reader",
    "Scalar",
    "Selection",
    "Source",
    "Spread",
    "Sums",
    "Tally",
    "TallyRow",
    "TextMatch",
    "Variable",
    "both",
    "bucket_begin",
    "chosen",
    "condition_of",
    "csv_line",
    "differences",
    "distance",
    "identity",
    "measure",
    "mismatches",
    "moment",
    "name",
    "order",
    "others_of",
    "others_than",
    "parse",
    "place_of",
    "positive",
    "rank",
    "read_names",
    "read_question",
    "records",
    "select",
    "started_before",
    "tally",
    "two_sets",
    "utc",
    "variable_paths",
    "written",
]

_MODULES: Final = {
    "Chosen": "arguments",
    "both": "arguments",
    "chosen": "arguments",
    "condition_of": "arguments",
    "name": "arguments",
    "order": "arguments",
    "others_of": "arguments",
    "positive": "arguments",
    "two_sets": "arguments",
    "bucket_begin": "buckets",
    "differences": "comparing",
    "read_names": "comparing",
    "written": "comparing",
    "identity": "distinct",
    "Filter": "filter",
    "others_than": "filter",
    "started_before": "filter",
    "place_of": "fold",
    "select": "fold",
    "tally": "fold",
    "FromRecords": "from_records",
    "rank": "measured",
    "measure": "measuring",
    "mismatches": "mismatching",
    "And": "nodes",
    "Compare": "nodes",
    "Exists": "nodes",
    "Field": "nodes",
    "IsNull": "nodes",
    "Node": "nodes",
    "OneOf": "nodes",
    "Operand": "nodes",
    "Or": "nodes",
    "TextMatch": "nodes",
    "Variable": "nodes",
    "Reader": "paging",
    "records": "paging",
    "parse": "parser",
    "Source": "parts",
    "Question": "question",
    "read_question": "question",
    "LIST": "questions",
    "OBJECT": "questions",
    "Order": "questions",
    "Place": "questions",
    "Scalar": "questions",
    "Selection": "questions",
    "Spread": "questions",
    "Sums": "questions",
    "Tally": "questions",
    "TallyRow": "questions",
    "csv_line": "sheets",
    "distance": "times",
    "moment": "times",
    "utc": "times",
    "variable_paths": "variables",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any attribute; PEP 562
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
