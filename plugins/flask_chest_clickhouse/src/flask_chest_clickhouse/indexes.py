"""The skipping indexes of variables, by CHEST_INDEXED_VARIABLES.

Of each 8,192 records one has a Bloom filter of the values. A question for a rare value passes over
those that cannot have it. They are merged into the parts of the table that are there already in the
background, and stored with each new part.

https://clickhouse.com/docs/optimize/skipping-indexes
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Final

from flask_chest import query
from flask_chest_clickhouse import ddl, values
from flask_chest_clickhouse.connection import Connection, identifier, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask_chest_clickhouse.config import ClickHouseConfig

_TYPE: Final = "bloom_filter(0.01) GRANULARITY 1"
_SHOWN: Final = 40
"""Characters of a variable in the name of its index."""

_not_plain: Final = re.compile(r"[^a-z0-9]+")


class VariableIndexes:
    """The indexes of variables of one store.

    Args:
        config: Of the store.
        variables: As CHEST_INDEXED_VARIABLES names them.
    """

    def __init__(self, config: ClickHouseConfig, variables: Iterable[str]) -> None:
        self._config = config
        self._prefix = f"{config.table_prefix}v_"
        self._wanted = {
            self._name(path): (text, path)
            for text in variables
            for path in query.variable_paths([text])
        }

    @property
    def names(self) -> set[str]:
        """Names of the indexes that are wanted."""
        return set(self._wanted)

    def variable(self, name: str) -> str:
        """Return the variable that an index is wanted for, as CHEST_INDEXED_VARIABLES has it."""
        return self._wanted[name][0]

    def creation(self) -> list[str]:
        """Return the statements that create them."""
        return [self._alter(self._addition(name)) for name in self._wanted]

    def apply(self, connection: Connection) -> list[str]:
        """Create what is missing, and drop what no variable has any more; return what was done."""
        done = []
        found = self.found(connection)
        for name in sorted(found - self.names):
            connection.ask(self._alter(f"DROP INDEX IF EXISTS {identifier(name)}"))
            done.append(f"Dropped the index {name}, which no variable has any more")
        for name, (text, _) in self._wanted.items():
            if name in found:
                continue
            connection.ask(self._alter(self._addition(name)))
            # It goes on in the background: parts without the index are read as before.
            connection.ask(
                self._alter(f"MATERIALIZE INDEX {identifier(name)}"), settings={"mutations_sync": 0}
            )
            done.append(f"Created the index {name} of the variable {text}")
        return done

    def found(self, connection: Connection) -> set[str]:
        """Return the names of the indexes of variables that are there."""
        answer = connection.ask(
            "SELECT name FROM system.data_skipping_indices WHERE database = currentDatabase() "
            f"AND table = {quoted(ddl.names_of(self._config).stored)} "
            f"AND startsWith(name, {quoted(self._prefix)}) FORMAT JSONCompactEachRow"
        )
        return {json.loads(line)[0] for line in answer.splitlines()}

    def _addition(self, name: str) -> str:
        _, path = self._wanted[name]
        # The expression is that of the filters: an index serves the same expression alone.
        return f"ADD INDEX IF NOT EXISTS {identifier(name)} ({values.value(path)}) TYPE {_TYPE}"

    def _alter(self, change: str) -> str:
        table = identifier(ddl.names_of(self._config).stored)
        return f"ALTER TABLE {table}{ddl.on_cluster(self._config)} {change}"

    def _name(self, path: values.Path) -> str:
        """Return the name of an index: a part that can be read, and a digest."""
        shown = _not_plain.sub("_", "_".join(path).lower()).strip("_")[:_SHOWN].rstrip("_")
        digest = hashlib.blake2s("\0".join(path).encode(), digest_size=4).hexdigest()
        return "_".join(filter(None, (f"{self._prefix}{shown}", digest)))
