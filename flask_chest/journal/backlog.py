"""What waits for one exporter; while the journal cannot be read, what was found last.

"It cannot be read" is not "nothing waits": an alert must not end because the disk has failed, too.
"""

from __future__ import annotations

import contextlib
import math
import time
from typing import TYPE_CHECKING

from flask_chest.journal.folder import NotOurFile
from flask_chest.journal.segment import Segment, segments

if TYPE_CHECKING:
    from flask_chest.journal.cursor import Cursor
    from flask_chest.journal.layout import Layout
    from flask_chest.journal.line_counts import LineCounts


class Backlog:
    """The records behind a cursor.

    Args:
        layout: The journal's folders.
        cursor: Of the exporter.
        lines: Counts the records of segments.
    """

    def __init__(self, layout: Layout, cursor: Cursor, lines: LineCounts) -> None:
        self._layout = layout
        self._cursor = cursor
        self._lines = lines
        self._found = (0, math.inf)  # bytes, and the Unix time of the oldest record
        self._found_records = 0

    def pending(self) -> tuple[int, float]:
        """Return the bytes that wait, and for how many seconds the oldest record has waited.

        Records that were erased leave bytes, which wait until they are passed over.
        """
        now = time.time()
        with contextlib.suppress(OSError):  # delivery, which needs the same files, reports it
            self._found = self._look(now)
        waiting, oldest = self._found
        return waiting, max(now - oldest, 0.0)

    def pending_records(self) -> int:
        """Return how many records wait."""
        with contextlib.suppress(OSError):  # as above
            self._found_records = self._count()
        return self._found_records

    def is_empty(self) -> bool:
        """Return whether nothing waits for certain."""
        try:
            return not self._look(time.time())[0]
        except OSError:
            return False

    def _look(self, now: float) -> tuple[int, float]:
        """Return the bytes that wait, and the Unix time of the oldest record; infinite for none.

        Raises:
            OSError: The journal cannot be read.
        """
        waiting, oldest = 0, math.inf
        there, cursor = self._read()
        for segment in there:
            start, rest = cursor.get(segment.name, 0), 0
            with contextlib.suppress(NotOurFile, IsADirectoryError):  # delivery reports it
                rest = segment.size() - start
            if rest > 0:
                waiting += rest
                since = segment.waits_since(start, now)
                oldest = oldest if since is None else min(oldest, since)
        return waiting, oldest

    def _count(self) -> int:
        """Return how many records wait.

        Raises:
            OSError: The journal cannot be read.
        """
        waiting = 0
        there, cursor = self._read()
        for segment in there:
            with contextlib.suppress(FileNotFoundError, NotOurFile, IsADirectoryError):
                end = segment.size()
                start = segment.start(cursor.get(segment.name, 0), end)
                if start < end:
                    waiting += self._lines.between(segment.name, start, end)
        return waiting

    def _read(self) -> tuple[list[Segment], dict[str, int]]:
        """Return the segments and the cursor.

        Raises:
            OSError: They cannot be read; or the folder is missing, and may have been moved away.
        """
        self._layout.refresh()
        self._layout.segments.open()
        cursor = self._cursor.load()
        return segments(self._layout.segments), cursor
