"""What is found of each exporter and its database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from flask_chest.cli import amounts
from flask_chest.cli.application import is_missing, is_standalone
from flask_chest.cli.exits import way
from flask_chest.cli.findings.found import Found
from flask_chest.cli.output import one_line
from flask_chest.errors import ChestError, ConfigurationError, ExporterUnavailable
from flask_chest.query.times import spoken
from flask_chest.runtime.interrupts import is_interrupt
from flask_chest.settings.exporter_faults import RETENTION
from flask_chest.store import Store, another

if TYPE_CHECKING:
    from datetime import timedelta

    from flask_chest.exporter import Exporter
    from flask_chest.runtime.counters import ExporterStats

_REMEDY: Final = (
    "Look at the {}, and at its address in CHEST_EXPORTERS[{!r}]. Records wait in the "
    "journal, and are delivered by themselves when it answers"
)
_REMEDY_ALONE: Final = "Look at the database, and at its address in --store"


def database_findings(
    exporters: Mapping[str, Exporter],
    stats: Mapping[str, ExporterStats],
    retention: timedelta | None,
) -> Iterator[Found]:
    """Yield what is found of each exporter: whether it can deliver, and what else is worth knowing.

    Args:
        exporters: By name.
        stats: What is known of their delivery.
        retention: How long stores keep records whose entry does not say it; None for ever.
    """
    is_limited = retention is not None or any(
        isinstance(each, Store) and each.retention is not None for each in exporters.values()
    )
    for name, exporter in exporters.items():
        missing = _missing(name, exporter)
        fault = missing or _fault_of_check(name, exporter)
        own = []
        if fault is None:
            yield Found("ok", name, "", "can deliver")
            own = list(_own_findings(name, exporter))
            yield from own
        else:
            yield fault
        if is_limited:
            yield from _retention(
                name, exporter, [each.text for each in own if each.subject == RETENTION]
            )
        if name in stats:
            yield from _delivery(name, stats[name])


def _missing(name: str, exporter: Exporter) -> Found | None:
    """Return that a database is not there yet: to look at it would create it."""
    if not isinstance(exporter, Store) or not is_missing(exporter):
        return None
    try:
        another(exporter).refuse_missing()
    except ConfigurationError as error:
        return Found("warning", name, "", str(error))
    except BaseException as error:  # an exporter may raise anything; `check` says it better
        if is_interrupt(error):
            raise
    return None


def _fault_of_check(name: str, exporter: Exporter) -> Found | None:
    try:
        another(exporter).validate()  # says what is wrong with the configuration; `open` may not
        another(exporter).check()
    except BaseException as error:  # an exporter may raise anything
        if is_interrupt(error):
            raise
        remedy = ""  # other errors of Flask-Chest say it themselves
        if isinstance(error, ExporterUnavailable):
            what = "database" if isinstance(exporter, Store) else "destination"
            remedy = _REMEDY_ALONE if is_standalone() else _REMEDY.format(what, name)
        elif not isinstance(error, ChestError):
            remedy = "Correct or upgrade the plugin of this exporter"
        return Found("error", name, "", _text(error), remedy)
    return None


def _own_findings(name: str, exporter: Exporter) -> Iterator[Found]:
    try:
        findings = another(exporter).findings()
    except BaseException as error:  # an exporter may raise anything
        if is_interrupt(error):
            raise
        yield Found("warning", name, "findings", f"could not look any further: {_text(error)}")
        return
    for finding in findings:
        yield Found.of(name, finding)


def _retention(name: str, exporter: Exporter, said: list[str]) -> Iterator[Found]:
    """Yield how long records are kept, unless the exporter has said it itself.

    Args:
        name: Of the exporter.
        exporter: The exporter.
        said: What it has found of its retention: also what the database itself deletes.
    """
    if RETENTION in exporter.config_model.model_fields:
        return  # it means what the plugin says
    if not isinstance(exporter, Store):
        text = "none, since it is no store: its destination keeps what it was sent"
    elif exporter.retention is None:
        text = "" if said else "records are kept for ever"
    else:
        age = spoken(exporter.retention)
        is_said = any(age in each for each in said)
        text = "" if is_said else f"the leader deletes records older than {age}"
    if text:
        yield Found("ok", name, RETENTION, text)


def _delivery(name: str, stats: ExporterStats) -> Iterator[Found]:
    """Yield what the processes of this host have seen of a destination."""
    if stats.dead_letters:
        newest = stats.last_rejection
        why = "" if newest is None else f", the newest with {one_line(newest)}"
        yield Found(
            "warning",
            name,
            "dead letters",
            f"{amounts.records(stats.dead_letters)} refused by the database{why}",
            f"Look at them: {way('dead-letter list', exporters=[name])}",
        )
    if stats.last_error is not None:
        failing = stats.failing_since
        began = f" since {amounts.since(failing)}" if failing is not None else ""
        yield Found(
            "warning",
            name,
            "delivery",
            f"fails{began}: {one_line(stats.last_error)}",
            f"{amounts.records(stats.pending_records)} wait in the journal, and are retried",
        )


def _text(error: BaseException) -> str:
    kind = "" if isinstance(error, ChestError) else f"{type(error).__name__}: "
    return f"{kind}{error}"
