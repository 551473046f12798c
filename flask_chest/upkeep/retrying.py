"""Sends the dead letters of one exporter again, to that exporter alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from flask_chest.errors import BatchRejected, ChestError, mask_secrets
from flask_chest.exporter import Batch, Exporter
from flask_chest.journal import LEASE_SECONDS, DeadLetter, Reader
from flask_chest.journal.leases import Leases

_AT_ONCE: Final = 100
"""Dead letters for which delivery to the exporter rests."""


@dataclass(frozen=True)
class RetryReport:
    """What became of the dead letters of an exporter.

    Attributes:
        delivered: Number of records that were stored, and are dead letters no more.
        refused: Those that were refused again, with the error by the record's ID. They stay, with
            this error.
        error: Text of what ended the retry early, as when the database cannot be reached; None
            otherwise. Passwords in it and in `refused` are masked.
    """

    delivered: int
    refused: dict[str, str]
    error: str | None


def retry(
    name: str,
    exporter: Exporter,
    reader: Reader,
    *,
    ids: Collection[str] | None = None,
    progress: Callable[[int], None] | None = None,
    timeout_seconds: float = LEASE_SECONDS,
) -> RetryReport:
    """Export the dead letters of an exporter again, one in each transaction.

    Args:
        name: Name of the exporter.
        exporter: An instance of its own for this call, which is opened and closed here.
        reader: Of this exporter.
        ids: IDs of the records; None for all.
        progress: Called with the number of dead letters that were tried. What it raises ends the
            retry; what was delivered is no dead letter any more.
        timeout_seconds: How long to wait for a delivery that is under way.

    Raises:
        DeliveryBusy: The delivery has not ended in time.
        OSError: The dead letters cannot be read or changed.
    """
    run = _Retry(exporter, reader)
    tried: set[str] = set()
    try:
        while run.error is None:
            # Read again under each lease: an erasure may have come in between.
            with Leases(lambda: {name: reader}, time.monotonic() + timeout_seconds) as leases:
                leases.take()
                meant = (
                    letter
                    for letter in reader.dead_letters()
                    if letter.id not in tried and (ids is None or letter.id in ids)
                )
                letters = list(islice(meant, _AT_ONCE))
                if not letters:
                    break
                tried.update(letter.id for letter in letters)
                run.send(letters)
            if progress is not None:
                progress(len(letters))
    finally:
        exporter.close()
    return RetryReport(run.delivered, run.refused, run.error)


class _Retry:
    """One run, under the delivery lease."""

    def __init__(self, exporter: Exporter, reader: Reader) -> None:
        self._exporter = exporter
        self._reader = reader
        self._is_open = False
        self.delivered = 0
        self.refused: dict[str, str] = {}
        self.error: str | None = None

    def send(self, letters: Sequence[DeadLetter]) -> None:
        """Export each letter by itself, and remove those that arrived."""
        arrived: list[str] = []
        refused: dict[str, Exception] = {}
        try:
            for letter in letters:
                self._send(letter, arrived, refused)
                if self.error is not None:
                    return
        finally:
            if refused:
                self._reader.renew_dead_letters(refused)
                self.refused.update(
                    (each, mask_secrets(str(error))) for each, error in refused.items()
                )
            if arrived:  # killed before this, they are stored once all the same
                self._reader.drop_dead_letters(arrived)
                self.delivered += len(arrived)

    def _send(self, letter: DeadLetter, arrived: list[str], refused: dict[str, Exception]) -> None:
        try:
            if not self._is_open:
                self._exporter.open()
                self._is_open = True
            self._exporter.export(Batch(letter.line, 1))
        except BatchRejected as error:
            refused[letter.id] = error
        except ChestError as error:
            self.error = mask_secrets(str(error))
        else:
            arrived.append(letter.id)
