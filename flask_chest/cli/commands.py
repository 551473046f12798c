"""The commands under `flask chest`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from flask import current_app
from flask.cli import AppGroup

from flask_chest.errors import ChestError

if TYPE_CHECKING:
    from flask_chest.app_state import AppState
    from flask_chest.store import Store

group = AppGroup("chest", help="Deliver and read what Flask-Chest has recorded.")

_exporter = click.option(
    "--exporter", default="main", show_default=True, help="Name of the exporter in CHEST_EXPORTERS."
)
_limit = click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True)


def _state() -> AppState:
    state: AppState = current_app.extensions["flask_chest"]
    return state


@contextmanager
def _open_store(exporter: str) -> Iterator[Store]:
    """Give a command its store, and say without a traceback what is wrong with it."""
    try:
        yield _state().store(exporter)
    except ChestError as error:
        raise click.ClickException(str(error)) from error


@group.command()
def plugins() -> None:
    """List the plugins, the distribution and version of each, and its hooks."""
    for plugin in _state().plugins.found:
        hooks = f"left out by {plugin.left_out}" if plugin.left_out else ", ".join(plugin.hooks)
        click.echo(f"{plugin.name}\t{plugin.origin}\t{hooks}")


@group.command()
def check() -> None:
    """Connect to each database, and say what is wrong with it."""
    faults = 0
    for name, exporter in _state().exporters.items():
        try:
            type(exporter)(exporter.config).check()
        except Exception as error:  # noqa: BLE001 - an exporter may raise anything
            faults += 1
            what = (
                f"{error}" if isinstance(error, ChestError) else f"{type(error).__name__}: {error}"
            )
            click.echo(f"{name}: {what}", err=True)
        else:
            click.echo(f"{name}: can deliver")
    if faults:
        raise click.ClickException(f"{faults} of {len(_state().exporters)} cannot deliver now")


@group.command()
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds to wait.",
)
def flush(timeout: float) -> None:
    """Deliver what waits in the journal, whichever process recorded it."""
    state = _state()
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


@group.command()
@_exporter
def routes(exporter: str) -> None:
    """Show requests, errors and durations of each route."""
    line = "{:>8} {:>7} {:>9} {:>9}  {}"
    with _open_store(exporter) as store:
        click.echo(line.format("count", "errors", "p50 ms", "p95 ms", "route"))
        for row in store.routes():
            click.echo(
                line.format(
                    f"{row.count:g}",
                    f"{row.errors:g}",
                    f"{row.p50_ms:.2f}",
                    f"{row.p95_ms:.2f}",
                    f"{row.method} {row.route or '(no route)'}",
                )
            )


@group.command()
@click.argument("name")
@_limit
@_exporter
def top(name: str, limit: int, exporter: str) -> None:
    """Show the most frequent values of the variable NAME."""
    with _open_store(exporter) as store:
        for row in store.top_values(name, limit=limit):
            click.echo(f"{row.count:>8g}  {'null' if row.value is None else row.value}")


@group.command()
@click.option("--request-id", help="Only the request with this ID.")
@_limit
@_exporter
def records(request_id: str | None, limit: int, exporter: str) -> None:
    """Show the newest records, one JSON object a line."""
    with _open_store(exporter) as store:
        if request_id is None:
            found = store.query(limit=limit)
        else:
            found = store.query(limit=limit, request_id=request_id)
        for record in found:
            click.echo(json.dumps(record.as_data(), ensure_ascii=False))
    waiting = _state().stats().exporters[exporter].pending_bytes
    if not found and waiting:
        click.echo(f"{waiting} bytes wait in the journal: flask chest flush", err=True)
