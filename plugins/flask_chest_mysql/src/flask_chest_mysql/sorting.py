"""Orders by whole texts. The servers sort by the first kilobyte of each, unless they are told.

Of records whose texts begin alike, a page would have some twice, and others never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask_chest.query.nodes import Field

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

    from flask_chest.query import Order
    from flask_chest_mysql.connection import Flavor

_LENGTH: Final = 2**16
"""Bytes of a key. A text of a record has at most 16,384 characters, which take three bytes each."""

_BUFFER: Final = 32 * _LENGTH
"""Bytes. MariaDB refuses to sort where not even 15 keys have a place."""

_OPTION: Final = "chest_sorts_by_text"
_PREFIX: Final = f"SET STATEMENT max_sort_length = {_LENGTH}, sort_buffer_size = {_BUFFER} FOR "
_HINT: Final = f"/*+ SET_VAR(max_sort_length={_LENGTH}) SET_VAR(sort_buffer_size={_BUFFER}) */"


def is_by_text(order: Order) -> bool:
    """Return whether texts decide an order, other than IDs, which are short."""
    operand = order.operand
    return not isinstance(operand, Field) or (operand.type == "text" and operand.name != "id")


def by_whole_texts(statement: Select[Any], flavor: Flavor) -> Select[Any]:
    """Return a query whose order is that of whole texts."""
    if flavor.is_mariadb:
        return statement.execution_options(**{_OPTION: True})
    return statement.prefix_with(_HINT)


def prefixed(  # noqa: PLR0917 - SQLAlchemy's own
    connection: Connection,
    cursor: object,
    statement: str,
    parameters: Any,  # noqa: ANN401 - of any form
    context: Any,  # noqa: ANN401 - SQLAlchemy's own
    executemany: bool,  # noqa: FBT001 - SQLAlchemy's own
) -> tuple[str, Any]:
    """Put what tells MariaDB before a query. A listener of SQLAlchemy's."""
    del connection, cursor, executemany
    if context is not None and context.execution_options.get(_OPTION):
        statement = _PREFIX + statement
    return statement, parameters
