"""What applications ask about delivery and about what is stored: a part of `FlaskChest`."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from flask_chest.errors import ConfigurationError
from flask_chest.journal import LEASE_SECONDS, DeadLetter, NoJournal
from flask_chest.runtime.counters import Stats
from flask_chest.store import Store
from flask_chest.upkeep import erasure
from flask_chest.upkeep.retrying import RetryReport

if TYPE_CHECKING:
    from flask_chest.applications import Applications
    from flask_chest.plugins.discovery import PluginInfo
    from flask_chest.query import Filter


class Operations:
    """The methods of `FlaskChest` that have nothing to do with capture.

    Args:
        applications: Those of the FlaskChest.
    """

    def __init__(self, applications: Applications) -> None:
        self._applications = applications

    @property
    def service(self) -> str:
        """Name of the current application in records: CHEST_SERVICE, else the application's name.

        Raises:
            ChestError: Outside of an application context, unless there is one application alone.
        """
        return self._applications.current_or_only().service

    def flush(self, timeout: float = 5.0) -> bool:
        """Deliver now, for all processes that share the journal.

        Args:
            timeout: Seconds to wait.

        Returns:
            True when every exporter has stored all records made before the call.
        """
        state = self._applications.current_or_only()
        state.capture.open_bodies.finish_dropped()
        return state.export.flush(timeout)

    def stats(self, *, process: bool = False) -> Stats:
        """Return what was recorded, dropped and delivered, and how far behind each exporter is.

        The counters are those of the host: of all processes that share the journal, now and
        before. Those of this process are exact; what others have counted may be a second old. With
        a journal in memory, they are those of this process.

        Args:
            process: Whether to count only what this process did.
        """
        return self._applications.current_or_only().stats(process=process)

    def journal_fault(self) -> str | None:
        """Return why a record could not be written to the journal now; None when it could.

        It tries, on the disk; so a probe may ask, and a request should not.
        """
        return self._applications.current_or_only().journal_fault()

    def store(self, name: str | None = None) -> Store:
        """Return the read side of an exporter: docs/how-to/queries.md.

        Args:
            name: Name of the exporter; None for the one of CHEST_STORE, else ``main``, else the
                only one that can be read.

        Raises:
            ConfigurationError: There is no such exporter, or it cannot be read.
            ExporterUnavailable: The database cannot be reached now.
        """
        return self._applications.current_or_only().stores.get(name)

    def erase(
        self,
        where: str | Filter,
        *,
        progress: erasure.Progress | None = None,
        timeout: float = LEASE_SECONDS,
    ) -> erasure.ErasureReport:
        """Erase the records that satisfy a filter, wherever this host reaches them.

        A person may ask to be forgotten::

            report = chest.erase("user_id == 'u-17'")

        They are erased from every store that can, from the journal of this host and its dead
        letters, and do not come back from there. Records that arrive later are not looked at:
        docs/how-to/erasure.md.

        Args:
            where: The filter: docs/reference/filters.md.
            progress: Called after each step with the name of a store and the number of records
                that were looked at in it.
            timeout: Seconds to wait for a delivery that is under way.

        Raises:
            FilterError: The filter cannot be read, or cannot match. Nothing was erased.
            DeliveryBusy: A delivery has not ended in time. Nothing was erased.
            ConfigurationError: CHEST_ENABLED is off, so that nothing can be looked at.
        """
        state = self._applications.current_or_only()
        if not state.options.enabled:
            raise ConfigurationError(
                "erase(): Flask-Chest is switched off by CHEST_ENABLED, and opens no database",
                setting="CHEST_ENABLED",
            )
        state.capture.open_bodies.finish_dropped()
        return erasure.erase(
            where,
            exporters=state.exporters,
            store=state.stores.anew,
            journal=NoJournal() if state.under_test.is_on else state.journal,
            progress=progress,
            timeout_seconds=timeout,
        )

    def dead_letters(self, exporter: str, *, limit: int = 100) -> list[DeadLetter]:
        """Return what the database of an exporter refused, the newest first, with the errors.

        There are none with a journal in memory, under test, and while CHEST_ENABLED is off.

        Args:
            exporter: Its name.
            limit: The most that are returned.

        Raises:
            ConfigurationError: There is no such exporter.
            OSError: They cannot be read.
        """
        return self._applications.current_or_only().dead_letters.newest(exporter, limit)

    def retry_dead_letters(
        self, exporter: str, ids: Collection[str] | None = None, *, timeout: float = LEASE_SECONDS
    ) -> RetryReport:
        """Send dead letters again, to the exporter that refused them, and wait for the answer.

        What is stored is no dead letter any more. What is refused again stays, with the new error.

        Args:
            exporter: Its name.
            ids: IDs of the records; None for all.
            timeout: Seconds to wait for a delivery that is under way.

        Raises:
            ConfigurationError: There is no such exporter; or nothing is delivered now, as under
                test.
            DeliveryBusy: A delivery has not ended in time. What was not sent again is as it was.
            OSError: The dead letters cannot be read or changed.
        """
        box = self._applications.current_or_only().dead_letters
        return box.retry(exporter, ids, timeout_seconds=timeout)

    def drop_dead_letters(
        self, exporter: str, ids: Collection[str], *, timeout: float = LEASE_SECONDS
    ) -> int:
        """Delete dead letters for good.

        Args:
            exporter: Its name.
            ids: IDs of the records. One that is no dead letter is passed over.
            timeout: Seconds to wait for a delivery that is under way.

        Returns:
            How many were deleted.

        Raises:
            ConfigurationError: There is no such exporter; or the journal may not be touched now, as
                under test.
            DeliveryBusy: A delivery has not ended in time. Nothing was deleted.
            OSError: They cannot be deleted. All of them are still there.
        """
        box = self._applications.current_or_only().dead_letters
        return box.drop(exporter, ids, timeout_seconds=timeout)

    def close(self) -> None:
        """Deliver within CHEST_SHUTDOWN_SECONDS, then end threads and connections.

        Runs by itself when the process ends. A later tracked request starts delivery again.
        """
        self._applications.current_or_only().close()

    def plugins(self) -> list[PluginInfo]:
        """Return the plugins that were found, with their origin, and those that were left out."""
        return list(self._applications.current_or_only().plugins.found)
