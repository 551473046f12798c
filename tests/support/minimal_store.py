"""A store of somebody else, whose every operation can be made to fail."""

from __future__ import annotations

from support.list_store import ListStore

from flask_chest import hookimpl


class Minimal(ListStore):
    """A store of somebody else, with no more than it must have."""

    type = "minimal"
    shared = None
    error = None

    def __init__(self, _config):
        super().__init__(before=self._fail)
        self.kept = self.shared

    def _fail(self):
        if self.error is not None:
            raise self.error


class Plugin:
    """Announces a class of its own, so that each test has its own records."""

    def __init__(self):
        self.store = type("Minimal", (Minimal,), {"shared": {}})

    @hookimpl
    def chest_exporters(self):
        return [self.store]
