"""`flask chest erase`: forget a person, everywhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click
from flask.cli import with_appcontext

from flask_chest.cli import amounts, options
from flask_chest.cli.application import NoDatabase, current_state, open_store, refuse_in_mode
from flask_chest.cli.asking import confirm
from flask_chest.cli.erasing_hints import Sample
from flask_chest.cli.exits import going_on
from flask_chest.cli.output import echo, echo_error, echo_json, of_file, one_line
from flask_chest.cli.progress import Progress
from flask_chest.cli.unconfigured import Unconfigured
from flask_chest.errors import ChestError
from flask_chest.journal import Erased
from flask_chest.store import Position, Store
from flask_chest.upkeep.erasure import ErasureReport, who_cannot
from flask_chest.upkeep.erasure import erase as erase_everywhere

if TYPE_CHECKING:
    from flask_chest.query import Filter
    from flask_chest.record import RecordData

_AGAIN: Final = "What is erased stays erased. To go on, run the same command: it begins anew."


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
    and says in the end what was found where. The timeout is for a delivery that is under way. The
    exit status is 1 when something is or may be left: a database failed, an exporter cannot erase,
    or a record cannot be read. So it is when nothing was found, and FILTER has a name or a type
    that the records have not.

    \b
    Examples:
      flask chest erase "user_id == 'u-17'" --dry-run
      flask chest erase "user_id == 'u-17'" --yes
    """  # noqa: D301 - click reads \b as "keep these lines"
    refuse_in_mode()
    stores = list(_stores())
    sample = Sample(filter_)
    if dry_run:
        report = _count(filter_, stores, timeout, sample)
    else:
        places = ", ".join([*stores, "the journal and the dead letters"])
        if cannot := ", ".join(_impossible()):
            places += f" (not from {cannot}, which cannot)"
        confirm(f"Erase all records with {filter_} from {places}", yes=yes)
        report = _erase(filter_, stores, timeout, sample)
    unknown = {
        name: each.missing
        for name, each in current_state().exporters.items()
        if isinstance(each, Unconfigured)
    }
    failed, impossible = {**report.failed, **unknown}, _impossible()
    report = dataclasses.replace(report, failed=failed, impossible=impossible)
    _show(report, dry_run=dry_run, as_json=as_json)
    hints = sample.hints(report.total)
    for hint in hints:
        echo_error(hint)
    left = [*failed, *(() if dry_run else impossible)]
    if left:
        raise click.ClickException(f"Not done: {', '.join(left)}")
    if number := _unreadable(report):
        whose = "it is" if number == 1 else "they are"
        raise click.ClickException(
            f"{number:,} cannot be read, so that nobody knows whether {whose} meant: see above"
        )
    if hints and not report.total:  # without a hint it may be the second time, or another host
        raise click.ClickException(f"No record was found with {filter_}: see above")


def _stores() -> Iterator[str]:
    """Yield the exporters that can erase; say which of them have no database yet."""
    for name, exporter in current_state().exporters.items():
        if isinstance(exporter, Store):
            try:
                open_store(name)
            except NoDatabase as nothing:
                nothing.show()
            except ChestError:  # the report says it
                yield name
            else:
                yield name


def _impossible() -> dict[str, str]:
    """Return the exporters that cannot erase, each with the reason."""
    exporters = current_state().exporters
    return who_cannot(
        {name: each for name, each in exporters.items() if not isinstance(each, Unconfigured)}
    )


def _erase(
    chosen: Filter, stores: list[str], timeout_seconds: float, sample: Sample
) -> ErasureReport:
    total = _look(stores, sample)
    with going_on(_AGAIN), Progress("erase", total) as progress:
        return erase_everywhere(
            chosen,
            exporters={
                name: each
                for name, each in current_state().exporters.items()
                if name in stores or not isinstance(each, Store)
            },
            store=_anew,
            journal=current_state().journal,
            progress=lambda _name, number: progress.add(number),
            timeout_seconds=timeout_seconds,
            waits=sample.waits,
        )


