"""What becomes of records while the TESTING of their application is on."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ChestError
from flask_chest.exporter import Batch, Exporter
from flask_chest.journal import memory
from flask_chest.memory_store import MemoryStore
from flask_chest.store import Store

if TYPE_CHECKING:
    from flask import Flask

    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle
    from flask_chest.settings.model import Settings

_said: Final[set[str]] = set()
"""The applications of which this process has said it. A test suite may make one for each test."""


class UnderTest:
    """Keeps the records of an application in memory while its TESTING is on.

    Tests set TESTING before `init_app`, after it, or between two requests, so that it is read
    whenever it matters.

    Args:
        app: The application.
        exporters: By name. When all of them are made for tests, records are delivered as always.
    """

    def __init__(
        self,
        app: Flask,
        options: Settings,
        exporters: Mapping[str, Exporter],
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._app = weakref.ref(app)  # a thread that deletes old records asks whether it is on
        self._name = app.name
        # Whether records are delivered even then.
        self.may_deliver = options.testing == "deliver" or (
            bool(exporters) and all(exporter.for_tests for exporter in exporters.values())
        )
        self._has_store = any(isinstance(each, Store) for each in exporters.values())
        self._for_tests = {n: each for n, each in exporters.items() if each.for_tests}
        self._counters = counters
        self._throttle = throttle
        self.store = MemoryStore(options.journal_max_bytes or memory.MAX_BYTES)
        self.appended = 0

    @property
    def is_on(self) -> bool:
        """Whether records stay in memory now."""
        app = self._app()
        return not self.may_deliver and app is not None and bool(app.config.get("TESTING"))

    def append(self, line: bytes) -> bool:
        """Keep one record, a line of JSON with its line feed. Never raises."""
        self._say()
        self.appended += 1
        dropped = self.store.append(line)
        if dropped:
            self._counters.add("dropped", "memory_full", dropped)
        for name, exporter in self._for_tests.items():
            try:
                exporter.export(Batch(line, 1))
            except ChestError as error:
                self._throttle.log(
                    logging.WARNING,
                    f"failed {name}",
                    f"The exporter {name!r} does not take a record under test: {error}",
                    error,
                )
        return True

    def after_fork(self) -> None:
        """Start empty in a forked child, whose parent keeps its own records."""
        self.appended = 0
        self.store.after_fork()

    def _say(self) -> None:
        if self._name in _said:
            return
        _said.add(self._name)
        store = "chest.store() and " if self._has_store else ""
        self._throttle.log(
            logging.WARNING,
            "testing",
            f"TESTING is on: the records of {self._name!r} stay in memory, and nothing is "
            f"delivered. See them with {store}flask_chest.testing.collect(app). To deliver in "
            "tests, set CHEST_TESTING = 'deliver'",
        )
