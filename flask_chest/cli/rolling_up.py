"""`flask chest rollup`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Final

import click
from flask.cli import with_appcontext

from flask_chest import rollup as rollups
from flask_chest.cli import options
from flask_chest.cli.application import current_state, readable, refuse_in_mode
from flask_chest.cli.exits import Interrupted, way
from flask_chest.cli.output import echo
from flask_chest.cli.progress import Progress
from flask_chest.rollup import Maintainer
from flask_chest.store import Store, another

_SHOWN: Final = 20


@click.command()
@click.option("--verify", is_flag=True, help="Compare the rollups with the records.")
@click.option("--rebuild", is_flag=True, help="Compute them anew from the records.")
@options.some_exporters
@with_appcontext
def rollup(
    verify: bool,  # noqa: FBT001 - click's own way
    rebuild: bool,  # noqa: FBT001 - click's own way
    exporters: Sequence[str],
) -> None:
    """Show, verify or rebuild the rollups of all databases.

    Delivery and questions go on meanwhile.

    \b
    Examples:
      flask chest rollup --verify
      flask chest rollup --rebuild --exporter main
    """  # noqa: D301 - click reads \b as "keep these lines"
    if verify and rebuild:
        raise click.UsageError("Give --verify or --rebuild. A rebuild ends with rollups that agree")
    refuse_in_mode()
    wrong = []
    names = readable(exporters)
    for at, name in enumerate(names):
        with _maintainer(name) as maintainer:
            if maintainer is None:
                echo(f"{name}: has no rollups")
            elif rebuild:
                echo(f"{name}: {_rebuild(names[at:], maintainer):,} hours computed anew")
            elif verify:
                if not _verify(name, maintainer):
                    wrong.append(name)
            else:
                _show(name, maintainer)
    if wrong:
        remedy = way("rollup --rebuild", exporters=wrong)
        raise click.ClickException(f"The rollups do not agree with the records. Run: {remedy}")


@contextmanager
def _maintainer(name: str) -> Iterator[Maintainer | None]:
    """Give what keeps the rollups of an exporter, on an instance of its own."""
    exporter = current_state().exporters[name]
    if not isinstance(exporter, Store):
        raise click.UsageError(f"{name!r} cannot be read")
    store = another(exporter)
    try:
        store.open()
        yield rollups.maintainer(store)
    finally:
        store.close()


def _rebuild(names: Sequence[str], maintainer: Maintainer) -> int:
    """Compute those of the first exporter; say, when it is interrupted, how to do the rest."""
    name = names[0]
    with Progress(f"rebuild {name}", unit="hours") as progress:
        try:
            return rollups.rebuild(maintainer, lambda _hour: progress.add(1))
        except KeyboardInterrupt:
            raise Interrupted(
                f"{name}: {progress.done:,} hours computed anew, the others are as they were. "
                f"To begin again: {way('rollup --rebuild', exporters=names)}"
            ) from None


def _verify(name: str, maintainer: Maintainer) -> bool:
    found = rollups.verify(maintainer)
    shown = list(islice(found, _SHOWN))
    for difference in shown:
        echo(f"{name}: {difference}")
    if not shown:
        echo(f"{name}: the rollups agree with the records")
    elif more := sum(1 for _ in found):
        echo(f"{name}: and {more:,} more")
    return not shown


def _show(name: str, maintainer: Maintainer) -> None:
    state = maintainer.current()
    waiting = len(maintainer.storage.marked())
    filled = sum(kept.since <= state.frozen for kept in state.series.values())
    echo(
        f"{name}: {filled} of {len(state.series)} series complete, {waiting:,} minutes waiting, "
        f"{state.late:,} marks of records that came after a purge of their time"
    )
