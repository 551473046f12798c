"""The condition of all other records."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

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
    kind,
)

OPPOSITE: Final[dict[Operator, Operator]] = {
    "==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">",
}  # fmt: skip


def complement(node: Node) -> Node:
    """Return the condition that the records satisfy which do not satisfy another.

    That is more than its opposite: `not (tenant == 'acme')` leaves out what has no tenant. Left out
    here are only records in which a variable of a comparison is a dict or a list.
    """
    if isinstance(node, And):
        return Or(tuple(map(complement, node.parts)))
    if isinstance(node, Or):
        return And(tuple(map(complement, node.parts)))
    if isinstance(node, (IsNull, Exists)):
        return replace(node, negated=not node.negated)
    if isinstance(node, Compare):
        opposite: Node = replace(node, operator=OPPOSITE[node.operator])
        return _or_another_kind(opposite, node.operand, {kind(node.value)})
    opposite = replace(node, negated=not node.negated)
    kinds = set(map(kind, node.values)) if isinstance(node, OneOf) else {"text"}
    return _or_another_kind(opposite, node.operand, kinds)


def _or_another_kind(opposite: Node, operand: Operand, kinds: set[str]) -> Node:
    if isinstance(operand, Field):
        is_nullable = operand.name in NULLABLE
        return Or((opposite, IsNull(operand, negated=False))) if is_nullable else opposite
    others: dict[str, tuple[Node, ...]] = {
        "number": (Compare(operand, "<", 0), Compare(operand, ">=", 0)),
        "text": (Compare(operand, ">=", ""),),
        "bool": (OneOf(operand, (True, False), negated=False),),
    }
    parts = [part for of, tests in others.items() if of not in kinds for part in tests]
    return Or((opposite, IsNull(operand, negated=False), *parts))
