"""`flask chest purge`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click
from flask.cli import with_appcontext

from flask_chest.cli import amounts, options
from flask_chest.cli.application import NoDatabase, open_store, readable, refuse_in_mode
from flask_chest.cli.asking import confirm
from flask_chest.cli.exits import Interrupted, way
from flask_chest.cli.output import echo
from flask_chest.cli.progress import Progress


@click.command()
@click.option(
    "--before",
    callback=options.read_moment,
    metavar="WHEN",
    required=True,
    help="Delete what started before: ISO 8601, or a distance back, such as 90d.",
)
@options.some_exporters
@options.dry_run
@options.yes
@with_appcontext
def purge(
    before: datetime,
    exporters: Sequence[str],
    dry_run: bool,  # noqa: FBT001 - click's own way
    yes: bool,  # noqa: FBT001 - click's own way
) -> None:
    """Delete old records from all databases, in short steps.

    Delivery goes on meanwhile. It asks before it deletes.

    \b
    Examples:
      flask chest purge --before 90d --dry-run
      flask chest purge --before 2026-01-01 --exporter main --yes
    """  # noqa: D301 - click reads \b as "keep these lines"
    refuse_in_mode()
    found = {name: _count(name, before) for name in readable(exporters)}
    for name, number in found.items():
        echo(f"{name}: {amounts.records(number)} from before {amounts.moment(before)}")
    total = sum(found.values())
    if dry_run or not total:
        return
    confirm(f"Delete {amounts.records(total)}", yes=yes)
    waiting = [name for name, number in found.items() if number]
    while waiting:
        deleted = _purge(waiting, before, found[waiting[0]])
        echo(f"{waiting.pop(0)}: {amounts.records(deleted)} deleted")


def _count(name: str, before: datetime) -> int:
    try:
        store = open_store(name)
    except NoDatabase as nothing:
        nothing.show()
        return 0
    return store.count(until=before)


def _purge(names: Sequence[str], before: datetime, total: int) -> int:
    """Delete from the first of the exporters; say, when it is interrupted, how to do the rest."""
    name = names[0]
    with Progress(f"purge {name}", total) as progress:
        try:
            deleted = open_store(name).purge(before=before, progress=progress.add)
        except KeyboardInterrupt:
            raise Interrupted(
                f"{name}: {amounts.records(progress.done)} deleted, the others are as they were. "
                f"To go on: {way('purge', '--before', before.isoformat(), exporters=names)}"
            ) from None
        progress.set(deleted)
    return deleted
