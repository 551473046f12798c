"""`Troubles`: how many things are wrong with delivery, for the navigation of each page."""

from __future__ import annotations

import contextlib
import threading
import time
from contextvars import copy_context
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from flask_chest_dashboard.conditions import conditions
from flask_chest_dashboard.shared import Busy

if TYPE_CHECKING:
    from flask_chest_dashboard.asking import Asker

_PATIENCE_SECONDS: Final = 0.05
"""How long a page waits for the number. It takes milliseconds, but for the first time in a process:
500,000 records that wait are counted in a second.
"""

_FRESH_SECONDS: Final = 2.0


class Troubles:
    """Counts what is wrong, in a thread of its own, so that no page waits for it.

    Args:
        asker: Asks the journal.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._number = 0
        self._fresh_until = 0.0
        self._thread: threading.Thread | None = None

    def number(self) -> int:
        """Return how many things are wrong, as far as it is known by now."""
        if time.monotonic() >= self._fresh_until:
            # No lock, which a fork might leave locked: two threads at once do no harm.
            if self._thread is None or not self._thread.is_alive():
                # In the context of the request, which says for which application.
                self._thread = threading.Thread(
                    target=copy_context().run, args=(self._count,), daemon=True
                )
                with contextlib.suppress(RuntimeError):  # as when the interpreter ends
                    self._thread.start()
            if self._thread.ident is not None:
                self._thread.join(_PATIENCE_SECONDS)
        return self._number

    def _count(self) -> None:
        with contextlib.suppress(Busy):
            stats = self._asker.stats()
            now, answered = datetime.now(timezone.utc), self._asker.answered
            found = conditions(stats, None, timezone.utc, now, answered)
            self._number = sum(each.is_bad for each in found)
            self._fresh_until = time.monotonic() + _FRESH_SECONDS
