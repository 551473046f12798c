"""`NoJournal`: what CHEST_ENABLED = False has in place of a journal."""

from __future__ import annotations

from typing import NoReturn

from flask_chest.errors import ConfigurationError
from flask_chest.journal.interface import Journal


class NoJournal(Journal):
    """Keeps nothing, and opens nothing."""

    def append(self, line: bytes) -> bool:  # noqa: ARG002 - for nobody
        """Keep nothing."""
        return False

    def start(self) -> None:
        """Do nothing."""

    @property
    def appended(self) -> int:
        """Nothing."""
        return 0

    def reader(self, exporter: str) -> NoReturn:
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

    def close(self) -> None:
        """Do nothing."""

    def after_fork(self) -> None:
        """Do nothing."""
