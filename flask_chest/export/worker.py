"""One thread that delivers to one exporter with one instance of it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ChestError
from flask_chest.export.delivery import Delivery
from flask_chest.export.patience import Patience
from flask_chest.journal import SegmentsUnreadable
from flask_chest.runtime import fork
from flask_chest.runtime.log import logger, raised

if TYPE_CHECKING:
    from flask_chest.export.backoff import Backoff
    from flask_chest.export.inbox import Flush, Inbox
    from flask_chest.exporter import Exporter
    from flask_chest.journal import Chunk, Journal, Reader
    from flask_chest.plugins.manager import Plugins
    from flask_chest.runtime.announcer import Announcer
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

_POLL_SECONDS: Final = 0.02
_PRUNE_SECONDS: Final = 1.0


class _Abandoned(BaseException):
    """A call has returned for which nobody waits any more.

    No `Exception`: nothing that handles an exporter's errors may take it for one.
    """


class Worker:
    """A daemon thread that opens, feeds and closes one instance of an exporter.

    It dies once: when it is stopped, or when a call of the exporter takes so long that it is
    abandoned. Another worker with another instance takes its place, so that an instance is used
    by one thread only. As a daemon, a thread that hangs does not hold up the end of the process.

    Args:
        name: The exporter's name in CHEST_EXPORTERS.
        max_records: Most records in one batch, unless the exporter's policy says it.
        max_bytes: Most bytes in one batch, unless the exporter's policy says it.
        backstop_seconds: Longest pause between two deliveries, or None for a worker that delivers
            for flushes only, as in a command: it leaves the lead to processes that stay.
        news: A failure of its predecessor, which it reports to the plugins first.
    """

    def __init__(
        self,
        name: str,
        exporter: Exporter,
        journal: Journal,
        inbox: Inbox,
        backoff: Backoff,
        *,
        max_records: int,
        max_bytes: int,
        plugins: Plugins,
        announcer: Announcer,
        counters: Counters,
        throttle: Throttle,
        backstop_seconds: float | None,
        news: Exception | None,
    ) -> None:
        self._name = name
        self._exporter = exporter
        self._journal = journal
        self._reader: Reader = journal.reader(name)
        self._inbox = inbox
        self._backoff = backoff
        self._patience = Patience(
            exporter.batching,
            self._reader,
            max_records=max_records,
            max_bytes=max_bytes,
            room=journal.max_bytes,
        )
        self._delivery = Delivery(
            name,
            exporter,
            self._reader,
            watched=self._watched,
            failed=self._tell,
            plugins=plugins,
            counters=counters,
            throttle=throttle,
        )
        self._plugins = plugins
        self._announcer = announcer
        self._counters = counters
        self._throttle = throttle
        self.backstop_seconds = backstop_seconds
        self._news = news
        self._thread = threading.Thread(target=self._run, name=f"chest-export-{name}", daemon=True)
        self.is_open = False
        self.is_abandoned = False
        self._is_stopping = False
        self._is_used = False  # since the last call of the exporter's `idle`
        self._holds_lease = False
        self._call: tuple[str, float] | None = None  # the one in progress, and when it began
        self._prune_at = 0.0
        self._retry_is_due = backoff.last_error is not None  # another worker failed before it

    # -- From other threads ----------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: No thread can be started now.
        """
        self._thread.start()

    def is_alive(self) -> bool:
        """Return whether the thread runs, be it in a call that hangs."""
        return self._thread.is_alive()

    def takes_orders(self) -> bool:
        """Return whether it goes on to deliver; if not, another worker is needed."""
        return self.is_alive() and not self._is_stopping and not self.is_abandoned

    def stop(self) -> None:
        """Tell it to close the exporter and end, after the batch that it is at."""
        with self._inbox.changed:
            self._is_stopping = True
            self._inbox.changed.notify_all()

    def join(self, deadline: float) -> None:
        """Wait for its end, until `deadline` on the monotonic clock, in seconds."""
        self._thread.join(max(deadline - time.monotonic(), 0.0))

    def abandon_if_overdue(self, timeout_seconds: float) -> str | None:
        """Abandon it when its call of the exporter or of a plugin takes longer than allowed.

        It loses its delivery lease at once. When the call returns after all, it only closes the
        exporter.

        Returns:
            The method that is being called, or None when it goes on.
        """
        with self._inbox.changed:
            if self._call is None or self.is_abandoned:
                return None
            method, began = self._call
            if time.monotonic() - began < timeout_seconds:
                return None
            self.is_abandoned = True
            if self._holds_lease:
                self._reader.break_lease()
            return method

    # -- In its own thread -----------------------------------------------------------------------

    def _run(self) -> None:
        with contextlib.suppress(_Abandoned):
            if self._news is not None:
                self._tell_of_failure(self._news)
            while True:
                flushes = self._inbox.take(lambda: self._is_stopping, self._pause_seconds)
                with self._watched("a receiver of chest-records-dropped or chest-drops-ended"):
                    self._announcer.look_for_drops()
                if self._is_stopping:
                    break
                arrived = self._deliver_or_fail(flushes)
                for flush in flushes:
                    flush.answer(arrived)
        with contextlib.suppress(_Abandoned):
            self._close()

    @contextlib.contextmanager
    def _watched(self, method: str) -> Iterator[None]:
        """Let the supervisor see which call is in progress, for `abandon_if_overdue`."""
        self._call = (method, time.monotonic())
        try:
            yield
        finally:
            with self._inbox.changed:
                self._call = None
                if self.is_abandoned:
                    raise _Abandoned

    def _pause_seconds(self) -> float | None:
        if self.backstop_seconds is None:
            return None
        remaining = self._backoff.remaining_seconds()
        # A short pause may be over before this is asked: the retry is due now, not at the backstop.
        return remaining if self._retry_is_due else remaining or self.backstop_seconds

    def _deliver_or_fail(self, flushes: Sequence[Flush]) -> bool:
        """Deliver what waits now. Return whether all of it arrived."""
        leads = self.backstop_seconds is not None and self._journal.try_lead()
        remaining = self._backoff.remaining_seconds()
        if not remaining:
            self._retry_is_due = False
        if self._backoff.is_asked_to_wait() or (not flushes and (not leads or remaining)):
            if not leads and self._backoff.is_failing and self._reader.has_all():
                self._recover("another process has delivered what had waited")
            return False
        is_urgent = flushes or self._backoff.is_failing
        min_records = 1 if is_urgent else self._patience.min_records()
        if min_records is None:
            return False
        try:
            arrived = self._deliver_in_turn(flushes, min_records)
        except _Abandoned:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an exporter raises, records wait
            self._fail(error)
            return False
        except BaseException as error:  # noqa: BLE001 - SystemExit would end this thread alone
            self._fail(ChestError(f"{type(error).__name__}: {error}"))
            return False
        finally:
            if not leads:  # one connection per host, except during a flush
                self._close()
        if arrived is not None:
            self._prune()
        return bool(arrived)

    def _deliver_in_turn(self, flushes: Sequence[Flush], min_records: int) -> bool | None:
        """As `_deliver`, and wait for the lease as long as a flush does."""
        arrived = self._deliver(min_records)
        while arrived is None and self._may_wait(flushes):
            arrived = self._deliver(min_records)
        return arrived

    def _may_wait(self, flushes: Sequence[Flush]) -> bool:
        """Pause while another process has the delivery lease; False when nobody waits any more."""
        with self._inbox.changed:
            self._inbox.changed.wait_for(lambda: self._is_stopping, _POLL_SECONDS)
            return not self._is_stopping and any(flush.is_pending() for flush in flushes)

    def _fail(self, error: Exception) -> None:
        self._close(gives_up=True)
        self._backoff.failed(error)
        self._retry_is_due = True
        self._tell_of_failure(error)

    def _tell_of_failure(self, error: Exception) -> None:
        self._tell(error)
        with self._watched("a receiver of chest-exporter-failing"):
            self._announcer.failing(self._name, error)

    def _recover(self, waited: str) -> None:
        """Note that an exporter that was failing is not failing any more."""
        self._backoff.succeeded(waited)
        with self._watched("a receiver of chest-exporter-recovered"):
            self._announcer.recovered(self._name)

    def _tell(self, error: Exception) -> None:
        """Call the plugins that listen for failures."""
        with self._watched("chest_export_failed"):
            self._plugins.export_failed(self._name, error)

    def _prune(self) -> None:
        began = time.monotonic()
        self._journal.prune()
        ended = time.monotonic()
        self._prune_at = ended + max(_PRUNE_SECONDS, 20 * (ended - began))

    # -- Under the delivery lease ----------------------------------------------------------------

    def _deliver(self, min_records: int) -> bool | None:
        """Return whether all has arrived that can be read; None without the lease.

        Args:
            min_records: What is left in the end waits, when it has fewer records.

        Raises:
            Exception: Whatever the exporter raises. What has not arrived waits.
        """
        with self._reader.lease() as held:
            if not held:
                return None
            self._holds_lease = True
            try:
                has_all = self._deliver_chunks(min_records)
                if has_all and min_records == 1:
                    self._patience.renew()
                self._idle()
            finally:
                self._holds_lease = False
            return has_all

    def _deliver_chunks(self, min_records: int) -> bool:
        self._delivery.not_kept = None
        chunks = self._reader.chunks(
            self._patience.max_records,
            self._patience.max_bytes,
            min_records=min_records,
            fixed=self._exporter.batching.fixed,
        )
        try:
            for chunk in chunks:
                if self._is_stopping:
                    return False
                self._open()
                self._is_used = True
                waited = self._waiting(chunk) if self._backoff.is_failing else None
                self._delivery.deliver(chunk)
                del chunk  # or it would be held while the next is made, and may have 64 MiB
                if waited is None:
                    self._backoff.succeeded()
                else:
                    self._recover(waited)
                # A long backlog may fail half way: what has arrived makes room meanwhile.
                if time.monotonic() >= self._prune_at:
                    self._prune()
        except SegmentsUnreadable as error:  # the exporter is well, and needs no pause
            self._report_stuck("got all records but some that cannot be read", error)
            return False
        not_kept = self._delivery.not_kept
        if not_kept is not None:
            self._report_stuck("got all records but some behind one that it refused", not_kept)
        return not_kept is None

    def _report_stuck(self, what: str, error: Exception) -> None:
        self._throttle.log(
            logging.ERROR,
            f"stuck {self._name}",
            f"The exporter {self._name!r} {what}: {error}",
            error,
        )

    def _waiting(self, chunk: Chunk) -> str:
        """Say how much waits, and for how long; `chunk` is the first of it."""
        _, lag_seconds = self._reader.pending()
        records = max(self._reader.pending_records(), chunk.count)
        had = "record had" if records == 1 else "records had"
        return f"{records:,} {had} waited, the oldest for {lag_seconds:,.0f} s"

    def _open(self) -> None:
        if self.is_open:
            return
        # Set before, so that an `open` that fails half way is closed.
        self.is_open = True
        # Drivers import modules when they are first used, and a child that is forked in the middle
        # of an import waits for its end for ever.
        with self._watched("open"), fork.held_off():
            self._exporter.open()

    def _idle(self) -> None:
        """Let a used exporter release what it need not keep; a failure closes it."""
        if self._is_used:
            self._is_used = False
            try:
                with self._watched("idle"):
                    self._exporter.idle()
            except _Abandoned:
                raise
            except BaseException as error:  # noqa: BLE001 - the records have arrived
                self._throttle.log(
                    logging.WARNING,
                    f"idle {self._name}",
                    f"The exporter {self._name!r} failed in idle, which costs no record; it is "
                    f"closed: {raised(error)}",
                )
                self._close(gives_up=True)

    def _close(self, *, gives_up: bool = False) -> None:
        """Close the exporter if it is open, whatever it raises then.

        Args:
            gives_up: Whether a failure was before it: a broken connection often cannot be closed.
        """
        if self.is_open:
            self.is_open = False
            try:
                with self._watched("close"):
                    self._exporter.close()
            except _Abandoned:
                raise
            except BaseException as error:  # noqa: BLE001 - SystemExit would end this thread alone
                if gives_up:
                    logger.debug("The exporter %r failed in close: %s", self._name, raised(error))
                    return
                self._throttle.log(
                    logging.WARNING,
                    f"close {self._name}",
                    f"The exporter {self._name!r} failed in close, which costs no record; what it "
                    f"has open may stay until this process ends: {raised(error)}",
                )
