"""`flask chest status`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click
from flask.cli import with_appcontext

from flask_chest.cli import amounts
from flask_chest.cli.application import current_state, is_standalone
from flask_chest.cli.exits import way
from flask_chest.cli.journal_state import state_of
from flask_chest.cli.options import Amount
from flask_chest.cli.output import echo, echo_json, one_line
from flask_chest.cli.status_data import status_data
from flask_chest.cli.streams import has_reader, is_terminal

if TYPE_CHECKING:
    from flask_chest.cli.journal_state import JournalState
    from flask_chest.runtime.counters import ExporterStats, Stats

_WATCH_SECONDS: Final = 2.0
_MEASURED_SECONDS: Final = 60.0
"""Over so long, the growth of the journal is measured at least."""

_HOME_AND_CLEAR: Final = "\x1b[H\x1b[J"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option(
    "--watch",
    type=Amount(min=0.1),
    is_flag=False,
    flag_value=_WATCH_SECONDS,
    default=None,
    metavar="[SECONDS]",
    help="Print it again and again, by default every 2 seconds, until Ctrl-C.",
)
@with_appcontext
def status(as_json: bool, watch: float | None) -> None:  # noqa: FBT001 - click's own way
    """Show what waits, who delivers, and what went wrong.

    For the whole host: the counters of all processes that share the journal. The exit status is 1
    when no record can be kept now, so that each one is lost.

    \b
    Examples:
      flask chest status
      flask chest status --watch 5 --json
    """  # noqa: D301 - click reads \b as "keep these lines"
    if watch is None:
        journal = _print(as_json=as_json)
        if journal is not None and journal.fault is not None:
            raise click.ClickException(_loss(journal))
        return
    is_screen = is_terminal(sys.stdout) and not as_json
    try:
        while has_reader():
            if is_screen:
                click.echo(_HOME_AND_CLEAR, nl=False)
            _print(as_json=as_json)
            if not (is_screen or as_json):
                echo("")
            time.sleep(watch)
    except KeyboardInterrupt:
        if is_screen:
            click.echo()


def _print(*, as_json: bool) -> JournalState | None:
    folder = current_state().journal.folder
    # First, as it refuses to say that nothing waits where the journal cannot be read.
    journal = None if folder is None else state_of(folder)
    stats = current_state().stats()
    if as_json:
        echo_json(status_data(stats, journal))
    else:
        for line in [_NOT_GIVEN] if journal is None and is_standalone() else lines(stats, journal):
            echo(line)
    return journal


def _loss(journal: JournalState) -> str:
    if not journal.is_there:
        return (
            f"No record can be kept: {journal.path} is not there, and {journal.fault}. Set "
            "CHEST_JOURNAL to a folder on a local disk, and give it to the user of the application"
        )
    return (
        f"Records are lost now: the journal in {journal.path} cannot be written: {journal.fault}. "
        "The newest may not be counted yet"
    )


def lines(stats: Stats, journal: JournalState | None) -> Iterator[str]:
    """Yield the lines that a person reads.

    Args:
        stats: The counters of the host.
        journal: What was found of its folder; None when there is none.
    """
    yield _line("journal", _journal(stats, journal))
    if journal is not None:
        yield from _disk(journal)
    yield from _full_in(stats)
    if stats.leader is None:
        yield _line("leader", "none: no process delivers now")
    else:
        yield _line(
            "leader", f"process {stats.leader.pid}, since {amounts.since(stats.leader.since)}"
        )
    yield _line("processes", f"{stats.processes}")
    yield _line("recorded", amounts.records(stats.recorded))
    yield _line("dropped", amounts.by_reason(stats.dropped))
    yield _line(
        "left out",
        amounts.by_reason(
            {"sampled out": stats.sampled_out, "suppressed": stats.suppressed, **stats.excluded}
        ),
    )
    yield _line("masked", amounts.by_reason(stats.redacted))
    yield _line("plugin errors", amounts.by_reason(stats.plugin_errors))
    yield _line("capture errors", f"{stats.capture_errors:,}")
    if stats.variables_skipped:
        yield _line("skipped", f"{stats.variables_skipped:,} variables that are no data")
    for name, exporter in stats.exporters.items():
        yield ""
        yield _line("exporter", name)
        yield from _exporter(name, exporter)


def _exporter(name: str, exporter: ExporterStats) -> Iterator[str]:
    waiting = f"{amounts.records(exporter.pending_records)}, {amounts.size(exporter.pending_bytes)}"
    if exporter.pending_records:
        waiting += f", for {amounts.span(exporter.lag_seconds)}"
    yield _line("  waiting", waiting)
    yield _line(
        "  delivered",
        f"{exporter.delivered:,}, refused {exporter.rejected:,}, failures {exporter.failures:,}"
        f", purged {exporter.purged:,}",
    )
    if exporter.last_delivery_at is not None:
        yield _line("  last delivery", amounts.since(exporter.last_delivery_at))
    yield _line("  dropped", amounts.by_reason(exporter.dropped))
    if exporter.failing_since is not None:
        yield _line("  failing", f"since {amounts.since(exporter.failing_since)}")
    if exporter.last_error is not None:
        yield _line("  last error", one_line(exporter.last_error))
    if exporter.next_retry_at is not None:
        yield _line("  next retry", amounts.until(exporter.next_retry_at))
    if exporter.dead_letters:
        letters = f"{exporter.dead_letters:,} ({amounts.size(exporter.dead_letter_bytes)})"
        yield _line("  dead letters", f"{letters}: {way('dead-letter list', exporters=[name])}")
        if exporter.last_rejection is not None:
            yield _line("  newest error", one_line(exporter.last_rejection))
    else:
        yield _line("  dead letters", "none")


def _disk(state: JournalState) -> Iterator[str]:
    if not state.is_there:
        return
    if state.fault is not None:
        yield _line("disk", f"{state.fault}: records are lost now")
    elif state.room is not None and state.room.free_bytes is not None:
        yield _line("disk", f"{amounts.size(state.room.free_bytes)} free")


def _full_in(stats: Stats) -> Iterator[str]:
    """Yield when the journal is full, by what came while nothing could be delivered."""
    journal = stats.journal
    if journal is None or not journal.max_bytes:
        return
    rate = max(
        (
            each.pending_bytes / each.lag_seconds
            for each in stats.exporters.values()
            if each.lag_seconds >= _MEASURED_SECONDS
            and (each.last_error is not None or stats.leader is None)
        ),
        default=0.0,
    )
    room, what = journal.max_bytes - journal.size_bytes, "the journal is at its limit"
    if journal.disk_free_bytes is not None and journal.disk_free_bytes < room:
        room, what = journal.disk_free_bytes, "its disk is full"
    if rate and room > 0:
        yield _line("time left", f"about {amounts.span(room / rate)}, until {what}")


def _journal(stats: Stats, state: JournalState | None) -> str:
    if stats.journal is None or state is None:
        return "in memory, or none"
    if not state.is_there:
        more = "nothing waits" if state.fault is None else state.fault
        return f"{state.path} is not there: {more}"
    journal = stats.journal
    share = journal.size_bytes / journal.max_bytes if journal.max_bytes else 0.0
    return (
        f"{journal.path}, {amounts.size(journal.size_bytes)} of {amounts.size(journal.max_bytes)} "
        f"({share:.0%})"
    )


def _line(name: str, text: str) -> str:
    return f"{name:<16}{text}"


_NOT_GIVEN: Final = _line("journal", "not given: --journal FOLDER")
"""All that is known without the application and without its journal, which has the counters."""
