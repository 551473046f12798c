"""`Delivery`: hands chunks of the journal to one exporter, and keeps what it refuses."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from flask_chest.errors import BatchRejected, ChestError
from flask_chest.exporter import Batch
from flask_chest.record import fault

if TYPE_CHECKING:
    from flask_chest.exporter import Exporter
    from flask_chest.journal import Chunk, Reader
    from flask_chest.plugins.manager import Plugins
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle


class Delivery:
    """Delivers under the lease that its worker holds.

    Args:
        name: The exporter's name in CHEST_EXPORTERS.
        exporter: It is open.
        reader: Of this exporter.
        watched: Wraps each call that may hang, and is told its name.
        failed: Is told of each record that was refused.
    """

    def __init__(
        self,
        name: str,
        exporter: Exporter,
        reader: Reader,
        *,
        watched: Callable[[str], AbstractContextManager[None]],
        failed: Callable[[Exception], None],
        plugins: Plugins,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._name = name
        self._exporter = exporter
        self._reader = reader
        self._watched = watched
        self._failed = failed
        self._plugins = plugins
        self._counters = counters
        self._throttle = throttle
        self.not_kept: OSError | None = None
        """Why a refused record can be kept nowhere now, as on a full disk."""

    def deliver(self, chunk: Chunk) -> None:
        """Deliver a chunk, except for the records that the database refuses.

        Raises:
            Exception: Whatever the exporter raises. What has not arrived waits.
        """
        waiting = [chunk]
        while waiting:
            part = waiting.pop()
            if self._reader.is_blocked(part):
                self._reader.block(part)  # all of its segments wait with it
            elif not part.count:
                self._reader.acknowledge(part)
            elif not self._is_done(part):
                waiting += reversed(self._reader.halve(part))

    def _is_done(self, chunk: Chunk) -> bool:
        """Deliver a chunk; False when it was refused, and has several records."""
        batch = Batch(chunk.lines, chunk.count, chunk.token)
        try:
            with self._watched("export"):
                answer: object = self._exporter.export(batch)
            if inspect.isawaitable(answer):
                if inspect.iscoroutine(answer):
                    answer.close()  # or Python would warn that it was never awaited
                raise ChestError("export is asynchronous, and nothing awaits it")
            if inspect.isgenerator(answer) or inspect.isasyncgen(answer):
                raise ChestError("export has returned a generator, and nothing runs it")
        except BatchRejected as error:
            if chunk.count > 1:
                return False
            self._keep(chunk, error)
            return True
        with self._watched("chest_exported"):
            self._plugins.exported(self._name, batch)
        self._reader.acknowledge(chunk)
        # Last: what is not acknowledged is delivered again, and would be counted twice.
        self._counters.delivered(self._name, len(batch))
        return True

    def _keep(self, chunk: Chunk, error: BatchRejected) -> None:
        try:
            self._reject(chunk, error)
        except OSError as cause:
            self.not_kept = OSError(f"it cannot be kept: {cause}")
            self.not_kept.__cause__ = cause
            self._reader.block(chunk)
        else:
            # Each part by itself: when a later one fails, no record is dead-lettered a second time.
            self._reader.acknowledge(chunk)

    def _reject(self, chunk: Chunk, error: BatchRejected) -> None:
        """Keep a record that was refused: quarantined when it is none, else dead-lettered.

        Only what was refused is looked at: no delivery pays for it.
        """
        line = chunk.lines
        reason = fault(line)
        if reason is not None:
            self._reader.quarantine(chunk, reason)
            self._failed(error)
            return
        self._reader.dead_letter(line, error)
        self._counters.add("rejected", self._name)
        self._throttle.log(
            logging.ERROR,
            f"rejected {self._name}",
            f"The exporter {self._name!r} refused a record, which is dead-lettered: {error}",
            error,
        )
        self._failed(error)
