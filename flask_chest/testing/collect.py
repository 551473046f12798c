"""`collect`: take the records of an application under test before they reach its journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic_core import from_json

from flask_chest.current import KEY
from flask_chest.errors import ChestError
from flask_chest.journal import NoJournal, Reader
from flask_chest.testing.collector import Collector

if TYPE_CHECKING:
    from flask import Flask

    from flask_chest.app_state import AppState


@contextmanager
def collect(app: Flask) -> Iterator[Collector]:
    """Collect the records of an application in a `with` block, instead of delivering them.

    The application may have any exporters. In the block, nothing is written to its journal and no
    thread is started. A record arrives when its request has ended: with Flask's test client, when
    the response has been read.

    Args:
        app: The application, with `init_app` called.

    Raises:
        ChestError: The application has no FlaskChest, or CHEST_ENABLED is off.
    """
    state: AppState | None = app.extensions.get(KEY)
    if state is None:
        raise ChestError(
            f"The application {app.name!r} has no FlaskChest. Call init_app(app) first"
        )
    if not state.options.enabled:
        raise ChestError(
            f"The application {app.name!r} records nothing: CHEST_ENABLED is off. Switch it on "
            "where records are to be collected"
        )
    collector, recorder = Collector(), state.recorder
    writes = (recorder.write, recorder.write_in_tests)
    journal, is_started = state.journal, state.capture.is_delivery_started
    state.journal = _CollectingJournal(collector)
    recorder.write = recorder.write_in_tests = state.journal.append
    state.capture.is_delivery_started = True
    try:
        yield collector
    finally:
        state.journal = journal
        recorder.write, recorder.write_in_tests = writes
        state.capture.is_delivery_started = is_started


class _CollectingJournal(NoJournal):
    """A journal that passes each record to a collector."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def append(self, line: bytes) -> bool:
        self._collector.add([from_json(line)])
        return True

    @property
    def appended(self) -> int:
        return len(self._collector)

    def reader(self, exporter: str) -> Reader:
        raise ChestError(f"The exporter {exporter!r} gets no records while a test collects them")
