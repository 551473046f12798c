"""`flask chest check` and `flask chest flush`."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from flask_chest.cli.application import current_state
from flask_chest.errors import ChestError


@click.command()
@with_appcontext
def check() -> None:
    """Connect to the database of each exporter, and say what is wrong.

    Writes no record. The exit status is 1 when an exporter cannot deliver now.
    """
    exporters = current_state().exporters
    faults = 0
    for name, exporter in exporters.items():
        try:
            type(exporter)(exporter.config).check()
        except Exception as error:  # noqa: BLE001 - an exporter may raise anything
            faults += 1
            kind = "" if isinstance(error, ChestError) else f"{type(error).__name__}: "
            click.echo(f"{name}: {kind}{error}", err=True)
        else:
            click.echo(f"{name}: can deliver")
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
        click.echo(
            f"{name}: {exporter.delivered} delivered, {exporter.pending_bytes} bytes waiting"
            + (f", {exporter.last_error}" if exporter.last_error else "")
        )
    if not arrived:
        raise click.ClickException(f"Not everything was delivered within {timeout:g} seconds")
