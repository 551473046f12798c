"""Statements as DuckDB runs them: over files, of which only some have the typed columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import Select
from sqlalchemy.engine.default import DefaultDialect

from flask_chest.query.nodes import FIELDS
from flask_chest_parquet import variables
from flask_chest_parquet.expressions import RECORDS, LakeExpressions, names_of
from flask_chest_parquet.variables import Names, Path

LEFTOVER: Final = "leftover"
"""The column that is true where the JSON has a value for which the file has typed columns."""

Statement: TypeAlias = tuple[str, list[Any]]
"""SQL, and the values of its parameters in their order."""

_FIELDS: Final = ", ".join([*FIELDS, "day"])
_DIALECT: Final = DefaultDialect(paramstyle="qmark")


@dataclass(frozen=True)
class Files:
    """Files that have the same columns.

    Attributes:
        columns: Names of these.
        relation: The files, as SQL has them after FROM.
    """

    columns: frozenset[str]
    relation: str


def compiled(
    statement: Select[Any],
    expressions: LakeExpressions,
    files: Sequence[Files],
    names: Callable[[Path], Names],
) -> Statement:
    """Return a statement over files.

    Args:
        statement: It reads the table of `expressions`.
        expressions: What has made its expressions.
        files: At least one.
        names: Returns the typed columns that a value may have.
    """
    made = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    values = [made.params[name] for name in made.positiontup or ()]
    parts = (part for each in files for part in _records(each, expressions.paths, names))
    table = "\nUNION ALL ".join(parts)
    return f"WITH {RECORDS} AS ({table})\n{made}", values


def _records(files: Files, paths: Sequence[Path], names: Callable[[Path], Names]) -> Iterator[str]:
    """Yield the records of files, with the columns of values.

    A value without typed columns is in the JSON. One with them is hardly ever there: so records
    without any such are read apart, and their JSON is not even fetched.
    """
    typed = {path for path in paths if not files.columns.isdisjoint(names(path))}

    def selected(of_typed: Callable[[Path], list[str]], condition: str) -> str:
        columns = [_FIELDS]
        for number, path in enumerate(paths):
            values = of_typed(path) if path in typed else variables.from_json(path)
            columns += [
                f"{value} AS {name}" for value, name in zip(values, names_of(number), strict=True)
            ]
        return f"SELECT {', '.join(columns)} FROM {files.relation}{condition}"

    if typed:
        yield selected(
            lambda path: variables.from_columns(names(path), files.columns),
            f" WHERE NOT {LEFTOVER}",
        )
    yield selected(
        lambda path: variables.from_both(names(path), files.columns, path),
        f" WHERE {LEFTOVER}" if typed else "",
    )
