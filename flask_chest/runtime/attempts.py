"""How the last attempts to deliver to an exporter ended, as seen by one process or by a host."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Final

from flask_chest.errors import mask_secrets
from flask_chest.runtime.clock import clock
from flask_chest.runtime.log import MAX_MESSAGE

_LAST: Final = 253_402_300_799.0
"""The last second of the year 9999: no `datetime` is later."""


@dataclass(frozen=True)
class Attempts:
    """How the last attempts to deliver to one exporter ended. Moments are Unix time in seconds.

    Attributes:
        last_error: Text of the newest failure, without passwords; None after a success.
        failing_since: When the first of the failures in a row was; None after a success.
        failed_at: When the last failure was; None before the first.
        succeeded_at: When the last success was; None before the first.
        next_retry_at: When the next attempt is due; None after a success.
        delivered_at: When records were committed last; None before the first. An attempt also
            succeeds when all its records are refused.
    """

    last_error: str | None = None
    failing_since: float | None = None
    failed_at: float | None = None
    succeeded_at: float | None = None
    next_retry_at: float | None = None
    delivered_at: float | None = None

    def failed(self, error: str, retry_seconds: float) -> Attempts:
        """Return what is known after a failure.

        Args:
            error: Its text.
            retry_seconds: From now to the next attempt.
        """
        now = unix_seconds()
        return Attempts(
            last_error=shown(error),
            failing_since=now if self.failing_since is None else self.failing_since,
            failed_at=now,
            succeeded_at=self.succeeded_at,
            next_retry_at=now + retry_seconds,
            delivered_at=self.delivered_at,
        )

    def succeeded(self) -> Attempts:
        """Return what is known after a success."""
        return Attempts(
            failed_at=self.failed_at, succeeded_at=unix_seconds(), delivered_at=self.delivered_at
        )

    def delivered(self) -> Attempts:
        """Return what is known once records were committed."""
        return replace(self, delivered_at=unix_seconds())

    def of_ended_process(self) -> Attempts:
        """Return what holds once its process has ended, which makes no further attempt."""
        return replace(self, next_retry_at=None)


def merged(parts: Iterable[Attempts]) -> Attempts:
    """Return what several processes know together: the newest attempt decides."""
    known = list(parts)
    succeeded_at = max((part.succeeded_at for part in known if part.succeeded_at), default=None)
    failed_at = max((part.failed_at for part in known if part.failed_at), default=None)
    delivered_at = max((part.delivered_at for part in known if part.delivered_at), default=None)
    failing = [
        part
        for part in known
        if part.last_error is not None and (part.failed_at or 0.0) >= (succeeded_at or 0.0)
    ]
    if not failing:
        return Attempts(failed_at=failed_at, succeeded_at=succeeded_at, delivered_at=delivered_at)
    newest = max(failing, key=lambda part: part.failed_at or 0.0)
    began = [part.failing_since for part in failing if part.failing_since is not None]
    return Attempts(
        last_error=newest.last_error,
        # Another process may have succeeded since one of them began to fail.
        failing_since=max(min(began), succeeded_at or 0.0) if began else newest.failed_at,
        failed_at=failed_at,
        succeeded_at=succeeded_at,
        next_retry_at=newest.next_retry_at,
        delivered_at=delivered_at,
    )


def shown(error: str) -> str:
    """Return the text of an error as it may be stored and shown: without passwords, not long."""
    text = mask_secrets(error[: 2 * MAX_MESSAGE])
    return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}…"


def unix_seconds() -> float:
    """Return the Unix time in seconds."""
    return clock.unix_us() / 1e6


def moment(seconds: float | None) -> datetime | None:
    """Return a Unix time in seconds as a datetime in UTC; None for one that makes no sense."""
    if seconds is None or not 0 <= seconds <= _LAST:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc)
