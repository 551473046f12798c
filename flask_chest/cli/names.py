"""Names of fields and variables, as a filter has them, on the command line."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from unicodedata import normalize

from flask_chest.query.evaluate import MISSING, value_of
from flask_chest.query.nodes import FIELDS, Operand
from flask_chest.query.operands import operand
from flask_chest.query.source import Source
from flask_chest.record import FACT_PREFIXES

SHORT_TITLES: Final = {"status_code": "status", "duration_ms": "ms"}
"""Titles of columns that nobody has chosen. Whoever reads them writes them in a filter."""


@dataclass(frozen=True)
class Name:
    """A field or a variable that is shown.

    Attributes:
        text: As it was written; the title of its column.
        operand: What it names; None for `variables`, all of them.
    """

    text: str
    operand: Operand | None

    def of(self, record: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any value of a record
        """Return the value in a record, as the journal has it; None where it is missing."""
        if self.operand is None:
            return record["variables"]
        if self.text in FIELDS:
            return record[self.text]
        found = value_of(self.operand, record)
        return None if found is MISSING else found


def read_names(texts: Sequence[str]) -> list[Name]:
    """Return the names in some texts, each of which may have several with commas between.

    Raises:
        FilterError: One cannot be read.
    """
    return [name for text in texts for name in _read(text)]


def _read(text: str) -> list[Name]:
    source = Source(text, "list of names")
    tree = source.tree()
    parts = tree.elts if isinstance(tree, ast.Tuple) else [tree]
    return [
        Name("variables", None)
        if isinstance(part, ast.Name) and part.id == "variables"
        else Name(source.written(part), operand(source, part))
        for part in parts
    ]


def name_of(variable: str) -> str:
    """Return how a filter spells a variable. No two have the same spelling, nor that of a field."""
    words = variable.split(".")
    # Python reads some letters, such as that for "fi", as others.
    is_plain = all(word.isidentifier() and normalize("NFKC", word) == word for word in words)
    is_reserved = any(map(keyword.iskeyword, words)) or words[0] in {*FIELDS, "variables"}
    if is_plain and not is_reserved and (len(words) == 1 or variable.startswith(FACT_PREFIXES)):
        return variable
    return f"variables[{variable!r}]"
