"""The package's logger, which logs a repeated fault at most once a minute."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time
import traceback
import weakref
from dataclasses import dataclass
from typing import Final

from flask_chest.errors import mask_secrets
from flask_chest.runtime import fork

logger = logging.getLogger("flask_chest")

INTERVAL_SECONDS: Final = 60.0
MAX_MESSAGE: Final = 2_000

_LAST_RESORT: Final = getattr(logging, "_defaultLastResort", logging.lastResort)
"""Python's own, also where the application has replaced it already."""

_HANDLER_NAME: Final = "flask_chest without configured logging"


def raised(error: BaseException) -> str:
    """Return the class of an error and where it was raised, without its text.

    An error in capture may quote a value of the request, such as ``KeyError('s3cret')``, and no
    value may reach the log.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{where}"


class UnconfiguredHandler(logging.Handler):
    """Writes to stderr what no other handler gets: with time, process ID and level, as gunicorn.

    It stands in for `logging.lastResort`, which writes the message alone. Whether the application
    has configured a handler is asked for each line, so that logging may be configured later, and
    no line is written twice.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set_name(_HANDLER_NAME)
        self.setFormatter(
            logging.Formatter(
                "[%(asctime)s] [%(process)d] [%(levelname)s] %(name)s: %(message)s",
                "%Y-%m-%d %H:%M:%S %z",
            )
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, unless a handler is configured for its logger or one above it."""
        if self._others_have(record.name):
            return
        if logging.lastResort is not _LAST_RESORT:  # the application has chosen its own
            if logging.lastResort is not None and record.levelno >= logging.lastResort.level:
                logging.lastResort.handle(record)
            return
        stream = sys.stderr
        if stream is None:  # a process without a console
            return
        try:
            stream.write(f"{self.format(record)}\n")
            stream.flush()
        except Exception:  # noqa: BLE001 - as every handler of `logging`
            self.handleError(record)

    def _others_have(self, name: str) -> bool:
        at: logging.Logger | None = logging.getLogger(name)
        while at is not None:
            if any(handler is not self for handler in at.handlers):
                return True
            at = at.parent if at.propagate else None
        return False


class _Watch(logging.Handler):
    """Notices that logging is configured: `logging.config` begins by closing every handler.

    It belongs to no logger.
    """

    def __init__(self) -> None:
        super().__init__()
        self.has_seen = False
        self.was_disabled = False

    def close(self) -> None:
        """Note it, and whether the logger was disabled before."""
        self.has_seen, self.was_disabled = True, logger.disabled
        super().close()


for _handler in list(logger.handlers):
    if _handler.name == _HANDLER_NAME:  # this module is imported a second time
        logger.removeHandler(_handler)
_unconfigured: Final = UnconfiguredHandler()
logger.addHandler(_unconfigured)
_watch = _Watch()


def restore() -> None:
    """Undo what `dictConfig` and `fileConfig` do to the logger without being asked for it.

    By default they disable each logger that exists and that they do not name: an application that
    is configured as Flask's documentation shows would never hear of a fault. Of a logger that they
    name, they remove the handler. Who wants silence sets the level.
    """
    global _watch  # `logging.config` forgets the handlers that it closed
    if _watch.has_seen:
        was_disabled, _watch = _watch.was_disabled, _Watch()
        logger.disabled = was_disabled
        logger.addHandler(_unconfigured)  # unless it is there


@dataclass
class _LeftOut:
    """Events of one kind that no line has named yet."""

    level: int
    message: str
    at: float
    events: int = 0
    number: int = 0


class Throttle:
    """Logs a message of each kind at most once in `INTERVAL_SECONDS`. Safe from any thread.

    Every event is in one of the lines: in its own, or in the sum of a later one. What is left is
    logged by `log_due` after the minute, by `flush`, or at the end of the process.
    """

    def __init__(self) -> None:
        self._next: dict[str, float] = {}
        restore()
        self.after_fork()
        _throttles.add(self)
        fork.watch(self)

    def after_fork(self) -> None:
        """Leave to the parent what it has still to log."""
        self._lock = threading.RLock()  # a signal handler may log in what it interrupts
        self._left_out: dict[str, _LeftOut] = {}

    def log(
        self,
        level: int,
        kind: str,
        message: str,
        error: BaseException | None = None,
        *,
        number: int = 0,
    ) -> None:
        """Log `message` unless one of the same `kind` was logged less than a minute ago.

        Args:
            level: Level of the standard `logging` module.
            kind: Messages of one kind are counted together. There must be few kinds.
            message: The text; it is not a format string. A long one is cut, as a database may
                quote a whole batch.
            error: What the message quotes, so what may be a password in it is masked. Its
                traceback is logged at level DEBUG only, so that an outage does not fill the log.
            number: How many things the event concerns, such as lost records. The first
                ``{number}`` in the message becomes the sum since the last such line. Without it,
                the line says how many events were left out.
        """
        now = time.monotonic()
        if error is not None:
            message = mask_secrets(message)
        with self._lock:
            event = self._left_out.get(kind) or _LeftOut(level, message, now)
            event.level, event.message, event.at = max(level, event.level), message, now
            event.events += 1
            event.number += number
            if now < self._next.get(kind, 0.0):
                self._left_out[kind] = event
                return
            self._left_out.pop(kind, None)
            self._next[kind] = now + INTERVAL_SECONDS
        _write(event, now, error)

    def log_due(self) -> None:
        """Log what was left out, of each kind whose minute is over."""
        restore()
        if self._left_out:  # this is called often
            self._log_rest(time.monotonic())

    def forget(self, kind: str) -> None:
        """Leave out of all lines what was left out of one kind, as another line has it."""
        with self._lock:
            self._left_out.pop(kind, None)

    def flush(self) -> None:
        """Log all that was left out, as nothing may follow."""
        self._log_rest(float("inf"))

    def _log_rest(self, until: float) -> None:
        now = time.monotonic()
        with self._lock:
            due = [kind for kind in self._left_out if self._next.get(kind, 0.0) <= until]
            events = [self._left_out.pop(kind) for kind in due]
            self._next.update(dict.fromkeys(due, now + INTERVAL_SECONDS))
        for event in events:
            _write(event, now)


def _write(event: _LeftOut, now: float, error: BaseException | None = None) -> None:
    message = event.message
    if len(message) > MAX_MESSAGE:
        message = f"{message[:MAX_MESSAGE]}…"
    notes = []
    if event.number:
        message = message.replace("{number}", f"{event.number:,}", 1)
    elif event.events > 1:
        notes.append(f"{event.events - 1:,} more since the last such message")
    if (age := now - event.at) >= 1.0:
        notes.append(f"the newest {age:.0f} s ago" if event.events > 1 else f"{age:.0f} s ago")
    if notes:
        message = f"{message} ({'; '.join(notes)})"
    restore()
    logger.log(event.level, "%s", message, exc_info=error if logger.isEnabledFor(10) else None)


_throttles: weakref.WeakSet[Throttle] = weakref.WeakSet()


def flush_all() -> None:
    """Log all that was left out in this process, as it ends."""
    for throttle in list(_throttles):
        throttle.flush()


# Before any other function of ours, so that it runs after all of them.
atexit.register(flush_all)
