"""The two sides of a comparison: a field or a variable, and a value."""

from __future__ import annotations

import ast
import math
import re
from datetime import datetime
from typing import Final

from flask_chest.query.nodes import FIELDS, Field, Operand, Value, Variable, kind
from flask_chest.query.source import ODD_NAMES, Source
from flask_chest.query.times import moment
from flask_chest.record import FACT_PREFIXES, HEADER_PREFIXES

_IMPOSSIBLE: Final = re.compile("[\0\ud800-\udfff]")
_ONE_TEXT: Final = re.compile(
    r"""(?s)[rRuU]?('{3}(?:[^\\]|\\.)*?'{3}|"{3}(?:[^\\]|\\.)*?"{3}|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
)
_FACT_ROOTS: Final = frozenset(prefix.rstrip(".") for prefix in FACT_PREFIXES)
_ARTICLES: Final = {"text": "a text", "number": "a number", "time": "a time", "bool": "a bool"}


# -- Fields and variables ----------------------------------------------------------------------


def operand(source: Source, node: ast.expr) -> Operand:
    """Return the field or the variable that a node names.

    A name that is a field is that field, any other a variable. The name of a fact, such as
    ``app.release``, has dots in it.

    Raises:
        FilterError: It names neither.
    """
    keys: list[str] = []
    root = node
    while isinstance(root, (ast.Attribute, ast.Subscript)):
        keys.append(_key(source, root))
        root = root.value
    if not isinstance(root, ast.Name):
        reason = "this is no name of a field or a variable"
        if isinstance(root, ast.BinOp):  # such as x-plan
            reason += f"; {ODD_NAMES}"
        raise source.fault(root, reason)
    _check_spelling(source, root, root.id)
    keys.reverse()
    if root.id == "variables":
        if not keys:
            raise source.fault(root, "write variables['name'] for a variable")
        return Variable(tuple(keys))
    if root.id in FIELDS:
        if keys:
            raise source.fault(
                node,
                f"the field {root.id!r} is {_ARTICLES[FIELDS[root.id]]}, with nothing in it. For "
                f"a variable of that name: variables[{root.id!r}]",
            )
        return Field(root.id)
    if root.id in _FACT_ROOTS and keys:
        return Variable((_fact(".".join((root.id, *keys))),))
    return Variable((root.id, *keys))


def _fact(name: str) -> str:
    if name.startswith(HEADER_PREFIXES):  # which are recorded in one spelling
        return name.lower().replace("_", "-")
    return name


def _key(source: Source, node: ast.Attribute | ast.Subscript) -> str:
    if isinstance(node, ast.Attribute):
        _check_spelling(source, node, node.attr)
        return node.attr
    key = node.slice
    if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
        raise source.fault(key, "a text in quotes is in the brackets, such as variables['a b']")
    return _text(source, key, key.value)


def _check_spelling(source: Source, node: ast.expr, name: str) -> None:
    """Refuse a name that Python changes: it reads the ligature in `ﬁn` as two letters.

    https://docs.python.org/3/reference/lexical_analysis.html#identifiers
    """
    if not source.written(node).endswith(name):
        raise source.fault(
            node, f"Python reads this name as {name!r}. Write it in quotes: variables['...']"
        )


# -- Values ------------------------------------------------------------------------------------


def is_literal(node: ast.expr) -> bool:
    """Return whether a node is written like a value."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        node = node.operand
    return isinstance(node, ast.Constant)


def literal(source: Source, node: ast.expr, against: Operand, now: datetime | None) -> Value:
    """Return the value that a node stands for.

    Args:
        source: The filter.
        node: One that `is_literal`.
        against: What the value is compared with. It decides whether a text is a time.
        now: From where a distance is measured.

    Raises:
        FilterError: No record has it, or it has another type than the field.
    """
    value = _constant(source, node)
    if isinstance(against, Variable):
        return value
    found = kind(value)
    if against.type == "time" and isinstance(value, str):
        try:
            return moment(value, now)
        except ValueError as error:
            raise source.fault(node, str(error)) from None
    if found != against.type:
        raise source.fault(
            node,
            f"the field {against.name!r} is {_ARTICLES[against.type]}, and this is "
            f"{_ARTICLES[found]}{_hint(against, value)}",
        )
    return value


def _hint(against: Field, value: Value) -> str:
    if against.type == "text" and not isinstance(value, bool):
        return f": write '{value}'"
    if against.type == "time":
        return ": write '2026-01-31', or '24h' for a day ago"
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
        return f": write {value}"
    return ""


def _constant(source: Source, node: ast.expr) -> Value:
    inner, sign = node, 1
    if isinstance(node, ast.UnaryOp):
        inner, sign = node.operand, -1 if isinstance(node.op, ast.USub) else 1
    value = inner.value if isinstance(inner, ast.Constant) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        if inner is not node:
            raise source.fault(inner, "a sign stands before a number")
        if value is None:
            raise source.fault(node, "write `is None` or `is not None`")
        if isinstance(value, str):
            return _text(source, node, value)
        if isinstance(value, bool):
            return value
        raise source.fault(node, "a value is a number, a text, True or False")
    return _number(source, node, sign * value)


def _number(source: Source, node: ast.expr, value: float) -> int | float:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        try:
            value = float(value)  # as a database compares it
        except OverflowError:
            value = math.inf
    if math.isinf(value):
        raise source.fault(node, "no record has a number as large as this")
    return value


def _text(source: Source, node: ast.expr, text: str) -> str:
    if _IMPOSSIBLE.search(text):
        raise source.fault(node, "no record has NUL or half a surrogate pair in a text")
    if any(c in source.written(node) for c in "\r\n\f"):
        raise source.fault(node, r"a line break in a text is written \n")
    if not _ONE_TEXT.fullmatch(source.written(node)):
        # Python joins them: a comma may be missing, or a quote was written twice as in SQL.
        raise source.fault(node, r"two texts stand side by side. A quote in a text: 'it\'s'")
    return text
