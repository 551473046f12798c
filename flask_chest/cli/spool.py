"""Records on their way into a file whose columns are known only when all were read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from pydantic_core import from_json, to_json
from typing_extensions import Self

from flask_chest.cli.names import Name, name_of
from flask_chest.query.nodes import FIELDS, Field, Variable
from flask_chest.record import RecordData

Kind: TypeAlias = Literal["bool", "int", "float", "text", "time", "json"]
"""Type of the values in a column. `json` is for lists, dicts, and values of several types."""

MOST_VARIABLES: Final = 500
"""Variables with a column of their own. All others share the column `variables`."""

_IN_MEMORY_BYTES: Final = 8 * 2**20
_EXACT: Final = 2**53
"""Integers of at most this size are floats without loss."""

_FIELD_KINDS: Final[dict[str, Kind]] = {
    "status_code": "int",
    "duration_ms": "float",
    "weight": "float",
    "started_at": "time",
}


class Column(NamedTuple):
    """A column of a file.

    Attributes:
        title: A name as a filter spells it.
        kind: Type of its values.
    """

    title: str
    kind: Kind


class Spool:
    """Keeps records in a file without a name, and finds out which columns they need.

    Args:
        names: Of the columns; None for all fields, and for all variables that the records have.
        folder: Where the file is; None for that of temporary files.
    """

    def __init__(self, names: Sequence[Name] | None = None, folder: Path | None = None) -> None:
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by `__exit__`
            _IN_MEMORY_BYTES, dir=None if folder is None else str(folder)
        )
        self._has_all = names is None
        self._names = list(names or (Name(field, Field(field)) for field in FIELDS))
        self._variables: set[str] = set()
        self._rest: Name | None = None
        self._seen: dict[str, set[Kind]] = {}
        self._large: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, record: RecordData) -> None:
        """Keep a record.

        Raises:
            OSError: The disk is full.
        """
        self._file.write(to_json(record) + b"\n")
        if self._has_all:
            for variable in record["variables"]:
                if variable not in self._variables:
                    self._add_variable(variable)
        for name in self._names:
            if (value := name.of(record)) is not None and name.text not in FIELDS:
                self._seen.setdefault(name.text, set()).add(kind_of(value))
                if kind_of(value) == "int" and abs(value) > _EXACT:
                    self._large.add(name.text)

    def _add_variable(self, variable: str) -> None:
        if len(self._variables) < MOST_VARIABLES:
            self._variables.add(variable)
            self._names.append(Name(name_of(variable), Variable((variable,))))
        elif self._rest is None:
            self._rest = Name("variables", None)

    @property
    def columns(self) -> list[Column]:
        """The columns that the records need, in the order in which they were found."""
        names = [*self._names, *([self._rest] if self._rest else [])]
        return [Column(name.text, self._kind(name)) for name in names]

    def _kind(self, name: Name) -> Kind:
        if name.operand is None:
            return "json"
        if name.text in FIELDS:
            return _FIELD_KINDS.get(name.text, "text")
        seen = self._seen.get(name.text, set())
        if len(seen) == 1:
            return next(iter(seen))
        if seen == {"int", "float"} and name.text not in self._large:
            return "float"
        return "json" if seen else "text"

    def rows(self) -> Iterator[list[Any]]:
        """Yield the values of each record, one for each column."""
        self._file.seek(0)
        for line in self._file:
            record: RecordData = from_json(line)
            row = [name.of(record) for name in self._names]
            if self._rest is not None:
                variables = record["variables"]
                rest = {key: variables[key] for key in variables if key not in self._variables}
                row.append(rest or None)
            yield row


def kind_of(value: object) -> Kind:
    """Return the type of a value of a variable that is not null."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -(2**63) <= value < 2**63 else "json"
    if isinstance(value, float):
        return "float"
    return "text" if isinstance(value, str) else "json"
