"""Dead letters: what databases refused is listed, retried or dropped."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from flask_chest.errors import ConfigurationError, mask_secrets
from flask_chest.journal import LEASE_SECONDS, DeadLetter
from flask_chest.journal.leases import Leases
from flask_chest.store import another
from flask_chest.upkeep.retrying import RetryReport, retry

if TYPE_CHECKING:
    from flask_chest.exporter import Exporter
    from flask_chest.journal import Journal
    from flask_chest.runtime.counters import Counters

__all__ = ["DeadLetter", "RetryReport"]


class DeadLetterBox:
    """The dead letters of all exporters of an application.

    Args:
        exporters: By name.
        journal: Where the dead letters are.
        counters: Count what a retry delivers.
        mode: Returns what keeps the journal from being touched now; empty for nothing.
    """

    def __init__(
        self,
        exporters: Mapping[str, Exporter],
        journal: Journal,
        counters: Counters,
        mode: Callable[[], str],
    ) -> None:
        self._exporters = exporters
        self._journal = journal
        self._counters = counters
        self._mode = mode

    def newest(self, name: str, limit: int) -> list[DeadLetter]:
        """Return the dead letters of an exporter, the newest first, without passwords in errors.

        Raises:
            ConfigurationError: There is no such exporter.
            OSError: They cannot be read.
        """
        if self._mode():
            return []
        self._known(name)
        letters = self._journal.reader(name).newest_dead_letters(limit)
        return [replace(letter, error=mask_secrets(letter.error)) for letter in letters]

    def retry(
        self,
        name: str,
        ids: Collection[str] | None = None,
        *,
        progress: Callable[[int], None] | None = None,
        timeout_seconds: float = LEASE_SECONDS,
    ) -> RetryReport:
        """Send dead letters again: see `retry`. What is stored counts as delivered.

        Raises:
            ConfigurationError: There is no such exporter, or nothing may be delivered now.
            DeliveryBusy: A delivery to it has not ended in time.
            OSError: The dead letters cannot be read or changed.
        """
        self._refuse_in_mode()
        report = retry(
            name,
            another(self._known(name)),
            self._journal.reader(name),
            ids=None if ids is None else frozenset(ids),
            progress=progress,
            timeout_seconds=timeout_seconds,
        )
        if report.delivered:
            self._counters.delivered(name, report.delivered)
        return report

    def drop(
        self, name: str, ids: Collection[str], *, timeout_seconds: float = LEASE_SECONDS
    ) -> int:
        """Delete dead letters for good, and return how many there were.

        Raises:
            ConfigurationError: There is no such exporter, or the journal may not be touched now.
            DeliveryBusy: A delivery to it has not ended in time. Nothing was deleted.
            OSError: They cannot be deleted. All of them are still there.
        """
        self._refuse_in_mode()
        self._known(name)
        reader = self._journal.reader(name)
        with Leases(lambda: {name: reader}, time.monotonic() + timeout_seconds) as leases:
            leases.take()
            return reader.drop_dead_letters(frozenset(ids))

    def _known(self, name: str) -> Exporter:
        if name not in self._exporters:
            raise ConfigurationError(
                f"{name!r}: no such exporter. CHEST_EXPORTERS has {sorted(self._exporters)}"
            )
        return self._exporters[name]

    def _refuse_in_mode(self) -> None:
        mode = self._mode()
        if mode:
            raise ConfigurationError(f"Dead letters are not touched: {mode}")
