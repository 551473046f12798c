"""Creates again what is missing, and puts right what `open` tolerates."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flask_chest.errors import ConfigurationError
from flask_chest_clickhouse import ddl
from flask_chest_clickhouse.differences import differences

if TYPE_CHECKING:
    from flask_chest_clickhouse.config import ClickHouseConfig
    from flask_chest_clickhouse.connection import Connection
    from flask_chest_clickhouse.schema import Schema


def repair(
    connection: Connection,
    schema: Schema,
    config: ClickHouseConfig,
    retention: timedelta | None,
    *,
    knows_retention: bool,
) -> list[str]:
    """Put right what can be; return what was done, one sentence each.

    Args:
        connection: To the server.
        schema: Of the store.
        config: Of the store.
        retention: How long records are kept; None for ever.
        knows_retention: Whether that is known. Else the TTL stays as it is.

    Raises:
        SchemaMismatch: The tables are newer than this version, or somebody else's.
        ConfigurationError: Something differs that only a person can put right.
    """
    before = schema.found()
    schema.refuse_foreign(before)
    done = [
        f"created {statement.what}"
        for statement in ddl.creation(config, retention)
        if statement.name not in before
    ]
    schema.prepare(retention)
    found = schema.found()
    left = []
    for each in differences(schema, config, found):
        if not each.statements:
            left.append(f"{each.what} {each.text}. {each.remedy}")
        for statement in each.statements:
            connection.ask(statement)
        if each.statements:
            done.append(f"put right that {each.what} {each.text}")
    if schema.names.variables in before and not schema.can_read_view():
        connection.ask(ddl.replacement(config))
        done.append(f"replaced the view {schema.names.variables}, which had been changed")
    if knows_retention and (change := schema.expire_after(retention, found)):
        done.append(change)
    if left:
        raise ConfigurationError(f"{connection.location}: {'; '.join([*done, *left])}")
    return done
