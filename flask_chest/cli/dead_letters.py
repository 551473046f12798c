"""`flask chest dead-letter`: the records that a database refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click
from flask.cli import with_appcontext

from flask_chest.cli import amounts, options
from flask_chest.cli.application import chosen, current_state, disk_journal, refuse_in_mode
from flask_chest.cli.asking import confirm
from flask_chest.cli.exits import Interrupted, way
from flask_chest.cli.output import Group, echo, echo_error, echo_json, one_line
from flask_chest.cli.progress import Progress
from flask_chest.cli.status_data import time_text
from flask_chest.cli.streams import has_reader
from flask_chest.cli.unconfigured import Unconfigured

if TYPE_CHECKING:
    from flask_chest.journal import DeadLetter

_MAX_ERROR: Final = 300

dead_letter: Final = Group("dead-letter", help="List, retry or drop what databases refused.")


@dead_letter.command("list")
@options.some_exporters
@options.limit
@options.as_json
@with_appcontext
def list_(exporters: Sequence[str], limit: int, as_json: bool) -> None:  # noqa: FBT001 - click's own way
    """List the newest dead letters of each exporter, with the error.

    Each line has the exporter, the record's ID, when it was refused, its route, and the error.
    With --json, each line is an object with the whole record.
    """
    for name in chosen(exporters):
        reader = disk_journal().reader(name)
        letters = current_state().dead_letters.newest(name, limit)
        for letter in reversed(letters):
            if as_json:
                echo_json(_data(name, letter))
            else:
                echo(*_columns(name, letter))
            if not has_reader():
                return
        if not as_json:
            number = max(reader.rejections().number, len(letters))
            shown = f", the newest {limit} of them here" if number > limit else ""
            echo(f"{name}: {amounts.records(number)} dead-lettered{shown}")


@dead_letter.command()
@click.argument("record_id", metavar="ID")
@options.some_exporters
@with_appcontext
def show(record_id: str, exporters: Sequence[str]) -> None:
    """Show the dead letter of the record with this ID, as JSON."""
    found = False
    for name in chosen(exporters):
        for letter in disk_journal().reader(name).dead_letters():
            if letter.id == record_id:
                found = True
                echo_json(_data(name, letter))
    if not found:
        raise click.ClickException(f"No dead letter has the ID {record_id}")


@dead_letter.command("retry")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@options.some_exporters
@options.timeout
@with_appcontext
def retry_(ids: Sequence[str], exporters: Sequence[str], timeout: float) -> None:
    """Send dead letters again, to the exporter that refused them.

    Without an ID, all of them. What is stored leaves the dead letters; what is refused again stays.
    The timeout is for a delivery that is under way.

    \b
    Example:
      flask chest dead-letter retry --exporter main
    """  # noqa: D301 - click reads \b as "keep these lines"
    refuse_in_mode()
    names = chosen(exporters)
    found = _letters(names, set(ids) or None)
    _refuse_missing(ids, found, "Nothing was sent")
    faults = []
    try:
        for at, name in enumerate(names):
            if not found[name]:
                echo(f"{name}: no dead letters")
                continue
            with _rest(names[at:], ids):
                faults += _retry(name, found[name], timeout)
    finally:
        current_state().close()  # which stores the counters
    for fault in faults:
        echo_error(fault)
    if faults:
        raise click.ClickException("Not all were stored")


@contextmanager
def _rest(names: Sequence[str], ids: Sequence[str]) -> Iterator[None]:
    """Say, when Ctrl-C ends the block, how to retry what these exporters still have of the IDs."""
    try:
        yield
    except KeyboardInterrupt:
        left = {name: found for name, found in _letters(names, set(ids) or None).items() if found}
        text = "What was stored is no dead letter any more"
        if left:  # an ID that is there no more would be refused
            again = [each for each in ids if any(each in found for found in left.values())]
            remedy = way("dead-letter retry", *again, exporters=left)
            text += f", the others stay. To go on: {remedy}"
        raise Interrupted(text) from None


def _retry(name: str, ids: set[str], timeout_seconds: float) -> list[str]:
    """Send dead letters of one exporter again, print how many were stored, and return faults."""
    state = current_state()
    exporter = state.exporters[name]
    if isinstance(exporter, Unconfigured):
        return [f"{name}: {exporter.missing}"]
    with Progress(f"retry {name}", len(ids)) as progress:
        report = state.dead_letters.retry(
            name, ids, progress=progress.add, timeout_seconds=timeout_seconds
        )
    echo(f"{name}: {report.delivered:,} of {amounts.records(len(ids))} stored")
    refused = [f"{name}: {each} was refused again: {why}" for each, why in report.refused.items()]
    return [*refused, *([f"{name}: {report.error}"] if report.error is not None else [])]


@dead_letter.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@options.some_exporters
@click.option("--all", "all_of_them", is_flag=True, help="Drop all, instead of those named.")
@options.yes
@options.timeout
@with_appcontext
def drop(
    ids: Sequence[str],
    exporters: Sequence[str],
    all_of_them: bool,  # noqa: FBT001 - click's own way
    yes: bool,  # noqa: FBT001 - click's own way
    timeout: float,
) -> None:
    """Delete dead letters for good.

    \b
    Examples:
      flask chest dead-letter drop 0199c5a8-1f0b-7c3e-b1f2-4a5d6e7f8091
      flask chest dead-letter drop --all --exporter main --yes
    """  # noqa: D301 - click reads \b as "keep these lines"
    refuse_in_mode()
    if all_of_them == bool(ids):
        raise click.UsageError("Name the records by their IDs, or give --all")
    found = _letters(chosen(exporters), None if all_of_them else set(ids))
    _refuse_missing(ids, found, "Nothing was deleted")
    total = sum(map(len, found.values()))
    if total:
        confirm(f"Delete {amounts.records(total)} for good", yes=yes)
    for name, letters in found.items():
        if letters:
            dropped = current_state().dead_letters.drop(name, letters, timeout_seconds=timeout)
            echo(f"{name}: {amounts.records(dropped)} dropped")
    if not total:
        echo("no dead letters")


def _letters(names: Sequence[str], ids: set[str] | None) -> dict[str, set[str]]:
    """Return the IDs of the dead letters that are meant, by exporter; None means all of them."""
    return {
        name: {
            letter.id
            for letter in disk_journal().reader(name).dead_letters()
            if ids is None or letter.id in ids
        }
        for name in names
    }


def _refuse_missing(ids: Sequence[str], found: dict[str, set[str]], undone: str) -> None:
    missing = set(ids).difference(*found.values())
    if missing:
        raise click.ClickException(
            f"No dead letter has the ID {', '.join(sorted(missing))}. {undone}"
        )


def _columns(name: str, letter: DeadLetter) -> tuple[str, ...]:
    since = "" if letter.since is None else amounts.moment(letter.since)
    where = ""
    if letter.record is not None:
        where = f"{letter.record.get('method')} {letter.route}"
    return name, letter.id, since, where, one_line(letter.error)[:_MAX_ERROR]


def _data(name: str, letter: DeadLetter) -> dict[str, Any]:
    return {
        "exporter": name,
        "id": letter.id,
        "since": None if letter.since is None else time_text(letter.since),
        "error": one_line(letter.error),
        "record": letter.record,
        "line": None if letter.record is not None else letter.line.decode("utf-8", "replace"),
    }
