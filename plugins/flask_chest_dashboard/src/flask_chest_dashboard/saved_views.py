"""`SavedViews`: pages with all that was chosen on them, by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import parse_qsl, urlencode

from flask_chest_dashboard.file import READ_SECONDS
from flask_chest_dashboard.shared import Busy, Shared

if TYPE_CHECKING:
    from flask_chest_dashboard.file import DashboardFile

_Result = TypeVar("_Result")

MOST_CHARACTERS: Final = 100
"""Of a name."""

_MOST_VIEWS: Final = 500
_MOST_QUERY: Final = 8_000
_MOST_ARGUMENTS: Final = 200
_IN_MENU: Final = 10
_LARGEST: Final = 2**63 - 1
"""Integer of SQLite. It stands for all larger ones, since no view has one of these numbers."""

SAVABLE: Final = {
    "overview": "Overview",
    "explore": "Explore",
    "route": "Route",
    "requests": "Requests",
    "delivery": "Delivery",
}
"""The pages that can be saved, by endpoint. No other address is, so that none leads elsewhere."""

_NOT_STATE: Final = {"csrf_token", "told", "why"}

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS saved_views (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    page TEXT NOT NULL,
    query TEXT NOT NULL
)
"""


class ViewRefused(Exception):
    """A view cannot be saved. The message says why, and what to do.

    Attributes:
        is_taken: Whether another view has the name.
    """

    def __init__(self, message: str, *, is_taken: bool = False) -> None:
        super().__init__(message)
        self.is_taken = is_taken


@dataclass(frozen=True)
class SavedView:
    """A page with all that was chosen on it.

    Attributes:
        id: Its number.
        name: Given by whoever saved it.
        page: A key of `SAVABLE`.
        query: The query string.
    """

    id: int
    name: str
    page: str
    query: str

    @property
    def title(self) -> str:
        """The title of its page."""
        return SAVABLE[self.page]

    @property
    def arguments(self) -> list[tuple[str, str]]:
        """What was chosen, as names and values."""
        return parse_qsl(self.query, keep_blank_values=True)


class SavedViews:
    """The saved views of an application, for all workers.

    Args:
        file: Keeps them.
    """

    def __init__(self, file: DashboardFile) -> None:
        self._file = file
        self._recent = Shared()
        file.add_table(_TABLE)

    @property
    def fault(self) -> str:
        """Why they will be lost with this process; empty when they are in the file."""
        return self._file.fault

    def all(self) -> list[SavedView]:
        """Return all of them, by name.

        Raises:
            sqlite3.Error: Somebody else has kept the file locked.
        """
        return self._file.use(
            lambda connection: _select(connection, "ORDER BY name", ()), seconds=READ_SECONDS
        )

    def newest(self) -> list[SavedView]:
        """Return a few for the menu of each page, the newest first; none when that is impossible.

        A view that another worker has saved may be missing for two seconds.
        """

        def ask() -> list[SavedView]:
            try:
                return self._file.use(
                    lambda connection: _select(connection, "ORDER BY id DESC LIMIT ?", (_IN_MENU,)),
                    seconds=READ_SECONDS,
                )
            except Exception:  # noqa: BLE001 - the page is shown without its menu
                return []

        try:
            return self._recent.ask("newest", ask)
        except Busy:
            return []

    def find(self, number: int) -> SavedView | None:
        """Return one; None when there is none with this number.

        Raises:
            sqlite3.Error: Somebody else has kept the file locked.
        """
        found = self._file.use(
            lambda connection: _select(connection, "WHERE id = ?", (min(number, _LARGEST),)),
            seconds=READ_SECONDS,
        )
        return found[0] if found else None

    def save(self, name: str, page: str, query: str, *, replaces: bool = False) -> int:
        """Save a view, and return its number.

        Args:
            name: Any text; what cannot be seen is left out.
            page: A key of `SAVABLE`.
            query: The query string of its address.
            replaces: Whether it takes the place of one with the same name.

        Raises:
            ViewRefused: It cannot be saved.
            sqlite3.Error: Somebody else has kept the file locked.
        """
        name = clean_name(name)
        if page not in SAVABLE:
            raise ViewRefused("This page cannot be saved.")
        query = clean_query(query)

        def insert(connection: sqlite3.Connection) -> int:
            if replaces:
                connection.execute("DELETE FROM saved_views WHERE name = ?", (name,))
            [(number,)] = connection.execute("SELECT count(*) FROM saved_views")
            if number >= _MOST_VIEWS:
                raise ViewRefused(f"There are {_MOST_VIEWS} views, the most. Delete some first.")
            connection.execute(
                "INSERT INTO saved_views (name, page, query) VALUES (?, ?, ?)", (name, page, query)
            )
            [(new,)] = connection.execute("SELECT last_insert_rowid()")
            return int(new)

        return self._change(name, insert)

    def rename(self, number: int, name: str) -> bool:
        """Give a view another name. Return False when there is none with this number.

        Raises:
            ViewRefused: It cannot have this name.
            sqlite3.Error: Somebody else has kept the file locked.
        """
        name = clean_name(name)
        statement = "UPDATE saved_views SET name = ? WHERE id = ?"
        return self._change(
            name,
            lambda connection: (
                connection.execute(statement, (name, min(number, _LARGEST))).rowcount == 1
            ),
        )

    def delete(self, number: int) -> bool:
        """Delete a view. Return False when there is none with this number.

        Raises:
            sqlite3.Error: Somebody else has kept the file locked.
        """
        statement = "DELETE FROM saved_views WHERE id = ?"
        return self._change(
            "",
            lambda connection: (
                connection.execute(statement, (min(number, _LARGEST),)).rowcount == 1
            ),
        )

    def _change(self, name: str, change: Callable[[sqlite3.Connection], _Result]) -> _Result:
        try:
            return self._file.use(change)
        except sqlite3.IntegrityError:
            raise ViewRefused(
                f"There is a view with the name {name!r} already.", is_taken=True
            ) from None
        finally:
            self._recent.forget()


def clean_name(text: str) -> str:
    """Return a name in one line, without what cannot be seen.

    Raises:
        ViewRefused: Nothing is left, or too much.
    """
    name = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    if not 0 < len(name) <= MOST_CHARACTERS:
        raise ViewRefused(f"A name has 1 to {MOST_CHARACTERS} characters.")
    return name


def clean_query(text: str) -> str:
    """Return a query string without what is no state of the page.

    Raises:
        ViewRefused: It is too long.
    """
    try:
        arguments = parse_qsl(
            text, keep_blank_values=True, max_num_fields=_MOST_ARGUMENTS, errors="replace"
        )
    except ValueError:
        arguments = []
        text = "x" * (_MOST_QUERY + 1)
    if len(text) > _MOST_QUERY:
        raise ViewRefused("The address of this page is too long to be saved. Remove some filters.")
    return urlencode([(name, value) for name, value in arguments if name not in _NOT_STATE])


def _select(
    connection: sqlite3.Connection, rest: str, values: tuple[object, ...]
) -> list[SavedView]:
    statement = f"SELECT id, name, page, query FROM saved_views {rest}"
    views = [SavedView(*row) for row in connection.execute(statement, values)]
    return [view for view in views if view.page in SAVABLE]  # of another release
