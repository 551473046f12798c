"""`Asker`: asks the store, each question once for all viewers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, TypeVar

from flask_chest.errors import ExporterUnavailable
from flask_chest_dashboard.shared import Shared

if TYPE_CHECKING:
    from flask_chest import FlaskChest, Record, Stats, Store
    from flask_chest.store import Declaration
    from flask_chest.upkeep.dead_letters import DeadLetter

_Answer = TypeVar("_Answer")

MOST_ROWS: Final = 1_000
"""Records of one page, and groups of one table."""

EXACT: Final = 1_000
"""Up to so many records, percentiles are exact: their values are read, one by one."""

_OVER: Final = timedelta(seconds=60)
"""What has been over for so long changes only by records that come late."""

_OVER_SECONDS: Final = 60.0
"""So long, an answer about it is used again. A range that ends now moves on with each minute."""


@dataclass(frozen=True)
class Answered:
    """How a question to the database of the store ended.

    Attributes:
        at: When.
        is_reached: Whether the database could be reached.
    """

    at: datetime
    is_reached: bool


class Asker:
    """Asks the store that the application reads, each question with a limit.

    The store stops a question after its `query_timeout_seconds`.

    Args:
        chest: The extension of the application.

    Attributes:
        answered: The newest that the questions of this process say about the database; None before
            the first.
    """

    def __init__(self, chest: FlaskChest) -> None:
        self._chest = chest
        self.answered: Answered | None = None
        self._reached: Answered | None = None
        self._shared = Shared()
        # Of its own: questions that hang, as the database does, must not keep these waiting.
        self._of_host = Shared()
        # The same: a thousand letters may be of many megabytes.
        self._of_letters = Shared()

    @property
    def store(self) -> Store:
        """The store. Use the methods below to ask it.

        Raises:
            ConfigurationError: No store can be read.
            ExporterUnavailable: The database cannot be reached now.
        """
        with self._noticing():
            return self._chest.store()

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """Remember when the database cannot be reached.

        A question may wait long before it fails. If another was answered meanwhile, that counts.
        """
        reached = self._reached
        try:
            yield
        except ExporterUnavailable:
            if self._reached is reached:
                self.answered = Answered(datetime.now(timezone.utc), is_reached=False)
            raise

    def ask(
        self, key: Hashable, question: Callable[[], _Answer], until: datetime | None = None
    ) -> _Answer:
        """Return the answer to any question: see `Shared.ask`.

        Args:
            key: The same for the same question.
            question: Asks it.
            until: End of the time that it is about, if it has one.
        """

        def asked() -> _Answer:
            with self._noticing():
                answer = question()
            self._reached = self.answered = Answered(datetime.now(timezone.utc), is_reached=True)
            return answer

        is_over = until is not None and until < datetime.now(timezone.utc) - _OVER
        return self._shared.ask(key, asked, _OVER_SECONDS if is_over else None)

    def measure(
        self,
        *measures: str,
        by: tuple[str, ...] = (),
        every: str | None = None,
        tz: str = "UTC",
        where: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        order_by: str | None = None,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """Return the rows of `Store.measure`."""
        return self.ask(
            ("measure", measures, by, every, tz, where, since, until, order_by, limit),
            lambda: self.store.measure(
                *measures,
                by=by,
                every=every,
                tz=tz,
                where=where,
                since=since,
                until=until,
                order_by=order_by,
                limit=limit,
                exact=EXACT,
            ),
            until,
        )

    def records(
        self,
        where: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        order_by: str = "-started_at",
        limit: int = 50,
    ) -> list[Record]:
        """Return the records of `Store.records`, at most `MOST_ROWS`."""
        limit = min(limit, MOST_ROWS)
        return self.ask(
            ("records", where, since, until, order_by, limit),
            lambda: list(
                self.store.records(where, since=since, until=until, order_by=order_by, limit=limit)
            ),
            until,
        )

    def differences(
        self,
        where: str,
        *,
        against: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 20,
    ) -> list[dict[str, Any]]:
        """Return the rows of `Store.differences`."""
        return self.ask(
            ("differences", where, against, since, until, limit),
            lambda: self.store.differences(
                where, against=against, since=since, until=until, limit=limit
            ),
            until,
        )

    def declared(self) -> Declaration | None:
        """Return what `Store.declared` does."""
        store = self.store

        def declared() -> Declaration | None:  # which a store may know without its database
            with self._noticing():
                return store.declared()

        return self._shared.ask(("declared",), declared)

    def stats(self) -> Stats:
        """Return what `chest.stats()` does."""
        return self._of_host.ask(("stats",), self._chest.stats)

    def journal_fault(self) -> str | None:
        """Return what `chest.journal_fault()` does."""
        return self._of_host.ask(("journal_fault",), self._chest.journal_fault)

    def letters(
        self, exporter: str, limit: int, ids: Collection[str] | None = None
    ) -> list[DeadLetter]:
        """Return the newest dead letters of an exporter; of those with IDs, these alone."""

        def ask() -> list[DeadLetter]:
            found = self._chest.dead_letters(exporter, limit=limit)
            return [each for each in found if ids is None or each.id in ids]

        key = ("letters", exporter, limit, None if ids is None else tuple(ids))
        return self._of_letters.ask(key, ask)

    def forget_host(self) -> None:
        """Ask for `stats` and `letters` again, as something was changed."""
        self._of_host.forget()
        self._of_letters.forget()
