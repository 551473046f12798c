"""`Outage`: a time in which the journal takes no records."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flask_chest.runtime.log import Throttle

KINDS: Final = ("journal", "journal_full")
"""Kinds of the lines that name lost records one by one."""

_QUIET_SECONDS: Final = 1.0
"""So long, no record may be lost: on a full disk, a short one may find room among long ones."""


class Outage:
    """Notes what this process loses, and says once that the journal takes records again.

    Args:
        folder: Of the journal.
        throttle: Writes the line.
    """

    def __init__(self, folder: Path, throttle: Throttle) -> None:
        self._folder = folder
        self._throttle = throttle
        self._lock = threading.RLock()  # a signal handler may record in what it interrupts
        self._lost = 0
        self._since = self._newest = 0.0
        self._appended = 0  # records that were kept before the newest loss

    def lost(self, appended: int) -> None:
        """Note that a record is lost.

        Args:
            appended: Records that this process has kept.
        """
        with self._lock:
            self._newest = time.monotonic()
            if not self._lost:
                self._since = self._newest
            self._lost += 1
            self._appended = appended

    def notice_end(self, appended: int) -> None:
        """Log the end when a record was kept since. Called once in a second.

        Args:
            appended: Records that this process has kept.
        """
        now = time.monotonic()
        with self._lock:
            if not self._lost or appended == self._appended or now - self._newest < _QUIET_SECONDS:
                return
            lost, self._lost = self._lost, 0
        for kind in KINDS:
            self._throttle.forget(kind)  # this line has their number
        self._throttle.log(
            logging.WARNING,  # whoever saw the loss is to see its end
            "journal recovered",
            f"The journal in {self._folder} takes records again after {now - self._since:,.0f} s; "
            "records lost meanwhile: {number}",
            number=lost,
        )
