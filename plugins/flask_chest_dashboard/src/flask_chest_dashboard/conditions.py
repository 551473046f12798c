"""What is wrong with delivery now, in words, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

from flask_chest_dashboard import formats

if TYPE_CHECKING:
    from flask_chest import ExporterStats, Stats
    from flask_chest_dashboard.asking import Answered

_NEARLY_FULL: Final = 0.8
_LITTLE_BYTES: Final = 8 * 1_024**2
"""Free on the disk of the journal, below which it may be full soon: as of `flask chest check`."""

_STALE: Final = timedelta(minutes=5)
"""A database that did not answer so long ago may be back: nobody has asked it since."""

_LEADER_SECONDS: Final = 30.0
"""How long records may wait for a leader: after a start, there is none before the first request."""


@dataclass(frozen=True)
class Condition:
    """Something that somebody should know.

    Attributes:
        text: What is the case.
        remedy: What to do.
        is_bad: Whether it is a fault.
    """

    text: str
    remedy: str
    is_bad: bool = True


@dataclass(frozen=True)
class State:
    """How delivery to one exporter is going.

    Attributes:
        text: In a sentence.
        is_bad: Whether it does not deliver though it should.
        is_idle: Whether nothing waits.
    """

    text: str
    is_bad: bool = False
    is_idle: bool = False


def conditions(
    stats: Stats,
    fault: str | None,
    zone: tzinfo,
    now: datetime,
    answered: Answered | None = None,
) -> list[Condition]:
    """Return what is wrong, the worst first; nothing when all is well.

    Args:
        stats: Of `chest.stats()`.
        fault: Of `chest.journal_fault()`.
        zone: In which times are written.
        now: An aware datetime.
        answered: Whether the database answered the last question of a page; None before it.
    """
    found = [*_of_journal(stats, fault)]
    for name, exporter in stats.exporters.items():
        found += _of_exporter(name, exporter, stats, zone, now)
    is_known = any(each.failing_since is not None for each in stats.exporters.values())
    if answered is not None and not answered.is_reached and not is_known:
        found += _of_store(answered, stats, zone, now)
    return found


def wellness(stats: Stats, answered: Answered | None, zone: tzinfo, now: datetime) -> str:
    """Return what is known when there is no condition, and what is not.

    Args:
        stats: Of `chest.stats()`.
        answered: As for `conditions`.
        zone: In which times are written.
        now: An aware datetime.
    """
    waiting = sum(each.pending_records for each in stats.exporters.values())
    if waiting:
        text = f"{_records(waiting)} {'is' if waiting == 1 else 'are'} on the way."
    else:
        text = "Nothing waits to be delivered."
    text = f"The journal takes records. {text}"
    if answered is not None and answered.is_reached:
        asked = f"{_clock(answered.at, zone)} ({_span(answered.at, now)} ago)"
        return f"{text} The database that the pages ask answered at {asked}."
    if waiting:
        return text
    return (
        f"{text} Until something has to be, this page does not know whether a database is reached."
    )


def _of_store(answered: Answered, stats: Stats, zone: tzinfo, now: datetime) -> Iterator[Condition]:
    waiting = sum(each.pending_records for each in stats.exporters.values())
    late = f"{_records(waiting)} {_are('wait', waiting)}" if waiting else "Nothing waits"
    yield Condition(
        f"The database that the pages ask could not be reached at {_clock(answered.at, zone)} "
        f"({_span(answered.at, now)} ago). {late} to be delivered now; what is recorded waits in "
        "the journal.",
        "Mend the database. Open Overview to ask it again.",
        is_bad=now - answered.at < _STALE,
    )


def _of_journal(stats: Stats, fault: str | None) -> Iterator[Condition]:
    if stats.mode:
        yield Condition(f"{stats.mode}.", "", is_bad=False)
    if fault is not None:
        yield Condition(
            f"The journal takes no records now: {fault}. Requests are answered, and their records "
            "are lost.",
            "Make room on its disk, or give its folder back to the user of the application. It "
            "goes on by itself with the next request.",
        )
    journal = stats.journal
    if journal is not None and journal.size_bytes >= _NEARLY_FULL * journal.max_bytes > 0:
        yield Condition(
            f"The journal is nearly full: {formats.size(journal.size_bytes)} of "
            f"{formats.size(journal.max_bytes)}. At its limit, records are lost.",
            "Mend the exporter that is behind, or raise CHEST_JOURNAL_MAX_BYTES.",
        )
    if journal is not None and journal.disk_free_bytes is not None:
        yield from _of_disk(journal.disk_free_bytes, journal.max_bytes - journal.size_bytes)


def _of_disk(free: int, room: int) -> Iterator[Condition]:
    """Yield whether the disk is full before the journal is at its limit."""
    if free < room:
        yield Condition(
            f"The disk of the journal has {formats.size(free)} free, and the journal may still "
            f"grow by {formats.size(room)}. When the disk is full, records are lost.",
            "Make room on it, or lower CHEST_JOURNAL_MAX_BYTES.",
            is_bad=free < _LITTLE_BYTES,
        )


def _of_exporter(
    name: str, exporter: ExporterStats, stats: Stats, zone: tzinfo, now: datetime
) -> Iterator[Condition]:
    waiting = _records(exporter.pending_records)
    if exporter.failing_since is not None:
        yield Condition(
            f"{name} cannot deliver since {_clock(exporter.failing_since, zone)} "
            f"({_span(exporter.failing_since, now)}). {waiting} {_wait(exporter)} in the journal; "
            "none is lost while it has room.",
            "Mend the database: the last error is below. Delivery goes on by itself.",
        )
    elif _has_no_leader(exporter, stats):
        yield Condition(
            f"No process delivers, and {waiting} {_wait(exporter)} for {name}.",
            "Send the application a request, or run: flask chest flush. Under uWSGI, set "
            "enable-threads = true.",
        )
    if exporter.dead_letters:
        yield Condition(
            f"{name} has {_letters(exporter.dead_letters)}: its database refused the records.",
            "Look at the errors below, mend the cause, and retry them.",
        )


def state(exporter: ExporterStats, stats: Stats, zone: tzinfo, now: datetime) -> State:
    """Return how delivery to an exporter is going."""
    if stats.mode:
        return State("Nothing is delivered now.")
    if exporter.failing_since is not None:
        since = _clock(exporter.failing_since, zone)
        span = _span(exporter.failing_since, now)
        text = (
            f"Waiting for the database since {since} ({span}). "
            f"{_next_attempt(exporter, stats, zone, now)}"
        )
        return State(text, is_bad=True)
    if not exporter.pending_bytes:
        return State("Nothing waits.", is_idle=True)
    if _has_no_leader(exporter, stats):
        return State("Records wait, and no process delivers.", is_bad=True)
    return State("Delivering.")


def _next_attempt(exporter: ExporterStats, stats: Stats, zone: tzinfo, now: datetime) -> str:
    due = exporter.next_retry_at
    if due is None and stats.scope != "host":
        return "This process tries again by itself."
    if due is None and stats.leader is not None:  # the newest attempt was that of another process
        return (
            f"Process {stats.leader.pid}, the leader, tries again by itself: at its next interval, "
            "or when its pause after a failure is over."
        )
    if due is None:
        return "No process delivers now. One tries again from its first request on."
    if due <= now:
        return "The next attempt is due now."
    return f"Next attempt at {_clock(due, zone)}, in {_span(now, due)}."


def _has_no_leader(exporter: ExporterStats, stats: Stats) -> bool:
    return (
        not stats.mode
        and stats.scope == "host"
        and stats.leader is None
        and exporter.pending_bytes > 0
        and exporter.lag_seconds > _LEADER_SECONDS
    )


def _clock(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _span(begin: datetime, end: datetime) -> str:
    return formats.seconds(max(0.0, (end - begin).total_seconds()))


def _records(number: int) -> str:
    return f"{formats.number(number)} record{'' if number == 1 else 's'}"


def _wait(exporter: ExporterStats) -> str:
    return _are("wait", exporter.pending_records)


def _are(verb: str, number: int) -> str:
    return f"{verb}s" if number == 1 else verb


def _letters(number: int) -> str:
    return f"{formats.number(number)} dead letter{'' if number == 1 else 's'}"
