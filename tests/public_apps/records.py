"""The records of an application whose process has ended."""

from __future__ import annotations

import contextlib
import sqlite3


def records_in(folder, make_chest, app, columns):
    """Deliver what an ended process left; return the rows.

    Args:
        folder: Parent of the folder `instance`, with the default journal and database.
        make_chest: The fixture.
        app: An application to deliver with.
        columns: Columns of `chest_records`, separated by commas.
    """
    database = folder / "instance" / "chest.sqlite3"
    journal = folder / "instance" / "chest"
    chest = make_chest(journal=str(journal), exporters={"main": f"sqlite:///{database}"})
    chest.init_app(app)
    assert chest.flush(120)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute(f"SELECT {columns} FROM chest_records").fetchall()
