"""Records of a day for the dashboard, and its panels as text."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import datetime, timezone
from html import unescape

from flask_chest_sqlite import SqliteConfig, SqliteStore

from flask_chest.testing import make_batch

UNTIL = datetime(2024, 5, 20, 10, 0, tzinfo=timezone.utc)
DAY = "since=2024-05-19T10:00Z&until=2024-05-20T10:00Z&tz=UTC"
"""The arguments of a URL for the day that ends at `UNTIL`."""

HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(2)>",
    "\u202eevil\u202c\u200b",
    "x" * 300,
    "{{ 7 * 7 }}",
    "NaN",
    "a, b'); DROP TABLE chest_records; --",
)


@contextmanager
def opened(database, rollups=None):
    """Give an open store of a file to the block."""
    store = SqliteStore(SqliteConfig(url=f"sqlite:///{database}"))
    store.rollups = rollups or True
    store.open()
    try:
        yield store
    finally:
        store.close()


def store_records(database, *records):
    """Put records into a file."""
    with opened(database) as store:
        store.export(make_batch(*records))


HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
"""What no page may have in it: it does not show, or it changes the order of a text."""


def seen(text):
    """Return a text of a stranger as a page has it."""
    return HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def text_of(answer):
    """Return the text of an answer's HTML in one line."""
    html = answer.get_data(as_text=True).replace("<wbr>", "")
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())
