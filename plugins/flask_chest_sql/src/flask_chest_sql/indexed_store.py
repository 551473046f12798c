"""A store that creates an index for each variable of `indexed_variables`, and drops old ones."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar, Final

from flask_chest import query
from flask_chest.errors import ConfigurationError
from flask_chest_sql.schema_store import SchemaStore

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from flask_chest_sql.expressions import Path

_MARK: Final = "v_"
"""Behind the prefix of all names, that of an index of a variable. No other name begins so."""

_SHOWN: Final = 20
_not_plain: Final = re.compile(r"[^a-z0-9]+")


class IndexedStore(SchemaStore):
    """The part of a SQL store that is about indexes of variables."""

    variable_index_form: ClassVar[str] = "1"
    """Changes with the definition of the indexes, so that those of an older one are replaced."""

    # -- What a backend defines ------------------------------------------------------------------

    def variable_indexes(self, connection: Connection) -> Collection[str]:
        """Return the names of the indexes of variables: all that begin with `variable_prefix`.

        One that is of no use, as it was not completed, is dropped here, so that it is created
        again.
        """
        del connection
        return ()

    def create_variable_index(self, connection: Connection, name: str, path: Path) -> None:
        """Create an index by which the newest records with a value are found.

        Args:
            connection: In no transaction.
            name: Of the index.
            path: Of the value.
        """
        raise NotImplementedError

    def drop_variable_index(self, connection: Connection, name: str) -> None:
        """Drop an index of a variable.

        Args:
            connection: In no transaction.
            name: Of the index.
        """
        raise NotImplementedError

    # -- Store -----------------------------------------------------------------------------------

    @property
    def variable_prefix(self) -> str:
        """What the name of each index of a variable begins with."""
        return self.tables.records.name.removesuffix("records") + _MARK

    def variable_index(self, path: Path) -> str:
        """Return the name of the index of a variable."""
        return _name(self.variable_prefix, self.variable_index_form, path)

    def wanted_indexes(self) -> dict[str, tuple[str, Path]]:
        """Return by its name each index of `indexed_variables`: the variable, and its path."""
        return {
            self.variable_index(path): (text, path)
            for text in self.indexed_variables
            for path in query.variable_paths([text])
        }

    def index_variables(self) -> list[str]:
        """Create the indexes of `indexed_variables` that are missing; drop those of others.

        Raises:
            ConfigurationError: The database cannot have one of them. The others are there.
            ExporterUnavailable: It cannot be changed now.
        """
        wanted = self.wanted_indexes()
        done: list[str] = []
        refused: list[str] = []
        with self._explained(), self.reading() as connection:
            found = set(self.variable_indexes(connection))
        for name in sorted(found - wanted.keys()):
            with self._explained(), self.reading() as connection:
                self.drop_variable_index(connection, name)
            done.append(f"Dropped the index {name}, which no variable has any more")
        for name, (text, path) in wanted.items():
            if name in found:
                continue
            try:
                with self._explained(), self.reading() as connection:
                    self.create_variable_index(connection, name, path)
            except ConfigurationError as error:
                refused.append(str(error))
            else:
                done.append(f"Created the index {name} of the variable {text}")
        if refused:
            raise ConfigurationError(f"{self.location}: {'; '.join(refused)}")
        return done

    def repair(self) -> list[str]:
        """Create what is missing, the indexes of variables too."""
        done = super().repair()
        if not self.indexed_variables:
            return done
        try:
            self.open()
            return [*done, *self.index_variables()]
        finally:
            self.close()


def _name(prefix: str, form: str, path: Path) -> str:
    """Return the name of an index: at most 61 bytes with a prefix of 30, and its own.

    A part of it can be read, and a digest tells it from all others.
    """
    shown = _not_plain.sub("_", "_".join(path).lower()).strip("_")[:_SHOWN].rstrip("_")
    digest = hashlib.blake2s("\0".join((form, *path)).encode(), digest_size=4).hexdigest()
    return "_".join(filter(None, (f"{prefix}{shown}", digest)))
