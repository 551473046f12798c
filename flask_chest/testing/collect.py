"""`collect`: take the records of an application under test before they reach its journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from pydantic_core import from_json

from flask_chest.current import KEY
from flask_chest.errors import ChestError
from flask_chest.journal import LEASE_SECONDS, Erased, Journal, Matches, Reader
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
        ChestError: The application has no FlaskChest.
    """
    state: AppState | None = app.extensions.get(KEY)
    if state is None:
        raise ChestError(
            f"The application {app.name!r} has no FlaskChest. Call init_app(app) first"
        )
    collector = Collector()
    journal, is_started = state.journal, state.capture.is_delivery_started
    state.journal = _CollectingJournal(collector)
    state.recorder.write, state.capture.is_delivery_started = state.journal.append, True
    try:
        yield collector
    finally:
        state.journal = journal
        state.recorder.write, state.capture.is_delivery_started = journal.append, is_started


class _CollectingJournal(Journal):
    """A journal that passes each record to a collector."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def append(self, line: bytes) -> bool:
        self._collector.add([from_json(line)])
        return True

    @property
    def appended(self) -> int:
        return len(self._collector)

    def start(self) -> None: ...

    def reader(self, exporter: str) -> Reader:
        raise ChestError(f"The exporter {exporter!r} gets no records while a test collects them")

    def try_lead(self) -> bool:
        return False

    def resign(self) -> None: ...

    def prune(self) -> None: ...

    def erase(
        self,
        matches: Matches,  # noqa: ARG002 - the test has the records
        timeout_seconds: float = LEASE_SECONDS,  # noqa: ARG002
    ) -> AbstractContextManager[Erased]:
        return nullcontext(Erased())

    def close(self) -> None: ...

    def after_fork(self) -> None: ...
