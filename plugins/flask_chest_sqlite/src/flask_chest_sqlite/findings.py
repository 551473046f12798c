"""What `flask chest check` says of a database file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flask_chest.exporter import Finding
from flask_chest.schema import PREFIX
from flask_chest_sqlite import disk

if TYPE_CHECKING:
    from sqlalchemy import Connection

_MIB: Final = 2**20


def look(connection: Connection, path: Path) -> Iterator[Finding]:
    """Yield version, journal mode, rights and size."""

    def ask(statement: str) -> object:
        return connection.exec_driver_sql(statement).scalar()

    yield Finding("ok", "version", f"SQLite {ask('SELECT sqlite_version()')}")
    mode = ask("PRAGMA journal_mode")
    if mode == "wal":
        yield Finding("ok", "journal mode", "WAL: readers and the writer do not wait")
    else:
        yield Finding(
            "warning",
            "journal mode",
            f"{mode}: readers and the writer wait for each other",
            "SQLite's WAL needs a local disk: move the file off the network",
        )
    if wrong := disk.reason(path):
        yield Finding("error", "file", wrong)
    yield from _size(
        path, int(str(ask("PRAGMA freelist_count"))), int(str(ask("PRAGMA page_size")))
    )
    if not ask(f"SELECT count(*) FROM pragma_table_info('{PREFIX}records') WHERE name = 'weight'"):
        return
    span = ask(f"SELECT max(rowid) - min(rowid) + 1 FROM {PREFIX}records")
    if span is not None:  # else there are none, which is said of every SQL database
        yield Finding("ok", "records", f"at most {int(str(span)):,}")


def _size(path: Path, free_pages: int, page_size: int) -> Iterator[Finding]:
    size = path.stat().st_size / _MIB
    free = free_pages * page_size / _MIB
    if size < 1:  # MiB, as without a record
        return
    text = f"{size:,.0f} MiB, of which {free:,.0f} MiB are free for new records"
    if free > max(size / 2, 100):
        remedy = "To give it back to the disk, stop the application and run VACUUM"
        yield Finding("warning", "size", text, remedy)
    else:
        yield Finding("ok", "size", text)
