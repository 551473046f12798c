"""The places in a package that can be changed, and a sample of them."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cosmic_ray.commands.init import _all_work_items
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_item import MutationSpec

_ALIKE: Final = re.compile(r"ReplaceComparisonOperator_((Not)?Eq_Is(Not)?|Is(Not)?_(Not)?Eq)$")
"""Changes that mostly change nothing: small numbers and None are identical when they are equal."""


def places(folder: Path) -> Iterator[tuple[tuple[str, int, int], list[MutationSpec]]]:
    """Yield each place of a package that can be changed, with the ways to change it.

    Annotations are left out, as nothing evaluates them.
    """
    found: dict[tuple[str, int, int], list[MutationSpec]] = {}
    for path in sorted(folder.rglob("*.py")):
        passed_over = _annotations(ast.parse(path.read_text("utf-8")))
        for item in _all_work_items([path], {}):
            [mutation] = item.mutations
            if _ALIKE.search(mutation.operator_name):
                continue
            if not any(begin <= mutation.start_pos < end for begin, end in passed_over):
                where = (str(path), *mutation.start_pos)
                found.setdefault(where, []).append(mutation)
    yield from sorted(found.items())


def _annotations(tree: ast.Module) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    nodes: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign):
            nodes.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes.append(node.returns)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"cast", "TypeVar"}:
            nodes += node.args[:1]
        elif isinstance(node, ast.Assign) and getattr(node.value, "id", "") == "TypeAlias":
            nodes.append(node.value)
        if isinstance(node, ast.AnnAssign) and "TypeAlias" in ast.unparse(node.annotation):
            nodes.append(node.value)
    return [
        ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))
        for node in nodes
        if node is not None
    ]


def sample(package: str, number: int, seed: int) -> list[MutationSpec]:
    """Return one change at each of so many places, without those that are none."""
    drawn = random.Random(f"{seed} {package}")  # noqa: S311 - a sample, no secret
    found = list(places(Path("flask_chest") / package))
    chosen = drawn.sample(found, min(number, len(found)))
    changes = [drawn.choice(ways) for _where, ways in chosen]
    left = [each for each in found if each not in chosen]
    for index in range(len(changes)):
        while _is_void(changes[index]) and left:
            _where, ways = left.pop(drawn.randrange(len(left)))
            changes[index] = drawn.choice(ways)
    return changes


def _is_void(mutation: MutationSpec) -> bool:
    """Return whether a change is no Python, as of the `*` of a signature, or is of types alone."""
    source = mutation.module_path.read_text("utf-8")
    operator = get_operator(mutation.operator_name)(**mutation.operator_args)
    changed = mutate_code(source, operator, mutation.occurrence)
    try:
        ast.parse(changed)
    except SyntaxError:
        return True
    return "TYPE_CHECKING:" in source.splitlines()[mutation.start_pos[0] - 1]


def statement(mutation: MutationSpec) -> tuple[int | None, int]:
    """Return the first and the last line of the statement that is changed.

    The first is None outside of functions, where only an import executes it.
    """
    line = mutation.start_pos[0]
    innermost, in_function = (0, 0), False
    for node in ast.walk(ast.parse(mutation.module_path.read_text("utf-8"))):
        if not isinstance(node, ast.stmt | ast.excepthandler):
            continue
        first, last = node.lineno, node.end_lineno or node.lineno
        if not first <= line <= last:
            continue
        if body := getattr(node, "body", None):  # of a compound statement, its head
            last = max(body[0].lineno - 1, first)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            in_function |= line > last
        if first >= innermost[0] and line <= last:
            innermost = (first, last)
    return (innermost[0] if in_function else None), innermost[1]
