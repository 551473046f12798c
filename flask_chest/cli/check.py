"""`flask chest check`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask.cli import with_appcontext

from flask_chest.cli import thresholds
from flask_chest.cli.application import current_state, is_standalone
from flask_chest.cli.findings import Found
from flask_chest.cli.findings.application import (
    masked_findings,
    pattern_findings,
    plugin_findings,
    settings_findings,
    tracked_findings,
)
from flask_chest.cli.findings.clock import ClockWatch, clock_findings
from flask_chest.cli.findings.databases import database_findings
from flask_chest.cli.findings.journals import journal_findings, newest_segment
from flask_chest.cli.output import echo, echo_error, echo_json
from flask_chest.cli.thresholds import Limits
from flask_chest.errors import ended

if TYPE_CHECKING:
    from flask import Flask

    from flask_chest.app_state import AppState
    from flask_chest.runtime.counters import Stats


@click.command()
@thresholds.options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def check(as_json: bool, since_last: str | None, **limits: Any) -> None:  # noqa: ANN401, FBT001 - click's
    """Look at all that delivery needs, and say what is wrong.

    These are the settings, the plugins, which endpoints are tracked, the journal, the clock, and
    the database of each exporter. Each warning and error says what to do. Errors go to stderr, and
    all else to stdout. No record is written. Tables that are missing are created, but for SQLite
    and a lake, as the first delivery would. The exit status is 1 when there is an error: an
    exporter cannot deliver now, or one of the limits given is exceeded.

    \b
    Examples:
      flask chest check
      flask chest check --max-lag 60 --max-dropped 0 --since-last /var/lib/shop/check.json
    """  # noqa: D301 - click reads \b as "keep these lines"
    stats = current_state().stats()
    before = _remembered(since_last)
    found = list(_findings(stats))
    failing = {each.where for each in found if each.level == "error"}
    found += Limits(**limits).exceeded(stats, before, failing)
    errors = [each for each in found if each.level == "error"]
    if as_json:
        echo_json({"ok": not errors, "findings": [each.data() for each in found]})
    else:
        for each in found:
            (echo_error if each.level == "error" else echo)(each.line())
    if since_last is not None:
        _remember(since_last, stats)
    if errors:
        names = dict.fromkeys(each.where for each in errors)
        message = f"{len(errors)} errors: {', '.join(names)}"
        raise click.ClickException(message if len(errors) > 1 else f"1 error: {errors[0].where}")


def _findings(stats: Stats) -> Iterator[Found]:
    watch = ClockWatch()
    state = current_state()
    app = state.app()
    parts: dict[str, Iterable[Found]] = {
        "settings": settings_findings(state),
        "plugins": plugin_findings(state, stats),
        "routes": _route_findings(app, state) if app is not None else (),
    }
    if not state.mode:  # else neither the journal nor a database is to be touched
        parts["journal"] = journal_findings(state.journal, stats, state.exporters)
        parts["exporters"] = database_findings(
            state.exporters, stats.exporters, state.options.retention
        )
        newest = newest_segment(state.journal)
        parts["clock"] = clock_findings(watch, state.exporters, newest)
    for name, findings in parts.items():
        try:
            yield from findings
        except Exception as error:  # noqa: BLE001 - the other parts are to be looked at, too
            yield Found(
                "error", name, "", f"could not be looked at: {type(error).__name__}: {error}"
            )


def _route_findings(app: Flask, state: AppState) -> Iterator[Found]:
    if not is_standalone():
        yield from tracked_findings(app, state)
        yield from pattern_findings(app, state)
    yield from masked_findings(app, state)


def _remembered(file: str | None) -> dict[str, int]:
    """Return what the run before has counted; nothing for a first one."""
    if file is None:
        return {}
    try:
        found = json.loads(Path(file).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise click.UsageError(
            f"--since-last {file}: cannot be read: {ended(error)} To begin anew, delete it"
        ) from error
    if not isinstance(found, dict) or any(type(number) is not int for number in found.values()):
        raise click.UsageError(f"--since-last {file}: was not written by this command")
    return found


def _remember(file: str, stats: Stats) -> None:
    path = Path(file)
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_text(json.dumps(thresholds.counted(stats)), "utf-8")
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise click.ClickException(
            f"--since-last {file}: cannot be written: {error.strerror}"
        ) from error
