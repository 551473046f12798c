"""Reads a filter: a Python expression of an allow-list of nodes, which is never evaluated."""

from __future__ import annotations

import ast
from datetime import datetime
from typing import Final, cast

from flask_chest.query.complement import OPPOSITE
from flask_chest.query.filter import Filter
from flask_chest.query.nodes import (
    NULLABLE,
    And,
    Compare,
    Exists,
    Field,
    IsNull,
    Node,
    OneOf,
    Operand,
    Operator,
    Or,
    TextMatch,
    TextTest,
    Variable,
)
from flask_chest.query.operands import is_literal, literal, operand
from flask_chest.query.source import Source

_FUNCTIONS: Final = ("contains", "startswith", "endswith", "exists")

_OPERATORS: Final[dict[type[ast.cmpop], Operator]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_MIRRORED: Final[dict[Operator, Operator]] = {
    "==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<=",
}  # fmt: skip


def parse(text: str, *, now: datetime | None = None) -> Filter:
    """Read a filter, such as ``tenant == 'acme' and duration_ms > 500``.

    docs/reference/filters.md has the language.

    Args:
        text: At most `MAX_LENGTH` characters.
        now: From where a distance such as ``24h`` is measured, an aware datetime; None for the
            present.

    Raises:
        FilterError: It cannot be read, or it cannot match any record.
        TypeError: It is no text.
    """
    if not isinstance(text, str):
        raise TypeError(f"a filter is a text, and not {text!r}")
    return Filter(text, condition(Source(text), now))


def condition(source: Source, now: datetime | None) -> Node:
    """Return the condition that a text stands for.

    Args:
        source: The text.
        now: See `parse`.

    Raises:
        FilterError: As for `parse`.
    """
    return _Conditions(source, now).read(source.tree(), wanted=True)


class _Conditions:
    """Makes conditions of the nodes of a tree, whose size `Source` has bounded.

    Args:
        source: The filter.
        now: See `parse`.
    """

    def __init__(self, source: Source, now: datetime | None) -> None:
        self._source = source
        self._now = now

    def read(self, node: ast.expr, *, wanted: bool) -> Node:
        """Return a node as a condition.

        Args:
            node: The node.
            wanted: False for its opposite: there is no negation in the result.

        Raises:
            FilterError: It is no condition.
        """
        if isinstance(node, ast.BoolOp):
            parts = [self.read(value, wanted=wanted) for value in node.values]
            return _joined(parts, all_of_them=isinstance(node.op, ast.And) is wanted)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.read(node.operand, wanted=not wanted)
        if isinstance(node, ast.Compare):
            return self._comparison(node, wanted)
        if isinstance(node, ast.Call):
            return self._call(node, wanted)
        raise self._source.fault(node, _no_condition(node))

    # -- Comparisons ---------------------------------------------------------------------------

    def _comparison(self, node: ast.Compare, wanted: bool) -> Node:  # noqa: FBT001 - as in `read`
        sides = [node.left, *node.comparators]
        parts = [
            self._pair(left, op, right, wanted=wanted)
            for left, op, right in zip(sides, node.ops, sides[1:], strict=False)
        ]
        return _joined(parts, all_of_them=wanted)

    def _pair(self, left: ast.expr, op: ast.cmpop, right: ast.expr, *, wanted: bool) -> Node:
        if isinstance(op, (ast.Is, ast.IsNot)):
            return self._is(left, right, negated=isinstance(op, ast.IsNot) is wanted)
        if isinstance(op, (ast.In, ast.NotIn)):
            return self._in(left, right, negated=isinstance(op, ast.NotIn) is wanted)
        operator = _OPERATORS[type(op)]
        if is_literal(left) and is_literal(right):
            raise self._source.fault(left, "two values are compared, and no field or variable")
        if is_literal(left):
            left, right, operator = right, left, _MIRRORED[operator]
        found = operand(self._source, left)
        if not is_literal(right):
            raise self._source.fault(right, _no_value(self._source, right))
        value = literal(self._source, right, found, self._now)
        if isinstance(value, bool) and operator not in {"==", "!="}:
            raise self._source.fault(right, "True and False have no order: write == or !=")
        return Compare(found, operator if wanted else OPPOSITE[operator], value)

    def _is(self, left: ast.expr, right: ast.expr, *, negated: bool) -> Node:
        if not (isinstance(right, ast.Constant) and right.value is None):
            raise self._source.fault(right, "`is` is for None alone: write == for a value")
        found = operand(self._source, left)
        if isinstance(found, Field) and found.name not in NULLABLE:
            raise self._source.fault(left, f"the field {found.name!r} is never null")
        return IsNull(found, negated)

    def _in(self, left: ast.expr, right: ast.expr, *, negated: bool) -> Node:
        if not isinstance(right, (ast.Tuple, ast.List, ast.Set)):
            hint = "values in brackets follow `in`, such as in ('a', 'b') or in ('a',)"
            if is_literal(left):
                name = self._source.of(right)
                hint = f"{hint}. For a part of a text: contains({name}, {self._source.of(left)})"
            raise self._source.fault(right, hint)
        if not right.elts:
            raise self._source.fault(right, "there is no value in the brackets")
        found = operand(self._source, left)
        values = []
        for each in right.elts:
            if not is_literal(each):
                raise self._source.fault(each, _no_value(self._source, each))
            values.append(literal(self._source, each, found, self._now))
        return OneOf(found, tuple(values), negated)

    # -- Functions -----------------------------------------------------------------------------

    def _call(self, node: ast.Call, wanted: bool) -> Node:  # noqa: FBT001 - as in `read`
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name not in _FUNCTIONS:
            raise self._source.fault(node.func, self._no_function(node))
        if node.keywords:
            raise self._source.fault(node.keywords[0].value, f"{name}() takes no named argument")
        count = 1 if name == "exists" else 2
        if len(node.args) != count:
            form = "exists(name)" if name == "exists" else f"{name}(name, 'text')"
            raise self._source.fault(node, f"write {form}")
        found = operand(self._source, node.args[0])
        if name == "exists":
            return self._exists(node.args[0], found, negated=not wanted)
        if isinstance(found, Field) and found.type != "text":
            raise self._source.fault(
                node.args[0], f"the field {found.name!r} is a {found.type}, and no text"
            )
        part = node.args[1]
        if not (isinstance(part, ast.Constant) and isinstance(part.value, str)):
            raise self._source.fault(part, f"{name}() looks for a text, in quotes")
        text = cast("str", literal(self._source, part, found, self._now))
        return TextMatch(found, cast("TextTest", name), text, not wanted)

    def _exists(self, node: ast.expr, found: Operand, *, negated: bool) -> Node:
        if not isinstance(found, Variable):
            hint = "every record has it"
            if found.name in NULLABLE:
                hint = f"{hint}; write {found.name} is not None"
            raise self._source.fault(node, f"{found.name!r} is a field of the record: {hint}")
        return Exists(found, negated)

    def _no_function(self, node: ast.Call) -> str:
        known = "The functions are contains, startswith, endswith and exists"
        if isinstance(node.func, ast.Attribute) and node.func.attr in _FUNCTIONS:
            argument = self._source.of(node.args[0]) if node.args else "'text'"
            return (
                f"a name has no methods. Write {node.func.attr}"
                f"({self._source.of(node.func.value)}, {argument})"
            )
        return f"there is no function {self._source.of(node.func)!r}. {known}"


def _joined(parts: list[Node], *, all_of_them: bool) -> Node:
    if len(parts) == 1:
        return parts[0]
    return And(tuple(parts)) if all_of_them else Or(tuple(parts))


def _no_condition(node: ast.expr) -> str:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        return f"write `{'and' if isinstance(node.op, ast.BitAnd) else 'or'}` between conditions"
    if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
        return "a name alone is no condition. Compare it, such as == True, or write is not None"
    if isinstance(node, ast.Constant):
        return "a value alone is no condition"
    return "this is no condition. A filter compares, such as status_code >= 500"


_OTHER_SPELLINGS: Final = {"null": "None", "NULL": "None", "none": "None", "nil": "None"} | {
    spelling: word for word in ("True", "False") for spelling in (word.lower(), word.upper())
}


def _no_value(source: Source, node: ast.expr) -> str:
    text = source.of(node)
    if isinstance(node, ast.Name):
        if text in _OTHER_SPELLINGS:
            return f"write {_OTHER_SPELLINGS[text]}"
        return f"a name is compared with a value, and not with another name. A text: '{text}'"
    if isinstance(node, ast.JoinedStr):
        return "an f-string is no value. Write the text itself"
    return "a name is compared with a value: a number, a text in quotes, True or False"
