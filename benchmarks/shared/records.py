"""Records as a shop would make them, to store and to deliver."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import Final

from flask_chest.exporter import Batch
from flask_chest.record import encode, uuid7
from flask_chest.testing.records import make_record, rfc3339

_STEP: Final = timedelta(microseconds=1003)
_AGO: Final = timedelta(hours=2)


class Records:
    """Makes records of 450 bytes of JSON with 4 variables.

    Args:
        random_request_ids: Use random request IDs, as a proxy makes them, instead of the records'
            own IDs.
    """

    def __init__(self, *, random_request_ids: bool = False) -> None:
        self._random_request_ids = random_request_ids
        self._random = random.Random(0)  # noqa: S311 - no secrets
        self._moment = datetime.now(timezone.utc) - _AGO

    def batch(self, count: int) -> Batch:
        """Return the next records, each later than the one before."""
        return Batch(b"".join([self._line() for _ in range(count)]), count)

    def _line(self) -> bytes:
        number = self._random.randrange
        identity = uuid7()
        self._moment += _STEP
        record = make_record(
            id=identity,
            request_id=f"{number(2**128):032x}" if self._random_request_ids else identity,
            service="shop",
            instance="web-3.example:4711",
            endpoint="orders.show",
            route="/orders/<int:order_id>",
            path=f"/orders/{number(100_000)}",
            started_at=rfc3339(self._moment),
            duration_ms=number(200_000) / 1000,
            variables={
                "user_id": f"u-{number(1_000_000)}",
                "tenant": ("acme", "initech", "globex")[number(3)],
                "cost_cents": number(100_000) / 4,
                "items": number(9),
            },
        )
        return encode(record)
