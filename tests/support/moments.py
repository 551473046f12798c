"""Points in time, and batches of records that began at them."""

from __future__ import annotations

from datetime import datetime, timezone

from flask_chest.testing import make_batch, make_record


def utc(*parts):
    """Return a datetime in UTC."""
    return datetime(*parts, tzinfo=timezone.utc)


def batch_of(*moments):
    """Return a batch of records that began at these moments."""
    return make_batch(*(make_record(started_at=moment) for moment in moments))
