"""A list of requests as a file, sent while it is read."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import tzinfo
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from flask_chest.query import csv_line
from flask_chest_dashboard.listing import MISSING, value_in
from flask_chest_dashboard.responses import Page
from flask_chest_dashboard.shared import Busy

if TYPE_CHECKING:
    from flask_chest import Record
    from flask_chest.query import Operand

MOST_RECORDS: Final = 100_000
"""Of one file."""

_TOGETHER: Final = 500
"""Lines that are sent at once."""

FIELDS: Final = (
    *("id", "started_at", "method", "route", "path", "status_code", "duration_ms", "error"),
    *("request_id", "trace_id", "service", "instance", "endpoint", "weight"),
)
"""The fields that a file of CSV has, before the chosen columns."""

_places: Final = threading.BoundedSemaphore(2)
"""So many files are sent at a time, so that the threads of the application are left to it."""


def download(
    records: Iterator[Record], lines: Callable[[Iterator[Record]], Iterator[str]], name: str
) -> Page:
    """Return a response that sends records while they are read.

    What the database says of the first page of records is raised here. A file that cannot be
    ended later breaks off, and no browser takes it for whole.

    Args:
        records: In their order.
        lines: Makes a line of the file of each, with its end.
        name: Of the file.

    Raises:
        Busy: Other files are being sent.
    """
    if not _places.acquire(blocking=False):
        raise Busy
    with ExitStack() as place:
        place.callback(_places.release)
        kept = islice(records, MOST_RECORDS)
        first = list(islice(kept, 1))
        taken = place.pop_all()
    answer = Page(_chunks(lines(chain(first, kept)), taken))
    answer.call_on_close(taken.close)  # also when the browser has gone before the first line
    weakref.finalize(answer, taken.close)  # and when the application sends another one instead
    answer.mimetype = "text/csv" if name.endswith(".csv") else "application/x-ndjson"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def csv_lines(
    records: Iterator[Record], columns: Mapping[str, Operand], zone: tzinfo
) -> Iterator[str]:
    """Yield the lines of a file of CSV, which no spreadsheet runs.

    Args:
        records: In their order.
        columns: Beside `FIELDS`: a name, and what it names.
        zone: In which times are written.
    """
    yield csv_line([*FIELDS, *columns]) + "\r\n"
    for record in records:
        local = record.started_at.astimezone(zone).isoformat(timespec="microseconds")
        fields = (local if name == "started_at" else getattr(record, name) for name in FIELDS)
        found = (value_in(record, operand) for operand in columns.values())
        values = (None if value is MISSING else value for value in found)
        yield csv_line([*fields, *values]) + "\r\n"


def json_lines(records: Iterator[Record]) -> Iterator[str]:
    """Yield the lines of a file of JSON Lines, with all that was recorded."""
    for record in records:
        yield json.dumps(record.as_data(), ensure_ascii=False) + "\n"


def _chunks(lines: Iterator[str], taken: ExitStack) -> Iterator[bytes]:
    with taken:
        while chunk := "".join(islice(lines, _TOGETHER)):
            yield chunk.encode()
