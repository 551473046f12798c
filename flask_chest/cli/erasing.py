"""`flask chest erase`: forget a person, everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import click
from flask.cli import with_appcontext

from flask_chest.cli import amounts, options
from flask_chest.cli.application import current_state, open_store
from flask_chest.cli.asking import confirm
from flask_chest.cli.exits import going_on
from flask_chest.cli.output import echo, echo_error, echo_json, one_line
from flask_chest.cli.progress import Progress
from flask_chest.cli.unconfigured import Unconfigured
from flask_chest.errors import ChestError
from flask_chest.store import Store

if TYPE_CHECKING:
    from flask_chest.query import Filter
    from flask_chest.record import RecordData

_AGAIN: Final = "What is erased stays erased. To go on, run the same command: it begins anew."
_PLACES: Final = ("waiting", "delivered", "dead_letters", "quarantined", "unreadable")


@click.command()
@click.argument("filter_", metavar="FILTER", callback=options.read_filter)
@options.dry_run
@options.yes
@options.timeout
@options.as_json
@with_appcontext
def erase(
    filter_: Filter,
    dry_run: bool,  # noqa: FBT001 - click's own way
    yes: bool,  # noqa: FBT001 - click's own way
    timeout: float,
    as_json: bool,  # noqa: FBT001 - click's own way
) -> None:
    """Erase the records that satisfy FILTER everywhere.

    That is in all databases that can, in the journal and among the dead letters. It asks before,
    and says in the end what was found where. Delivery rests meanwhile, and the application records
    on. The timeout is for a delivery that is under way.

    \b
    Examples:
      flask chest erase "user_id == 'u-17'" --dry-run
      flask chest erase "user_id == 'u-17'" --yes
    """  # noqa: D301 - click reads \b as "keep these lines"
    stores = [name for name, each in current_state().exporters.items() if isinstance(each, Store)]
    places = ", ".join([*stores, "the journal and the dead letters"])
    if not dry_run:
        confirm(f"Erase all records with {filter_} from {places}", yes=yes)
    report = _Report(str(filter_), dry_run=dry_run)
    with going_on(_AGAIN):
        try:
            if dry_run:
                report.journal = _in_journal(filter_, timeout)
                for name in stores:
                    report.add(name, _count, filter_)
            else:
                with current_state().journal.erase(filter_.matches, timeout) as erased:
                    report.journal = {place: getattr(erased, place) for place in _PLACES}
                    for name in stores:
                        report.add(name, _erase, filter_)
        except OSError as error:
            report.errors["journal"] = f"cannot be erased from: {error}"
    for name, exporter in current_state().exporters.items():
        if isinstance(exporter, Unconfigured):
            report.errors[name] = exporter.missing
        elif name not in stores:
            report.errors[name] = f"the type {exporter.type!r} cannot erase: do it there by hand"
    report.show(as_json=as_json)
    if report.errors:
        raise click.ClickException(f"Not done: {', '.join(report.errors)}")


class _Report:
    """What was found where.

    Attributes:
        journal: Numbers of records, by place; None when it could not be looked at.
        stores: Number of records, by exporter.
        errors: What prevents the rest, by exporter, or ``journal``.
    """

    def __init__(self, text: str, *, dry_run: bool) -> None:
        self._text = text
        self._dry_run = dry_run
        self.journal: dict[str, int] | None = None
        self.stores: dict[str, int] = {}
        self.errors: dict[str, str] = {}

    def add(self, name: str, do: Callable[[str, Filter], int], chosen: Filter) -> None:
        """Do something in one store. The others have their turn, whatever happens here."""
        try:
            self.stores[name] = do(name, chosen)
        except ChestError as error:
            self.errors[name] = one_line(error)

    def show(self, *, as_json: bool) -> None:
        """Print it."""
        if as_json:
            echo_json(
                {
                    "filter": self._text,
                    "dry_run": self._dry_run,
                    "stores": self.stores,
                    "journal": self.journal,
                    "errors": self.errors,
                }
            )
            return
        done = "found" if self._dry_run else "erased"
        for name, number in self.stores.items():
            echo(f"{name}: {amounts.records(number)} {done}")
        for place, number in (self.journal or {}).items():
            if number and place == "unreadable":
                echo(f"journal: {number} lines or files are no records, and were left as they are")
            elif place != "unreadable":
                echo(f"journal, {place.replace('_', ' ')}: {amounts.records(number)} {done}")
        for name, error in self.errors.items():
            echo_error(f"{name}: {error}")


def _in_journal(chosen: Filter, timeout_seconds: float) -> dict[str, int]:
    """Count in the journal. Nobody delivers meanwhile, so that nothing is missed or met twice."""
    found = 0

    def count(record: RecordData) -> bool:
        nonlocal found
        found += chosen.matches(record)
        return False

    with current_state().journal.erase(count, timeout_seconds) as erased:
        return {"found": found, "unreadable": erased.unreadable}


def _erase(name: str, chosen: Filter) -> int:
    store = open_store(name)
    with Progress(f"erase {name}", store.count()) as progress:
        return store.erase(chosen, progress=progress.add)


def _count(name: str, chosen: Filter) -> int:
    store = open_store(name)
    found, after = 0, None
    with Progress(f"count {name}", store.count()) as progress:
        while page := store.page(after=after):
            found += sum(chosen.matches(record.as_data()) for record in page)
            after = page[-1].started_at, page[-1].id
            progress.add(len(page))
    return found
