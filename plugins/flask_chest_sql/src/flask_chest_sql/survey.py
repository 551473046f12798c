"""What a database has of our tables: what is missing, what differs, what must not be written."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Column, Connection, Table, func, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from flask_chest.errors import SchemaMismatch
from flask_chest.schema import names_taken, refuse_newer

if TYPE_CHECKING:
    from sqlalchemy import Inspector
    from sqlalchemy.engine.interfaces import ReflectedIndex

    from flask_chest_sql.definition import Definition
    from flask_chest_sql.schema import Tables


@dataclass(frozen=True)
class Lack:
    """A piece of ours that is missing.

    Attributes:
        what: Its name, as in "the view chest_variables".
        statement: Creates it.
        is_needed: Whether no record can be stored without it.
    """

    what: str
    statement: str
    is_needed: bool = False


@dataclass(frozen=True)
class Fault:
    """A difference because of which records would be lost, mixed or stored twice.

    Attributes:
        text: What it is, as a clause about the table.
        remedy: What to do, as a sentence without its full stop.
        statements: What does it; none when only a person can.
    """

    text: str
    remedy: str
    statements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Key:
    """An index or a unique constraint that is there.

    Attributes:
        name: Its name.
        columns: Its columns, and its expressions.
        is_unique: Whether it has each value once.
        is_of_whole_values: Whether it has more than the beginning of each text.
        is_of_all: Whether it has all records.
    """

    name: str
    columns: list[str]
    is_unique: bool
    is_of_whole_values: bool = True
    is_of_all: bool = True

    @property
    def is_whole(self) -> bool:
        """Whether it has all values of all records."""
        return self.is_of_whole_values and self.is_of_all

    @classmethod
    def of(cls, index: ReflectedIndex) -> Key:
        """Return what SQLAlchemy has found."""
        options = index.get("dialect_options", {})
        expressions = index.get("expressions", index["column_names"])
        return cls(
            str(index["name"]),
            [each or "expression" for each in expressions],
            bool(index["unique"]),
            not options.get("mysql_length"),
            not any(name.endswith("_where") for name in options),
        )


def keys_of(inspector: Inspector, table: Table) -> list[Key]:
    """Return the indexes and the unique constraints of a table."""
    found = [Key.of(index) for index in inspector.get_indexes(table.name, table.schema)]
    named = {index.name for index in found}  # MySQL has its unique indexes as constraints, too
    found += [
        Key(str(each["name"] or "a constraint without a name"), each["column_names"], True)
        for each in inspector.get_unique_constraints(table.name, table.schema)
        if each["name"] not in named
    ]
    return found


@dataclass
class Survey:
    """What was found.

    Attributes:
        is_empty: Whether our tables have to be created.
        lacks: What is missing of ours.
        faults: Why nothing may be written.
        differences: What is tolerated, one clause each.
        view: ``ours``, ``missing``, ``changed``, or ``table`` when the name is taken by a table.
    """

    is_empty: bool = False
    lacks: list[Lack] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    view: Literal["ours", "missing", "changed", "table"] = "ours"

    @property
    def is_complete(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.is_empty or self.lacks or self.faults)

    def refuse_faults(self, location: str, records: str) -> None:
        """Raise an error if there is a fault.

        Raises:
            SchemaMismatch: It says what to do about each.
        """
        if not self.faults:
            return
        found = "; ".join(fault.text for fault in self.faults)
        remedies = "; ".join(fault.remedy for fault in self.faults)
        raise SchemaMismatch(f"{location}: the table {records} {found}. {remedies}")


@dataclass(frozen=True)
class Dialectal:
    """What a survey has to know about the database.

    Attributes:
        definition: The statements that create what is missing.
        is_harmful: Returns why a column of this type, as SQLAlchemy reflects it, would lose data;
            None when it does not.
        alter: Returns the statements that give a column our type.
        relax: Returns the remedy for a column of somebody else's that takes no null.
        attempting: Undoes what fails in its block, and nothing else.
        taken: Returns the names that an index cannot have, as those of a table that was renamed.
        differences: Yields what else differs, as faults or as clauses about what is tolerated.
        is_own: Returns whether a computed column is one of ours, which no record has.
        keys: Returns the indexes and the unique constraints that the records have.
    """

    definition: Definition
    is_harmful: Callable[[Column[Any], Any], str | None]
    alter: Callable[[Column[Any]], tuple[str, ...]]
    relax: Callable[[str], str]
    attempting: Callable[[Connection], AbstractContextManager[None]]
    taken: Callable[[Connection], Container[str]]
    differences: Callable[[Connection], Iterable[Fault | str]]
    is_own: Callable[[str], bool]
    keys: Callable[[Inspector], Sequence[Key]]


class Surveyor:
    """Looks at what a database has of our tables.

    Args:
        connection: To the database.
        tables: Those that should be there.
        location: Where the database is, for messages.
        dialectal: What depends on the database.
    """

    def __init__(
        self, connection: Connection, tables: Tables, location: str, dialectal: Dialectal
    ) -> None:
        self._connection = connection
        self._schema, self._records, self._view = tables.schema, tables.records, tables.variables
        self._place = tables.schema.schema
        self._location = location
        self._dialectal = dialectal
        self._definition = dialectal.definition
        self._inspector = inspect(connection)
        self._tables = set(self._inspector.get_table_names(self._place))
        self._views = set(self._inspector.get_view_names(self._place))
        self._found = Survey()

    def look(self) -> Survey:
        """Return what was found.

        Raises:
            SchemaMismatch: There is something of these names that is not ours, or it is newer.
        """
        self._refuse_foreign()
        self._look_for_version()
        if self._records.name not in self._tables:
            self._found.is_empty = True
            self._found.lacks.clear()
            self._found.view = "changed" if self._view.name in self._views else "missing"
            return self._found
        self._compare_columns()
        self._compare_keys()
        self._compare_indexes()
        self._look_for_view()
        for found in self._dialectal.differences(self._connection):
            if isinstance(found, Fault):
                self._found.faults.append(found)
            else:
                self._found.differences.append(found)
        return self._found

    def _refuse_foreign(self) -> None:
        """Refuse what has one of our names and is another's."""
        names, everything = self._tables, self._tables | self._views
        is_ours = self._has(self._records, ("id", "request_id", "started_at", "variables"))
        has_version = self._has(self._schema, ("version",))
        taken = set()
        if self._records.name in everything and not is_ours:
            taken.add(self._records.name)
        if self._schema.name in everything and not has_version:
            taken.add(self._schema.name)
        # Where the records are ours, they are stored whatever has the name of the view.
        if not is_ours and self._view.name in (names if has_version else everything):
            taken.add(self._view.name)
        if taken:
            raise names_taken(self._location, taken)

    def _has(self, table: Table, wanted: Iterable[str]) -> bool:
        return table.name in self._tables and self._columns(table).keys() >= set(wanted)

    def _columns(self, table: Table) -> dict[str, Any]:
        found = self._inspector.get_columns(table.name, self._place)  # remembered by the inspector
        return {column["name"]: column for column in found}

    def _look_for_version(self) -> None:
        lack = Lack("the version of the schema", self._definition.version)
        if self._schema.name not in self._tables:
            table = Lack(f"the table {self._schema.name}", self._definition.schema)
            self._found.lacks += [table, lack]
            return
        version = self._connection.execute(select(func.max(self._schema.c.version))).scalar()
        if version is None:
            self._found.lacks.append(lack)
        else:
            refuse_newer(self._location, version)

    def _compare_columns(self) -> None:
        columns = self._columns(self._records)
        for column in self._records.columns:
            name, statement = column.name, self._definition.columns[column.name]
            if name in columns:
                self._compare_column(column, columns[name])
            elif column.nullable:
                lack = Lack(f"the column {name}", statement, is_needed=True)
                self._found.lacks.append(lack)
            else:
                fault = Fault(f"has no column {name}", f"Run: {statement}", (statement,))
                self._found.faults.append(fault)
        for name in columns.keys() - {column.name for column in self._records.columns}:
            if columns[name].get("computed") and self._dialectal.is_own(name):
                continue
            if _is_filled(columns[name]):
                self._found.differences.append(f"{self._records.name} has another column {name}")
            else:
                text = f"has a column {name} that takes no null and has no default"
                self._found.faults.append(Fault(text, self._dialectal.relax(name)))

    def _compare_column(self, column: Column[Any], found: Mapping[str, Any]) -> None:
        reason = self._dialectal.is_harmful(column, found["type"])
        if reason is None and column.nullable and not found.get("nullable", True):
            reason = "that takes no null"
        if reason is None:
            return
        statements = self._dialectal.alter(column)
        remedy = (
            f"Run: {'; '.join(statements)}"
            if statements
            else f"Copy the records to a table in which {column.name} has the type that "
            "`flask chest schema print` shows"
        )
        fault = Fault(f"has a column {column.name} {reason}", remedy, statements)
        self._found.faults.append(fault)

    def _primary_key(self) -> list[str]:
        name = self._records.name
        return list(self._inspector.get_pk_constraint(name, self._place)["constrained_columns"])

    def _compare_keys(self) -> None:
        ours = {column.name for column in self._records.primary_key.columns}
        primary = Key("the primary key", self._primary_key(), True)
        keys = [
            primary,
            *(index for index in self._dialectal.keys(self._inspector) if index.is_unique),
        ]
        if not any(set(key.columns) == ours and key.is_whole for key in keys):
            names = sorted(ours)
            quote = self._connection.dialect.identifier_preparer
            name = quote.quote(self._free_name(f"{self._records.name}_id"))
            statement = (
                f"CREATE UNIQUE INDEX {name}"
                f" ON {quote.format_table(self._records)} ({', '.join(names)})"
            )
            text = f"has no primary key on {' and '.join(names)}: records would be stored twice"
            remedy = f"Delete what is there twice, then run: {statement}"
            self._found.faults.append(Fault(text, remedy, (statement,)))
        for key in keys:
            # A prefix of an ID is shared by many.
            if key.columns and not (ours <= set(key.columns) and key.is_of_whole_values):
                text = f"takes each {' with each '.join(key.columns)} once, because of {key.name}"
                remedy = f"Drop {key.name}, which must not be unique"
                self._found.faults.append(Fault(f"{text}: records would be lost", remedy))

    def _compare_indexes(self) -> None:
        existing = self._dialectal.keys(self._inspector)
        first = {index.columns[0] for index in existing if index.columns and index.is_whole}
        first.update(self._primary_key()[:1])
        named = {index.name for index in existing}
        for index in self._records.indexes:
            name = str(index.name)
            if next(iter(index.columns)).name in first:
                continue
            if name in named:
                self._found.differences.append(f"the index {name} is another one")
            else:
                statement = self._definition.indexes[name]
                statement = statement.replace(name, self._free_name(name), 1)
                self._found.lacks.append(Lack(f"the index {name}", statement))

    def _free_name(self, name: str) -> str:
        """Return a name for an index that nothing else has."""
        taken = self._dialectal.taken(self._connection)
        others = (f"{name}_{number}" for number in count(2))
        return next(each for each in chain([name], others) if each not in taken)

    def _look_for_view(self) -> None:
        name = self._view.name
        if name in self._tables:
            self._found.view = "table"
            self._found.differences.append(f"{name} is a table, and should be our view")
        elif name not in self._views:
            self._found.view = "missing"
            self._found.lacks.append(Lack(f"the view {name}", self._definition.view))
        elif not self._view_works():
            self._found.view = "changed"
            self._found.differences.append(f"the view {name} is another one, or does not work")

    def _view_works(self) -> bool:
        try:
            with self._dialectal.attempting(self._connection):
                self._connection.execute(select(self._view).limit(0))
        except SQLAlchemyError as error:
            if getattr(error, "connection_invalidated", False):
                raise
            return False
        return True


def _is_filled(column: Mapping[str, Any]) -> bool:
    """Return whether a row can be inserted without this column."""
    return bool(
        column.get("nullable", True)
        or column.get("default") is not None
        or column.get("autoincrement") is True
        or column.get("computed")
        or column.get("identity")
    )
