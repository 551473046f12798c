"""`flask chest check` and `flask chest flush`."""

from __future__ import annotations

from typing import Final

import click
from flask import current_app
from flask.cli import with_appcontext

from flask_chest.cli.application import current_state
from flask_chest.cli.masked import masked_names
from flask_chest.cli.output import echo, echo_error
from flask_chest.errors import ChestError
from flask_chest.runtime.interrupts import is_interrupt
from flask_chest.settings.masking import mask_urls
from flask_chest.store import another

_MAX_PLACES: Final = 5


@click.command()
@with_appcontext
def check() -> None:
    """Connect to the database of each exporter, and say what is wrong.

    Also list what routes name and will not get, because it is masked. Writes no record. The exit
    status is 1 when an exporter cannot deliver now.
    """
    state = current_state()
    exporters = state.exporters
    faults = 0
    for name, exporter in exporters.items():
        try:
            another(exporter).check()
        except BaseException as error:  # an exporter may raise anything
            if is_interrupt(error):
                raise
            faults += 1
            kind = "" if isinstance(error, ChestError) else f"{type(error).__name__}: "
            echo_error(f"{name}: {kind}{error}")
        else:
            echo(f"{name}: can deliver")
    for name, places in masked_names(current_app, state.capture.rules, state.redact.keys):
        shown = ", ".join(places[:_MAX_PLACES]) + (", ..." if len(places) > _MAX_PLACES else "")
        echo(
            f"{name!r} is named for {shown} and always masked. To keep it, set "
            f"CHEST_REDACT_KEYS = [{'!' + name!r}]; else remove the name"
        )
    if faults:
        raise click.ClickException(f"{faults} of {len(exporters)} cannot deliver now")


@click.command()
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Maximum time to wait, in seconds.",
)
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
    try:
        state.journal.claim()
    except ChestError as error:
        raise click.ClickException(str(error)) from error
    arrived = state.export.flush(timeout)
    stats = state.stats()
    state.close()
    for name, exporter in stats.exporters.items():
        echo(
            f"{name}: {exporter.delivered} delivered, {exporter.pending_bytes} bytes waiting"
            + (f", {mask_urls(exporter.last_error)}" if exporter.last_error else "")
        )
    if not arrived:
        raise click.ClickException(f"Not everything was delivered within {timeout:g} seconds")