@contextmanager
def _anew(name: str) -> Iterator[Store]:
    """Open a store once more: on the instance at hand, what cannot be read was counted before."""
    open_store(name)  # which says it better where it cannot be reached
    with current_state().stores.anew(name) as store:
        yield store


def _look(stores: list[str], sample: Sample) -> int | None:
    """Return how many records are to be looked at; None when a database does not say."""
    total: int | None = 0
    for name in stores:
        try:
            store = open_store(name)
            sample.look(name, store)
            total = None if total is None else total + store.count()
        except ChestError:  # the report says it
            total = None
    return total


def _count(
    chosen: Filter, stores: list[str], timeout_seconds: float, sample: Sample
) -> ErasureReport:
    """Find what `_erase` would erase. Nobody delivers while the journal is looked at."""
    waiting = 0

    def is_meant(record: RecordData) -> bool:
        nonlocal waiting
        sample.waits(record)
        waiting += chosen.matches(record)
        return False

    found: dict[str, int] = {}
    unreadable: dict[str, int] = {}
    failed: dict[str, str] = {}
    with Progress("count", _look(stores, sample)) as progress:
        in_journal: Erased | None = None
        try:
            with current_state().journal.erase(is_meant, timeout_seconds) as erased:
                in_journal = dataclasses.replace(erased, waiting=waiting)
        except OSError as error:
            failed["journal"] = of_file(error)
        for name in stores:
            try:
                with _anew(name) as store:
                    found[name] = _count_in(store, chosen, progress.add)
                    if store.unreadable:
                        unreadable[name] = store.unreadable
            except ChestError as error:
                failed[name] = str(error)
    return ErasureReport(str(chosen), in_journal, found, unreadable, {}, failed)


def _count_in(store: Store, chosen: Filter, progress: Callable[[int], None]) -> int:
    found = 0
    after: Position | None = None
    while page := store.page(after=after):
        found += sum(chosen.matches(record.as_data()) for record in page)
        after = page[-1].started_at, page[-1].id
        progress(len(page))
    return found


def _unreadable(report: ErasureReport) -> int:
    """Return how many records are left, as nobody knows whose they are.

    Not what the journal has set aside, such as half a line of a process that was killed. It is
    said, and would make each erasure fail until somebody removes it.
    """
    return sum(report.unreadable.values())


def _show(report: ErasureReport, *, dry_run: bool, as_json: bool) -> None:
    """Print what was found where."""
    journal = None if report.journal is None else _places(report.journal, dry_run=dry_run)
    if as_json:
        echo_json(
            {
                "filter": report.where,
                "dry_run": dry_run,
                "stores": dict(report.stores),
                "journal": journal,
                "unreadable": dict(report.unreadable),
                "impossible": dict(report.impossible),
                "failed": {name: one_line(error) for name, error in report.failed.items()},
            }
        )
        return
    done = "found" if dry_run else "erased"
    for name, number in report.stores.items():
        if name not in report.failed:
            echo(f"{name}: {amounts.records(number)} {done}")
    for place, number in (journal or {}).items():
        if place != "unreadable":
            echo(f"journal, {place.replace('_', ' ')}: {amounts.records(number)} {done}")
        elif number:
            echo(f"journal: {number:,} lines or files are no records, and stay as they are")
    for name, number in report.unreadable.items():
        echo(f"{name}: {amounts.records(number)} left that cannot be read")
    for name, why in report.impossible.items():
        echo_error(f"{name}: {why}: do it there by hand")
    for name, error in report.failed.items():
        echo_error(f"{name}: {error}")


def _places(erased: Erased, *, dry_run: bool) -> dict[str, int]:
    if dry_run:  # it is not told apart where in the journal
        return {"found": erased.waiting, "unreadable": erased.unreadable}
    return dataclasses.asdict(erased)
