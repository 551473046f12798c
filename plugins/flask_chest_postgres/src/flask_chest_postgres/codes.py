"""Which of PostgreSQL's error codes mean that a record is at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask_chest.schema import FIELDS

if TYPE_CHECKING:
    from psycopg.errors import Diagnostic

_OF_DATA: Final = ("22", "23")
"""Classes: data exceptions, and violated constraints. `_is_other` has what is none of them."""

_OF_OTHERS: Final = {
    "2200H": "a sequence, of another's default or trigger, is exhausted",
    "23001": "restrict_violation",
    "23503": "foreign_key_violation",
    "23505": "unique_violation: that of the ID is no error",
    "23P01": "exclusion_violation",
}
"""Codes of `_OF_DATA` that only constraints of others raise."""

_TOO_DEEP: Final = "54001"
"""statement_too_complex: the stack is not deep enough for the nesting of a document."""

_TOO_LARGE: Final = "54000"
"""program_limit_exceeded: of a value, or of the server, by the file that says so."""

_FILES_OF_LARGE_VALUES: Final = frozenset(
    {
        "brin_pageops.c",
        "ginentrypage.c",
        "gist.c",
        "hashinsert.c",
        "hio.c",
        "indextuple.c",
        "jsonb_util.c",
        "nbtinsert.c",
        "nbtutils.c",
        "spgdoinsert.c",
        "spgutils.c",
    }
)
"""Of a row, a key of an index, or a document. The code of `varsup.c` and `multixact.c` is the same
when the server takes no transactions until it was vacuumed, and of `bufmgr.c` and `md.c` when a
table can grow no further."""


def is_of_data(code: str, diagnostics: Diagnostic) -> bool:
    """Return whether an error of the insertion is a fault of the records, which are rejected.

    A rejected record is dead-lettered, and a person has to fetch it back. A record that waits is
    delivered by itself once the server can take it. So only what cannot be a state of the server
    is a fault of the data. Everything else is retried, unknown codes included.

    Checked class by class against
    https://www.postgresql.org/docs/18/errcodes-appendix.html. These are states of the server, or a
    schema that is another one: 08 (connection), 25 (such as 25006, read-only), 28 and 42501
    (privileges), 40 (rollback), the rest of 42, 53 (no disk, memory or connection), 55, 57
    (cancelled, shut down), 58 (I/O), F0, XX (corruption), 0A, 21, 38, 39, 44, 72, HV, and P0, which
    a trigger raises.

    Args:
        code: SQLSTATE.
        diagnostics: Of the error.
    """
    if code == _TOO_LARGE:
        return diagnostics.source_file in _FILES_OF_LARGE_VALUES
    return code == _TOO_DEEP or (code.startswith(_OF_DATA) and not _is_other(code, diagnostics))


def _is_other(code: str, diagnostics: Diagnostic) -> bool:
    """Return whether a code of `_OF_DATA` is about something else than the data."""
    if code in _OF_OTHERS:
        return True
    if code == "22023":  # invalid_parameter_value, also of a setting
        return (diagnostics.source_file or "").startswith(("guc", "variable.c"))
    if code == "23502":  # a column of another's that takes no null
        return diagnostics.column_name is not None and diagnostics.column_name not in FIELDS
    # A catalog: two programs have created something at once.
    return diagnostics.schema_name == "pg_catalog"
