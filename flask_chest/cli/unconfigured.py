"""Stands for the exporters that a journal is read by, and for which `flask-chest` has no URL."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final, NoReturn

import click
from pydantic import BaseModel

from flask_chest.errors import ExporterUnavailable
from flask_chest.exporter import Batch, Exporter
from flask_chest.hookspecs import hookimpl
from flask_chest.journal.in_use import exporter_of, names_in_use
from flask_chest.journal.layout import Layout

_DEAD_LETTERS: Final = ".jsonl"


class Unconfigured(Exporter):
    """What waits for it can be counted and erased, but not delivered."""

    type = "unconfigured"

    class config_model(BaseModel):  # noqa: N801 - the name is that of the interface
        """It has no fields."""

        name: str = ""

    config: config_model

    @property
    def missing(self) -> str:
        """What is missing, and how to give it."""
        return f"its URL is not known here. Give it: --store {self.config.name}=URL"

    def open(self) -> NoReturn:
        """Say what is missing."""
        raise ExporterUnavailable(self.missing)

    def export(self, batch: Batch) -> NoReturn:  # noqa: ARG002 - the interface
        """Say what is missing."""
        self.open()

    def close(self) -> None:
        """Close nothing."""


class Plugin:
    """Announces it."""

    @hookimpl
    def chest_exporters(self) -> list[type[Exporter]]:
        """Return the class."""
        return [Unconfigured]


def refuse_missing(folder: str) -> None:
    """Refuse a folder that is certainly no journal: a mistyped one would look like an empty one.

    Args:
        folder: Of the journal.

    Raises:
        click.UsageError: It is none.
    """
    path = Path(folder).expanduser().absolute()
    layout = Layout(path)
    try:
        layout.segments.path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise click.UsageError(
            f"There is no journal in {path}, which has no folder {layout.segments.path.name!r}. "
            "CHEST_JOURNAL of the application names it; the default is 'chest' in its instance "
            "folder. It is there from the first record on"
        ) from None
    except OSError:  # the command itself says what is wrong with it
        pass
    finally:
        layout.close()


def names_in_journal(folder: str) -> list[str]:
    """Return the names of the exporters that a journal keeps something for.

    Args:
        folder: Of the journal, or ``memory`` for none.
    """
    if folder == "memory":
        return []
    layout = Layout(Path(folder).expanduser().absolute())
    names: set[str] = set()
    try:
        with contextlib.suppress(OSError):  # the command itself says what is wrong with it
            names.update(map(exporter_of, names_in_use(layout.cursors)))
        with contextlib.suppress(OSError):
            names.update(
                name.removesuffix(_DEAD_LETTERS)
                for name in layout.dead_letters.names()
                if name.endswith(_DEAD_LETTERS)
            )
    finally:
        layout.close()
    return sorted(names)


def refuse_unknown(exporters: dict[str, Exporter], folder: Path | None) -> None:
    """Refuse to deliver unless every exporter of the journal is known, and no other is.

    What is delivered is deleted: an exporter that is left out would never get it.

    Raises:
        click.UsageError: One is missing, or has another name.
    """
    missing = [name for name, each in exporters.items() if isinstance(each, Unconfigured)]
    if missing:
        raise click.UsageError(
            "Records wait for exporters of which the URL is not known here. Give it: "
            + " ".join(f"--store {name}=URL" for name in missing)
        )
    known = names_in_journal(str(folder or "memory"))
    strange = sorted(set(exporters).difference(known))
    if known and strange:
        raise click.UsageError(
            f"The journal has no exporter called {', '.join(map(repr, strange))}. It has "
            f"{', '.join(map(repr, known))}: give --store {known[0]}=URL"
        )
