"""Selections as queries of SQL, and the conditions that they share with tallies."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, select

from flask_chest.query.questions import Selection, Tally
from flask_chest_sql import decode
from flask_chest_sql.compiler import Compiler
from flask_chest_sql.expressions import Expressions
from flask_chest_sql.ordering import Ordering


def selecting(expressions: Expressions, chosen: Selection) -> Select[Any]:
    """Return the query for a selection, without its limit. Its rows are for `decode.Rows`."""
    ordering = Ordering(expressions, chosen.order)
    statement = (
        select(*decode.columns(expressions.tables.records))
        .where(*conditions(expressions, chosen))
        .order_by(*ordering.keys())
    )
    return statement if chosen.after is None else statement.where(ordering.behind(chosen.after))


def conditions(expressions: Expressions, chosen: Selection | Tally) -> list[ColumnElement[bool]]:
    """Return the conditions on the records of a selection or a tally."""
    started_at = expressions.tables.records.c.started_at
    found: list[ColumnElement[bool]] = []
    if chosen.since is not None:
        found.append(started_at >= chosen.since)
    if chosen.until is not None:
        found.append(started_at < chosen.until)
    if chosen.where is not None:
        found.append(Compiler(expressions).condition(chosen.where))
    return found
