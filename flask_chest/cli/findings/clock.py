"""What is found of the clock, by which records are ordered and kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from flask_chest.cli import amounts
from flask_chest.cli.findings.found import Found
from flask_chest.cli.unconfigured import Unconfigured
from flask_chest.store import Store, another

if TYPE_CHECKING:
    from flask_chest.exporter import Exporter

_TOLERANCE_SECONDS: Final = 2.0
_REMEDY: Final = "Let NTP (chrony, systemd-timesyncd) set the clocks of all hosts"
_FIRST_RELEASE: Final = datetime(2024, 1, 1, tzinfo=timezone.utc)


class ClockWatch:
    """Compares the wall clock with the monotonic one, from its making on."""

    def __init__(self) -> None:
        self._difference = time.time() - time.monotonic()

    def jump_seconds(self) -> float:
        """Return how far the wall clock was set forward meanwhile; negative for back."""
        return time.time() - time.monotonic() - self._difference


def clock_findings(
    watch: ClockWatch, exporters: Mapping[str, Exporter], newest_segment: float | None
) -> Iterator[Found]:
    """Yield what is wrong with the clock of this host, as far as records tell.

    Args:
        watch: Made when the command began.
        exporters: Whose newest records are looked at.
        newest_segment: When the newest file of the journal was made, as Unix time in seconds.
    """
    now = datetime.now(timezone.utc)
    found = list(_faults(watch, exporters, newest_segment, now))
    yield from found or [Found("ok", "clock", "", amounts.moment(now))]


def _faults(
    watch: ClockWatch,
    exporters: Mapping[str, Exporter],
    newest_segment: float | None,
    now: datetime,
) -> Iterator[Found]:
    if now < _FIRST_RELEASE:
        yield Found(
            "error", "clock", "", f"it is {amounts.moment(now)} here, which is past", _REMEDY
        )
    jump = watch.jump_seconds()
    if abs(jump) > _TOLERANCE_SECONDS:
        way = "forward" if jump > 0 else "back"
        text = f"it was set {way} by {amounts.span(abs(jump))} while this command ran"
        yield Found("warning", "clock", "jump", text, _REMEDY)
    if newest_segment is not None:
        ahead = newest_segment - now.timestamp()
        if ahead > _TOLERANCE_SECONDS:
            text = f"the newest file of the journal is from {amounts.span(ahead)} after now"
            yield Found("warning", "clock", "journal", f"{text}: it was set back", _REMEDY)
    for name, exporter in exporters.items():
        started_at = _newest_record(exporter)
        if started_at is not None and started_at - now > timedelta(seconds=_TOLERANCE_SECONDS):
            ahead = (started_at - now).total_seconds()
            text = f"the newest record of {name!r} is from {amounts.span(ahead)} after now"
            yield Found(
                "warning",
                "clock",
                name,
                f"{text}: another host is ahead, or this one back",
                _REMEDY,
            )


def _newest_record(exporter: Exporter) -> datetime | None:
    """Return when the newest record of a store started; None when nobody can tell."""
    if not isinstance(exporter, Store) or isinstance(exporter, Unconfigured):
        return None
    store = another(exporter)
    store.rollups = False  # which would be created
    try:
        store.refuse_missing()  # `open` would create it
        store.open()
        found = store.query(limit=1)
    except Exception:  # noqa: BLE001 - an exporter may raise anything; it is said elsewhere
        return None
    finally:
        store.close()
    return found[0].started_at if found else None
