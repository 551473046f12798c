"""How far a copy has come, in a file, so that the next run goes on there."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from flask_chest.errors import ConfigurationError
from flask_chest.store import Position

_Place: TypeAlias = "list[str] | None"


@dataclass(frozen=True)
class Intent:
    """Records that are about to be written, or were written a moment before the end.

    Attributes:
        after: Position before the first of them; None for the beginning.
        last: Position of the last.
        ids: Their IDs.
    """

    after: Position | None
    last: Position
    ids: frozenset[str]


class Bookmark:
    """The file of one copy. It holds IDs and times, no variables and no passwords.

    Args:
        path: Of the file; None to keep nothing.
        route: From where to where the copy goes.

    Attributes:
        rejected: Number of records up to the position that the target has refused.
        unreadable: Number of those that could not be read.

    Raises:
        ConfigurationError: The file is that of another copy, or no such file.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path | None, route: str) -> None:
        self._path = path
        self._route = route
        self.after: Position | None = None
        self.intent: Intent | None = None
        self.rejected = self.unreadable = 0
        if path is not None:
            with contextlib.suppress(FileNotFoundError):
                self._read(path)

    def _read(self, path: Path) -> None:
        try:
            stored = json.loads(path.read_text("utf-8"))
            route, self.after = stored["copy"], _position(stored["after"])
            intent = stored["intent"]
            self.rejected = int(stored.get("rejected", 0))
            self.unreadable = int(stored.get("unreadable", 0))
            if intent is not None:
                last = _position(intent["last"])
                assert last is not None  # noqa: S101 - handled below, like any other fault
                self.intent = Intent(self.after, last, frozenset(map(str, intent["ids"])))
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise ConfigurationError(
                f"{path} is not the position of a copy. Name another file, or delete it: the copy "
                "begins anew then, and stores no record twice"
            ) from error
        if route != self._route:
            raise ConfigurationError(
                f"{path} is the position of another copy: {route}. This one is {self._route}. "
                "Name another file"
            )

    def begin(self, last: Position, ids: frozenset[str]) -> None:
        """Say which records are about to be written, before they are.

        Raises:
            OSError: The file cannot be written.
        """
        self.intent = Intent(self.after, last, ids)
        self._write()

    def passed(self, position: Position) -> None:
        """Say that all is done up to a position.

        Raises:
            OSError: The file cannot be written.
        """
        self.after, self.intent = position, None
        self._write()

    def finish(self) -> None:
        """Delete the file: the copy has reached the end.

        Raises:
            OSError: It cannot be deleted.
        """
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        if self._path is None:
            return
        intent = self.intent
        content = {
            "copy": self._route,
            "after": _text(self.after),
            "rejected": self.rejected,
            "unreadable": self.unreadable,
            "intent": intent and {"last": _text(intent.last), "ids": sorted(intent.ids)},
        }
        new = self._path.with_name(f"{self._path.name}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - of a descriptor
            json.dump(content, file)
            file.flush()
            os.fsync(descriptor)
        new.replace(self._path)


def _text(position: Position | None) -> _Place:
    return None if position is None else [position[0].isoformat(), position[1]]


def _position(stored: _Place) -> Position | None:
    if stored is None:
        return None
    moment, last = datetime.fromisoformat(stored[0]), stored[1]
    if moment.utcoffset() is None or not isinstance(last, str):
        raise ValueError(stored)
    return moment, last
