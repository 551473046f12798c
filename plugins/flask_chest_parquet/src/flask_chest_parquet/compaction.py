"""`compact`: few large files in the place of many small ones."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from flask_chest_parquet.objects import PATIENCE_SECONDS, Gone

if TYPE_CHECKING:
    from flask_chest_parquet.manifest import LakeFile
    from flask_chest_parquet.rewriting import Rewriter

LOCK: Final = "maintenance"
MANY: Final = 8
"""Files of batches of a day that are joined. Fewer only when no more come."""

_OVER: Final = timedelta(hours=1)
"""After its end, a day gets few more records."""

_GROWTH: Final = 2
"""A compacted file is rewritten with new records if it has at most so many times as many. So a
record is rewritten about as often as the logarithm of its day's size."""


def is_over(day: date, now: datetime) -> bool:
    """Return whether a day gets few more records."""
    end = datetime(day.year, day.month, day.day, tzinfo=timezone.utc) + timedelta(days=1)
    return now > end + _OVER


def choose(files: Sequence[LakeFile], most: int, *, over: bool) -> list[LakeFile]:
    """Return the files of a day that are to become one; empty when all is well.

    Args:
        files: Those that count.
        most: Most records of a file.
        over: Whether the day is.
    """
    batches = sorted((f for f in files if f.batch is not None), key=_oldest)
    compacted = sorted((f for f in files if f.batch is None), key=lambda file: file.rows)
    chosen: list[LakeFile] = []
    rows = 0
    for file in batches:
        if chosen and rows + file.rows > most:
            break
        chosen.append(file)
        rows += file.rows
    if len(chosen) < MANY and not over:
        return []
    for file in compacted:
        grows = over or file.rows <= _GROWTH * rows
        if grows and file.rows < most and rows + file.rows <= most:
            chosen.append(file)
            rows += file.rows
    return chosen if len(chosen) > 1 or (batches and over) else []


def _oldest(file: LakeFile) -> str:
    return "" if file.batch is None else file.batch.low


def compact_days(
    rewriter: Rewriter, most: int, days: int | None = None, seconds: float = math.inf
) -> int:
    """Join small files of each day, until there is nothing to join; return how many were joined.

    Args:
        rewriter: Rewrites them.
        most: Most records of a file.
        days: Look at so many days, the newest first; None for all.
        seconds: Begin with no other file after so long.
    """
    deadline = time.monotonic() + seconds
    joined = 0
    # Two processes would undo each other's work. It would be right all the same.
    patience = min(seconds, PATIENCE_SECONDS)
    with rewriter.lake.objects.lock(LOCK, uuid4().hex, patience):
        for day in rewriter.lake.days()[::-1][:days]:
            while time.monotonic() < deadline:
                found = compact(rewriter, day, most, datetime.now(timezone.utc))
                if not found:
                    break
                joined += found
    return joined


def repair(rewriter: Rewriter, most: int) -> list[str]:
    """Delete what does not count, and join what can be joined; return what was done."""
    done = []
    for day in rewriter.lake.days():
        swept = rewriter.sweep(day)
        joined = 0
        while found := compact(rewriter, day, most, datetime.now(timezone.utc)):
            joined += found
        unfinished = rewriter.sweep_unfinished(day)
        if unfinished:
            done.append(f"Deleted {unfinished} empty files of {day}, left by killed writers.")
        if swept:
            done.append(f"Deleted {swept} files of {day}, whose records are in other files.")
        if joined:
            done.append(f"Joined {joined} files of {day}.")
    return done


def compact(rewriter: Rewriter, day: date, most: int, now: datetime) -> int:
    """Join files of a day, once; return how many files were joined.

    Args:
        rewriter: Rewrites them.
        day: The day.
        most: Most records of a file.
        now: The time, aware.
    """
    manifest, files = rewriter.lake.live_of(day)
    chosen = choose(files, most, over=is_over(day, now))
    if not chosen:
        return 0
    try:
        removed = rewriter.rewrite(manifest, chosen)
    except Gone:  # another process was faster
        return 0
    return 0 if removed is None else len(chosen)
