"""What an application has recorded, after its process has ended."""

from __future__ import annotations

import contextlib
import sqlite3


def records_in(folder, make_chest, app, columns):
    """Deliver what an ended process has left, if anything; return the rows.

    Args:
        folder: What has the folder `instance`, with the default journal and database.
        make_chest: The fixture.
        app: Any application, to deliver with.
        columns: Of `chest_records`, separated by commas.
    """
    database = folder / "instance" / "chest.sqlite3"
    journal = folder / "instance" / "chest"
    chest = make_chest(journal=str(journal), exporters={"main": f"sqlite:///{database}"})
    chest.init_app(app)
    assert chest.flush(30)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute(f"SELECT {columns} FROM chest_records").fetchall()
