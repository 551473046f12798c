"""Carries what waits in the journal to one instance of an exporter."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from flask_chest.errors import BatchRejected
from flask_chest.exporter import Batch
from flask_chest.runtime import fork

if TYPE_CHECKING:
    from flask_chest.exporter import Exporter
    from flask_chest.journal import Chunk, Reader
    from flask_chest.plugins.manager import Plugins
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle


class GivenUp(Exception):
    """The call took so long that nobody waits for it any more."""


class Courier:
    """Opens, feeds and closes one instance of an exporter, always from the same thread.

    Another thread may watch how long a call takes, and give the courier up. It goes no further
    then: another one has its place, with another instance.

    Args:
        name: The exporter's name in CHEST_EXPORTERS.
        max_records: Most records in one batch.
        max_bytes: Most bytes in one batch.
    """

    def __init__(
        self,
        name: str,
        exporter: Exporter,
        reader: Reader,
        *,
        max_records: int,
        max_bytes: int,
        plugins: Plugins,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self.name = name
        self.exporter = exporter
        self._reader = reader
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._plugins = plugins
        self._counters = counters
        self._throttle = throttle
        self.is_open = False
        self._is_busy = False  # since its last rest
        self.is_given_up = False
        self._calling: tuple[str, float] | None = None

    def call(self) -> tuple[str, float] | None:
        """Return the method that is being called and since when (monotonic seconds), or None."""
        return self._calling

    @contextlib.contextmanager
    def _watched(self, method: str) -> Iterator[None]:
        self._calling = (method, time.monotonic())
        try:
            yield
        finally:
            self._calling = None
            if self.is_given_up:
                raise GivenUp

    def deliver(self, is_stopping: Callable[[], bool], arrived: Callable[[], None]) -> bool | None:
        """Deliver what waits at this moment.

        Args:
            is_stopping: Asked before each batch.
            arrived: Called after each.

        Returns:
            True when all has arrived, False when told to stop, None without the turn.

        Raises:
            Exception: Whatever the exporter raises; what has not arrived waits.
        """
        with self._reader.turn() as held:
            if not held:
                return None
            for chunk in self._reader.chunks(self._max_records, self._max_bytes):
                if is_stopping():
                    return False
                self._open()
                self._is_busy = True
                self._export(chunk)
                arrived()
            self._rest()
            return True

    def _open(self) -> None:
        if self.is_open:
            return
        # Set before, so that `close` clears up after an `open` that failed half way.
        self.is_open = True
        # Drivers import modules when they are first used, and a child forked in the middle of an
        # import waits for its end for ever.
        with self._watched("open"), fork.held_off():
            self.exporter.open()

    def _rest(self) -> None:
        if self._is_busy:
            self._is_busy = False
            with self._watched("idle"):
                self.exporter.idle()

    def _export(self, chunk: Chunk) -> None:
        """Deliver a chunk, or those of its records that the database does not refuse."""
        batch = Batch(chunk.lines, chunk.count)
        try:
            with self._watched("export"):
                self.exporter.export(batch)
        except BatchRejected as error:
            if chunk.count > 1:
                for half in chunk.halves():
                    self._export(half)
                return
            self._reject(batch, error)
        else:
            self._counters.add("delivered", self.name, len(batch))
            with self._watched("chest_exported"):
                self._plugins.exported(self.name, batch)
        # Each part by itself: when a later one fails, no record is set aside a second time.
        self._reader.acknowledge(chunk)

    def _reject(self, batch: Batch, error: BatchRejected) -> None:
        self._reader.set_aside(batch.lines, error)
        self._counters.add("rejected", self.name)
        self._throttle.log(
            logging.ERROR,
            f"rejected {self.name}",
            f"The exporter {self.name!r} refused a record, which was set aside: {error}",
            error,
        )
        self.tell(error)

    def tell(self, error: Exception) -> None:
        """Let plugins hear of a failure."""
        with contextlib.suppress(GivenUp), self._watched("chest_export_failed"):
            self._plugins.export_failed(self.name, error)

    def close(self) -> None:
        """Close the exporter if it is open. What it raises then is of no interest."""
        if self.is_open:
            self.is_open = False
            with contextlib.suppress(Exception), self._watched("close"):
                self.exporter.close()
