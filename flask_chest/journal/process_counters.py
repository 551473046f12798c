"""Counters of all processes that share a journal, now and before.

Each process has a file of its own, which its maintenance thread replaces once a second when
something has changed. No request waits for it. A process that is killed takes at most the last
second with it. What ended processes left is added to one total.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ChestError
from flask_chest.journal.counted import Counted
from flask_chest.journal.folder import FolderRefused, NotOurFile
from flask_chest.journal.host import Host, host_of
from flask_chest.journal.process_file import ProcessFile, names_of_processes
from flask_chest.journal.retention import size_of
from flask_chest.journal.room import room_of
from flask_chest.journal.stats import RECORDED
from flask_chest.journal.total import Total, read_all, read_total
from flask_chest.runtime.attempts import unix_seconds
from flask_chest.runtime.command import is_ours
from flask_chest.runtime.counters import Counts, subtract_counts, sum_counts

if TYPE_CHECKING:
    from flask_chest.journal.layout import Layout
    from flask_chest.journal.quarantine import Quarantine
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

_FOLD_EVERY: Final = 10
"""The leader adds up what ended processes left once in so many seconds."""

_MANY_FILES: Final = 64
"""Beyond so many files any process adds them up: no leader may ever run."""

_CLOSE_SECONDS: Final = 1.0
_UNKEPT: Final = "counters"


class ProcessCounters:
    """The file of this process, and what those of the others say.

    Args:
        layout: The journal's folders.
        counters: Those of this process.
        appended: Returns how many records this process has handed to the journal.
        max_bytes: CHEST_JOURNAL_MAX_BYTES.
        quarantine: Takes what nobody can read.
        sync: Whether the disk must have a total before the files that it contains are deleted.
    """

    def __init__(
        self,
        layout: Layout,
        counters: Counters,
        appended: Callable[[], int],
        *,
        max_bytes: int,
        quarantine: Quarantine,
        sync: bool,
        throttle: Throttle,
    ) -> None:
        self._layout = layout
        self._counters = counters
        self._appended = appended
        self._max_bytes = max_bytes
        self._throttle = throttle
        self._is_ours = is_ours()  # known here only: other threads have no context of click
        self._file = ProcessFile(layout.processes)
        self._total = Total(layout.processes, quarantine, sync=sync)
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.RLock()  # a signal handler may close what it interrupts
        self._is_writing = False
        self._is_started = False
        self._started_at = unix_seconds()
        self._leads_since: float | None = None
        self._given: Counts = {}  # what is in files that are not ours any more
        self._written: Counted | None = None  # what our file has
        self._living: list[Counted] = []  # the other processes, as they were read last
        self._ended: list[Counted] = []
        self._size_bytes = 0
        self._disk_free_bytes: int | None = None
        self._seconds = 0

    def after_fork(self) -> None:
        """Start from zero in a forked child, with a file of its own."""
        self._file.give_up()
        self._total.after_fork()
        self._forget()

    # -- The file of this process ----------------------------------------------------------------

    def start(self) -> None:
        """Keep the file from now on, once in a second."""
        self._is_started = True

    def leads(self, *, is_leader: bool) -> None:
        """Hear whether this process is the leader now."""
        if not is_leader:
            self._leads_since = None
        elif self._leads_since is None:
            self._leads_since = unix_seconds()

    def keep(self) -> None:
        """Write what has changed within a second. Never raises."""
        with self._lock, self._reported():
            if self._is_started and not self._is_writing:
                self._write()
        leads = self._leads_since is not None
        if leads and self._seconds % _FOLD_EVERY == 0:
            with self._reported():
                self._total.fold()
        self._seconds += 1

    def close(self) -> None:
        """Write a last time, and leave the file to others. Never raises."""
        if not self._lock.acquire(timeout=_CLOSE_SECONDS):  # the disk blocks the thread
            return
        try:
            self._is_started = False
            with self._reported():
                if not self._is_writing:
                    self._write()
            self._hand_over()
            with self._reported():
                if len(names_of_processes(self._layout.processes)) > _MANY_FILES:
                    self._total.fold()
        finally:
            self._lock.release()

    def _write(self) -> None:
        """Replace the file, unless it has all already.

        Raises:
            OSError: It could not be replaced. The next second has another chance.
        """
        self._notice_loss()
        now = self._own()
        if now == self._written or not (self._is_started or now.counts):
            return
        self._is_writing = True
        try:
            content = now.encode()
            try:
                self._file.replace(content)
            except FileNotFoundError:
                if not self._layout.is_there():
                    return  # it is made again with the next record
                self._layout.processes.make()
                self._file.replace(content)
            self._written = now
            self._throttle.forget(_UNKEPT)  # no alarm once it is over
        finally:
            self._is_writing = False

    def _notice_loss(self) -> None:
        """Write the file anew when it is not there; to another one when ours was added up.

        Raises:
            OSError: It cannot be looked at.
        """
        if self._written is not None and not self._file.is_there():
            if self._is_in_total():
                self._hand_over()
            else:
                self._written = None

    def _hand_over(self) -> None:
        """Leave the file to others, and go on with what it has not."""
        if self._written is not None:
            self._given = sum_counts([self._given, self._written.counts])
        self._written = None
        self._file.give_up()

    def _is_in_total(self) -> bool:
        try:
            return self._file.name in read_total(self._layout.processes).contains
        except (ChestError, NotOurFile):
            return False

    def _own(self) -> Counted:
        """Return what this process has counted and not handed over."""
        counts = self._counters.snapshot()
        if appended := self._appended():
            counts[RECORDED] = {"": appended}
        return Counted(
            pid=os.getpid(),
            started_at=self._started_at,
            leads_since=self._leads_since,
            max_bytes=self._max_bytes,
            counts=subtract_counts(counts, self._given),
            attempts=dict(self._counters.attempts),
        )

    # -- The host --------------------------------------------------------------------------------

    def host(self) -> Host:
        """Return what all processes have counted: this one until now. Never raises."""
        with self._lock:
            is_read = self._read()
            living = self._living
            if not is_read:
                # Nobody can keep the lock of the leader there.
                living = [each.model_copy(update={"leads_since": None}) for each in living]
            own = [self._kept()]
            if self._is_started:
                living = [*living, *own]
            ended = self._ended if self._is_started else [*self._ended, *own]
            path = str(self._layout.path)
            return host_of(
                living,
                ended,
                path=path,
                size_bytes=self._size_bytes,
                disk_free_bytes=self._disk_free_bytes,
            )

    def _read(self) -> bool:
        """Read what the other processes have counted; False when that is not possible.

        Then it is as it was read last: a counter that was told must not go back.
        """
        with self._reported():
            self._layout.refresh()
            self._layout.root.open()  # a folder that is missing may have been moved away
            self._disk_free_bytes = room_of(self._layout.path).free_bytes
            self._size_bytes = size_of(self._layout)
        with self._reported():
            self._notice_loss()
            self._layout.processes.open()
            self._living, self._ended = read_all(self._layout.processes, self._file.name, self._say)
            if any(self._file.name in total.contains for total in self._ended):
                self._hand_over()  # somebody adds it up just now
            return True
        return False

    def _kept(self) -> Counted:
        """Return what this process has counted, once its file has it.

        A counter that was told must not go back when the process is killed a moment later:
        Prometheus would take it for a restart at zero.
        """
        with self._reported():
            if self._is_started and not self._is_writing:
                self._write()
                if self._written is not None:
                    return self._written
        return self._own()

    def _say(self, name: str, error: Exception) -> None:
        self._throttle.log(
            logging.WARNING,
            "counters unreadable",
            f"The counters {self._layout.processes.path / name} are passed over, as they cannot "
            f"be read: {error}",
            error,
        )

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            pass  # the folder was deleted, and is made again when it is needed
        except OSError as error:
            if self._is_ours and isinstance(error, (FolderRefused, PermissionError)):
                return  # a command that needs the journal says it; the others only read a database
            self._throttle.log(
                logging.WARNING,
                _UNKEPT,
                f"The counters in {self._layout.processes.path} cannot be kept: {error}",
                error,
            )
