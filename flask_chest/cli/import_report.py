"""What `flask chest import` says: before, and of what it did."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

import click

from flask_chest.cli import amounts
from flask_chest.cli.exits import way
from flask_chest.cli.output import echo_error
from flask_chest.runtime.command import STANDALONE
from flask_chest.settings.masking import mask_urls
from flask_chest.store import Store
from flask_chest.upkeep.importing import IMPORT

if TYPE_CHECKING:
    from flask_chest.exporter import Exporter
    from flask_chest.upkeep.importing import ImportReport
    from flask_chest.upkeep.old_rows import OldRows
    from flask_chest.upkeep.old_variables import OldVariables

_MOST: Final = 10
"""Names, and request IDs, that are shown."""


def say_before(rows: OldRows, target: Exporter, began: datetime, *, is_given: bool) -> None:
    """Say of what time the records are, and what the target makes of them.

    Args:
        rows: What is imported.
        target: Open.
        began: Time of the first record.
        is_given: Whether an option gave it.
    """
    if not is_given:
        echo_error(
            "0.0.10 kept no times. The records get the time when the file was last written, "
            f"{amounts.moment(rows.last_write)}; --started-at gives them another"
        )
    if not isinstance(target, Store):
        echo_error(
            f"An exporter of the type {target.type!r} cannot be read, so what it has already is "
            "sent again: import into it once"
        )
    elif target.retention is not None and began < datetime.now(timezone.utc) - target.retention:
        echo_error(
            "They are older than the retention of the target, which deletes them within the hour. "
            "Set CHEST_RETENTION, or give a newer --started-at"
        )


class ImportWords:
    """What is said of one import.

    Args:
        target: As it was named; None for the default.
        service: Of the records.
        writing: The target, open.
        dry_run: Whether nothing is written.
    """

    def __init__(
        self, target: str | None, service: str, writing: Exporter, *, dry_run: bool
    ) -> None:
        self._target = target
        self._service = service
        self._is_readable = isinstance(writing, Store)
        self._dry_run = dry_run

    @property
    def going_on(self) -> str:
        """How to go on after Ctrl-C."""
        if self._dry_run:
            return "Nothing was written."
        if self._is_readable:
            again = "Run the same command again: it passes over what is there."
        else:
            again = "The exporter cannot be read: the same command sends all again."
        return f"What is imported stays. {again}"

    def counts(self, report: ImportReport) -> str:
        """Return the line that a script reads."""
        there = f"{report.present:,} were there" if self._is_readable else "unknown what was there"
        return (
            f"{report.rows:,} rows: {amounts.records(report.imported)} "
            f"{'to import' if self._dry_run else 'imported'}, {there}, {report.rejected:,} refused"
        )

    def refuse(self, report: ImportReport, *, is_time_given: bool) -> None:
        """End with an error where options of now do not hold for what was there.

        Raises:
            click.ClickException: Some was there otherwise.
        """
        number = len(report.different) or (report.retimed if is_time_given else 0)
        if number:
            raise click.ClickException(
                f"{amounts.records(number)} left as they were. To write them anew, with the "
                f"options of now, erase first what was imported: {self._erasure()}. Then repeat "
                "this command"
            )

    def say_rest(self, report: ImportReport, variables: OldVariables, masked: Counter[str]) -> None:
        """Say what became of what is no variable of a record as it was."""
        _say_values(variables, masked)
        _say_rows(report)
        if report.different:
            echo_error(
                f"There with other variables, and left as they were: {_shown(report.different)}"
            )
        if report.retimed:
            echo_error(f"{amounts.records(report.retimed)} keep the times that they have")
        if report.others:
            echo_error(
                "The same request IDs are there of another service, and these are records of their "
                f"own: {_shown(report.others)}. If they are the same requests, erase one of both: "
                f"{self._erasure()}"
            )
        if report.imported:
            echo_error(
                "0.0.10 kept no durations. In questions, each record counts as a request of 0 ms "
                f"unless a filter leaves it out: --where \"method != '{IMPORT}'\""
            )

    def _erasure(self) -> str:
        """Return the command that erases what was imported of the service."""
        text = f"method == '{IMPORT}' and service == {self._service!r}"
        quoted = shlex.quote(text) if set(text) & set('"$`\\!') else f'"{text}"'
        command = f"erase {quoted}"
        if self._target is None or "://" not in self._target:
            return way(command)
        return f"{STANDALONE} --store {mask_urls(self._target)} {command}"


def _shown(texts: Sequence[str]) -> str:
    return ", ".join(texts[:_MOST]) + (", ..." if len(texts) > _MOST else "")


def _rows(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"


def _values(number: int) -> str:
    return f"{number:,} value{'' if number == 1 else 's'}"


def _counts(counts: Counter[str]) -> str:
    shown = ", ".join(f"{name} {number:,}" for name, number in counts.most_common(_MOST))
    return shown + (", ..." if len(counts) > _MOST else "")


def _say_values(variables: OldVariables, masked: Counter[str]) -> None:
    if masked:
        echo_error(f"Redacted: {_counts(masked)}")
    if variables.excluded:
        echo_error(f"{_values(variables.excluded)} left out, as CHEST_VARIABLES excludes them")
    if variables.untyped:
        echo_error(
            f"Not of the kind that the options say, and left texts: {_counts(variables.untyped)}"
        )


def _say_rows(report: ImportReport) -> None:
    if report.anonymous:
        echo_error(f"{_rows(report.anonymous)} without a request ID: each is a record of its own")
    if report.nameless:
        echo_error(f"{_rows(report.nameless)} without a name left out")
    if report.replaced:
        echo_error(
            f"{_rows(report.replaced)} left out, as a later row has the same request ID and name, "
            "and another value"
        )
