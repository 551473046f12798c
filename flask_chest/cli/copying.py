"""`flask chest copy`: records from one store to another, of any two types."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from flask_chest.cli import amounts, options, places
from flask_chest.cli.application import refuse_in_mode, say_empty
from flask_chest.cli.exits import going_on
from flask_chest.cli.output import echo, echo_error, one_line
from flask_chest.cli.progress import Progress
from flask_chest.store import Store
from flask_chest.upkeep.copying import copy as copy_records

if TYPE_CHECKING:
    from flask_chest.errors import BatchRejected
    from flask_chest.record import Record


@click.command()
@click.option("--from", "source", required=True, metavar="STORE", help="Exporter's name, or URL.")
@click.option("--to", "target", required=True, metavar="STORE", help="Exporter's name, or URL.")
@click.option(
    "--since",
    callback=options.read_moment,
    metavar="WHEN",
    help="Begin with the records that started at this time.",
)
@click.option(
    "--until",
    callback=options.read_moment,
    metavar="WHEN",
    help="End before the records that started at this time.",
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Remember in this file how far it is, and go on there.",
)
@with_appcontext
def copy(
    source: str, target: str, since: datetime | None, until: datetime | None, resume: Path | None
) -> None:
    """Copy records from one store to another.

    The oldest come first. What the target has already is not written again, so the command may be
    repeated at any time, also after it was killed. With --resume it goes on where it was. The exit
    status is 1 when a record is left out: it cannot be read, or the target refuses it.

    \b
    Examples:
      flask chest copy --from main --to archive --resume /var/lib/shop/copy
      flask chest copy --from main --to sqlite:////tmp/last_week --since 7d
    """  # noqa: D301 - click reads \b as "keep these lines"
    refuse_in_mode()

    def rejected(record: Record, error: BatchRejected) -> None:
        echo_error(f"{record.id} was refused: {one_line(error)}")

    again = "it begins anew, and passes over what is there" if resume is None else "it goes on here"
    with (
        places.source(source) as reading,
        places.target(target) as writing,
        going_on(f"What is copied stays copied. Run the same command again: {again}."),
        Progress("copy", _number(reading, since, until)) as progress,
    ):
        report = copy_records(
            reading,
            writing,
            since=since,
            until=until,
            resume=resume,
            progress=progress.add,
            rejected=rejected,
        )
        if not (report.copied or report.present or report.rejected or report.unreadable):
            say_empty(reading)
    echo(
        f"{amounts.records(report.copied)} copied, {report.present:,} were there, "
        f"{report.rejected:,} refused, {report.withdrawn:,} erased meanwhile"
    )
    left = []
    if report.unreadable:
        left.append(f"{amounts.records(report.unreadable)} that cannot be read")
    if report.rejected:
        left.append(f"{amounts.records(report.rejected)} refused by the target")
    if left:
        raise click.ClickException(f"Not copied: {', '.join(left)}. They are in the source alone")


def _number(store: Store, since: datetime | None, until: datetime | None) -> int:
    end = until or datetime.now(timezone.utc)
    return store.count(until=end) if since is None else store.count(since=since, until=end)
