"""A SQLite store that refuses records with a variable `bad`, or is down, as its class says."""

from __future__ import annotations

from flask_chest_sqlite import SqliteStore

from flask_chest import BatchRejected, ExporterUnavailable, hookimpl


class PickyStore(SqliteStore):
    type = "picky"
    schemes = ()
    is_down = False
    is_strict = True
    complaint = "does not like `bad`"

    def export(self, batch):
        if type(self).is_down:
            raise ExporterUnavailable("it is down")
        if type(self).is_strict and any("bad" in r["variables"] for r in batch.records()):
            raise BatchRejected(type(self).complaint)
        super().export(batch)


class Plugin:
    """Announces a class of its own, so that each test has its own switches."""

    def __init__(self):
        self.store = type("PickyStore", (PickyStore,), {})

    @hookimpl
    def chest_exporters(self):
        return [self.store]
