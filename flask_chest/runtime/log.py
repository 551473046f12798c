"""The package's logger, which logs a repeated fault at most once a minute."""

from __future__ import annotations

import logging
import time
import traceback

logger = logging.getLogger("flask_chest")

INTERVAL_SECONDS = 60.0
MAX_MESSAGE = 2_000


def raised(error: BaseException) -> str:
    """Return the class of an error and where it was raised, without its text.

    An error in capture may quote a value of the request, such as ``KeyError('s3cret')``, and no
    value may reach the log.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{where}"


class Throttle:
    """Logs a message of each kind at most once in `INTERVAL_SECONDS`, and counts the others."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def log(self, level: int, kind: str, message: str, error: BaseException | None = None) -> None:
        """Log `message` unless one of the same `kind` was logged less than a minute ago.

        Args:
            level: Level of the standard `logging` module.
            kind: Messages of one kind are counted together. There must be few kinds.
            message: The text; it is not a format string. A long one is cut, as a database may
                quote a whole batch.
            error: Its traceback is logged at level DEBUG only, so that an outage does not fill
                the log.
        """
        now = time.monotonic()
        if now < self._next.get(kind, 0.0):
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        self._next[kind] = now + INTERVAL_SECONDS
        if len(message) > MAX_MESSAGE:
            message = f"{message[:MAX_MESSAGE]}…"
        if left_out := self._left_out.pop(kind, 0):
            message = f"{message} ({left_out} more since the last such message)"
        logger.log(level, "%s", message, exc_info=error if logger.isEnabledFor(10) else None)
