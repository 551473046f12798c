"""Which records have exceeded their retention, also when the clock of this host is wrong."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from flask_chest.query.times import spoken
from flask_chest.runtime.clock import clock

if TYPE_CHECKING:
    from flask_chest.runtime.log import Throttle
    from flask_chest.store import Store

TRUST: Final = timedelta(days=1)
"""How long a clock must go on without a jump before it is trusted alone."""

_JUMP_SECONDS: Final = 60.0


class Cutoff:
    """Says before which moment the records of one store may be deleted.

    A clock that jumps ahead by years would make every record too old. So until it has run evenly
    for `TRUST`, or for as long as the retention when that is shorter, age is counted from a record
    that is older than that: it was written before the jump. A clock that is trusted is used alone,
    or the last records of a service that has no traffic any more would stay for ever.

    Args:
        name: Of the exporter.
        retention: How long records are kept.
    """

    def __init__(self, name: str, retention: timedelta, throttle: Throttle) -> None:
        self._name = name
        self._retention = retention
        self._trust = min(TRUST, retention)
        self._throttle = throttle
        self.restart()

    def restart(self) -> None:
        """Trust the clock no more, as after a fork or a jump."""
        self._even_since = time.monotonic()
        self._offset = _now() - _elapsed(self._even_since)

    def observe(self) -> None:
        """Notice whether the clock has jumped. To be called every few seconds."""
        offset = _now() - _elapsed(time.monotonic())
        if abs((offset - self._offset).total_seconds()) > _JUMP_SECONDS:
            self.restart()
        else:
            self._offset = offset  # it may be slewed

    def moment(self, store: Store) -> datetime | None:
        """Return the moment; None when no record can be old enough.

        Args:
            store: Asked for its newest records. It is open.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """
        self.observe()
        now = _now()
        wanted = now - self._retention
        if time.monotonic() - self._even_since >= self._trust.total_seconds():
            return wanted
        newest = store.query(limit=1, until=now - self._trust)
        if not newest:
            return None
        known = newest[0].started_at
        if known < wanted:
            self._throttle.log(
                logging.WARNING,
                f"retention {self._name}",
                f"The clock says {now:%Y-%m-%d %H:%M} UTC, and the newest record of the exporter "
                f"{self._name!r} that is older than {spoken(self._trust)} is of "
                f"{known:%Y-%m-%d %H:%M}. Its retention would delete every record up to that one. "
                "It waits for a day; set the clock if it is wrong",
            )
        return min(known, now) - self._retention


def _now() -> datetime:
    return datetime.fromtimestamp(clock.unix_us() / 1e6, tz=timezone.utc)


def _elapsed(monotonic: float) -> timedelta:
    return timedelta(seconds=monotonic)
