"""`NoJournal`: what CHEST_ENABLED = False has in place of a journal."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from flask_chest.errors import ConfigurationError
from flask_chest.journal.interface import LEASE_SECONDS, Erased, Journal, Matches, Reader


class NoJournal(Journal):
    """Keeps nothing, and opens nothing."""

    max_bytes = 0

    def append(self, line: bytes) -> bool:  # noqa: ARG002 - for nobody
        """Keep nothing."""
        return False

    def start(self) -> None:
        """Do nothing."""

    @property
    def appended(self) -> int:
        """Nothing."""
        return 0

    def reader(self, exporter: str) -> Reader:
        """Raise: nobody reads what is not there.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError(
            f"The exporter {exporter!r} has nothing to read: CHEST_ENABLED is off",
            setting="CHEST_ENABLED",
        )

    def try_lead(self) -> bool:
        """Return False: there is nothing to deliver."""
        return False

    def resign(self) -> None:
        """Do nothing."""

    def prune(self) -> None:
        """Do nothing."""

    def erase(
        self,
        matches: Matches,  # noqa: ARG002 - there is none to look at
        timeout_seconds: float = LEASE_SECONDS,  # noqa: ARG002
    ) -> AbstractContextManager[Erased]:
        """Erase nothing."""
        return nullcontext(Erased())

    def close(self) -> None:
        """Do nothing."""

    def after_fork(self) -> None:
        """Do nothing."""
