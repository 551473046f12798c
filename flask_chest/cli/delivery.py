"""`flask chest flush`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click
from flask.cli import with_appcontext

from flask_chest.cli import options
from flask_chest.cli.application import current_state
from flask_chest.cli.exits import going_on, way
from flask_chest.cli.output import echo, one_line
from flask_chest.cli.progress import Progress
from flask_chest.cli.unconfigured import refuse_unknown
from flask_chest.errors import ConfigurationError
from flask_chest.store import another

if TYPE_CHECKING:
    from flask_chest.exporter import Exporter

_LOOK_SECONDS: Final = 0.05


@click.command()
@options.timeout
@with_appcontext
def flush(timeout: float) -> None:
    """Deliver all records that wait in the journal.

    This includes the records of other processes, also of killed ones. The exit status is 1 when
    records still wait after the timeout.

    \b
    Example:
      flask chest flush --timeout 120
    """  # noqa: D301 - click reads \b as "keep these lines"
    state = current_state()
    if state.mode:
        return  # nothing is delivered, which was said
    refuse_unknown(state.exporters, state.journal.folder)
    wrong = _wrong(state.exporters)
    state.journal.claim()
    try:
        with going_on(f"What was not delivered waits in the journal: {way('flush')}"):
            began = time.monotonic()
            arrived = _deliver(timeout)
            is_late = time.monotonic() - began >= timeout
        stats = state.stats(process=True)
    finally:
        state.close()
    for name, exporter in stats.exporters.items():
        parts = [f"{exporter.delivered} delivered", f"{exporter.pending_bytes} bytes waiting"]
        if exporter.dead_letters:
            newest = exporter.last_rejection
            why = "" if newest is None else f" ({one_line(newest)})"
            look = way("dead-letter list", exporters=[name])
            parts.append(f"{exporter.dead_letters} dead-lettered{why}: {look}")
        if name in wrong:
            parts.append(wrong[name])
        elif exporter.last_error:
            parts.append(one_line(exporter.last_error))
        echo(f"{name}: {', '.join(parts)}")
    if not arrived:
        limit = f" within {timeout:g} seconds" if is_late else ""
        raise click.ClickException(f"Not everything was delivered{limit}. It waits in the journal")
    if wrong:
        raise click.ClickException(f"Cannot deliver: {', '.join(wrong)}")


def _wrong(exporters: Mapping[str, Exporter]) -> dict[str, str]:
    """Return what is wrong with the configuration of exporters, by name.

    Where nothing waits, none is opened, and nothing else would find out.
    """
    found = {}
    for name, exporter in exporters.items():
        try:
            another(exporter).validate()
        except ConfigurationError as error:
            found[name] = one_line(str(error))
        except Exception:  # noqa: BLE001, S110 - an exporter may raise anything, which delivery tells
            pass
    return found


def _deliver(timeout_seconds: float) -> bool:
    """Deliver, and show how far that is; True when all has arrived."""
    state = current_state()
    deadline = time.monotonic() + timeout_seconds
    waiting = _waiting_bytes()
    with Progress("flush", waiting, "bytes") as progress:
        try:
            flushes = [each.flush(deadline) for each in state.export.supervisors.values()]
        except RuntimeError:  # no thread can be started
            return False
        while any(flush.is_pending() for flush in flushes):
            time.sleep(_LOOK_SECONDS)
            progress.set(waiting - _waiting_bytes() if progress.is_shown else 0)
        progress.set(waiting - _waiting_bytes())
    return all(flush.wait() for flush in flushes)  # none waits: each is answered, or too late


def _waiting_bytes() -> int:
    state = current_state()
    return sum(state.journal.reader(name).pending()[0] for name in state.exporters)
