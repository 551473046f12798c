"""Thirty days of a shop: the records that `benchmarks.query` asks about, the same each time."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final, cast

from benchmarks.peers.drivers import COLUMNS
from flask_chest.record import RecordData

DAYS: Final = 30
USERS: Final = 50_000
TENANTS: Final = 40
MODELS: Final = {"large-2": 0.021, "large-1": 0.015, "small-2": 0.0021, "small-1": 0.0012}
"""Mean of `cost_usd` of a request to each."""

ROUTES: Final = (
    *("/", "/search", "/orders/<int:order_id>", "/cart", "/checkout", "/chat", "/login"),
    *(f"/api/{noun}/<id>" for noun in ("products", "reviews", "images", "prices", "stock")),
    *(f"/pages/{number}" for number in range(38)),
)
PLANS: Final = ("free", "free", "free", "pro", "team", "enterprise")
REGIONS: Final = ("eu-west", "eu-north", "us-east", "us-west", "ap-south")

_SEED: Final = 17
_NULL: Final = r"\N"


@dataclass(frozen=True)
class History:
    """Records of 30 days until the midnight before now, in UTC.

    Attributes:
        count: How many.
        until: The midnight.
    """

    count: int
    until: datetime

    @classmethod
    def of(cls, count: int) -> History:
        """Return one that ends at the last midnight."""
        today = datetime.now(timezone.utc).date()
        return cls(count, datetime(today.year, today.month, today.day, tzinfo=timezone.utc))

    @property
    def since(self) -> datetime:
        """When the first record started."""
        return self.until - timedelta(days=DAYS)

    def started_at(self, number: int) -> datetime:
        """Return when a record started; they are spread evenly."""
        return self.since + timedelta(days=DAYS) * number / self.count

    def id(self, number: int) -> str:
        """Return the ID of a record: a UUID of version 7, with its number for random bits."""
        milliseconds = int(self.started_at(number).timestamp() * 1_000)
        bits = f"{milliseconds:012x}7{number % 4096:03x}8{number * 2_654_435_761 % 2**60:015x}"
        return f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"

    def file(self, folder: Path) -> Path:
        """Return the file of all records in a folder, which is written unless it is there.

        It is tab-separated text, as PostgreSQL's `COPY` and MySQL's `LOAD DATA` read it.
        """
        path = folder / f"history-{self.count}-{self.until:%Y-%m-%d}.tsv"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".new")
            with unfinished.open("w", encoding="utf-8", buffering=1 << 20) as file:
                file.writelines(self._lines())
            unfinished.rename(path)
        return path

    def _lines(self) -> Iterator[str]:
        draw = random.Random(_SEED)  # noqa: S311 - no secrets
        uniform, gauss = draw.random, draw.gauss
        shapes = [_Shape(number, route) for number, route in enumerate(ROUTES)]
        chosen = draw.choices(shapes, [1 / (number + 2) for number in range(len(ROUTES))], k=99_991)
        users = draw.choices(range(USERS), [1 / (n + 50) for n in range(USERS)], k=99_989)
        for number in range(self.count):
            moment = self.started_at(number)
            identity = self.id(number)
            shape = chosen[number % 99_991]
            user = users[(number * 7 + number // 99_989) % 99_989]
            release = f"2026.{1 + 4 * number // self.count}"
            tenant = f"t-{user % TENANTS:02d}"
            fails = shape.failures * (3 if tenant == "t-07" else 1)
            status = 200 if uniform() > fails else (500 if uniform() < 0.7 else 503)
            duration = math.exp(gauss(shape.duration, 0.6))
            if release.endswith("3"):
                duration *= 1.4
            more = ""
            if shape.route == "/chat":
                model = list(MODELS)[int(uniform() * 4)]
                cost = round(MODELS[model] * math.exp(gauss(0, 0.5)), 6)
                more = f', "model": "{model}", "cost_usd": {cost}, "tokens": {int(cost * 90_000)}'
            elif shape.has_cart:
                total = round(math.exp(gauss(3.4, 0.9)), 2)
                more = f', "cart_total": {total}, "items": {1 + int(uniform() * 9)}'
            variables = (
                f'{{"user_id": "u-{user:05d}", "tenant": "{tenant}", '
                f'"plan": "{PLANS[user % 6]}", "region": "{REGIONS[user % 5]}", '
                f'"app.release": "{release}"{more}}}'
            )
            yield (
                f"{identity}\t{identity}\t{_NULL}\tshop\tweb-{number % 8}.example:{number % 32 + 9}"
                f"\t{shape.endpoint}\t{shape.route}\t{shape.method}\t{shape.path}{number % 9_973}"
                f"\t{status}\t{_NULL if status == 200 else 'shop.errors.Failed'}"
                f"\t{moment:%Y-%m-%d %H:%M:%S.%f}\t{duration:.3f}\t1\t{variables}\n"
            )


class _Shape:
    """What the requests of a route have in common."""

    def __init__(self, number: int, route: str) -> None:
        self.route = route
        self.endpoint = f"shop.view_{number}"
        self.method = "POST" if route in {"/checkout", "/chat", "/login", "/cart"} else "GET"
        self.path = f"{route.partition('<')[0].rstrip('/')}/"
        self.failures = 0.004 + 0.002 * (number % 7)
        self.duration = math.log(900 if route == "/chat" else 12 + 9 * (number % 11))
        self.has_cart = route in {"/cart", "/checkout"}


def records(path: Path) -> Iterator[RecordData]:
    """Yield the records of a file, as a journal has them."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            record: dict[str, Any] = {
                name: None if value == _NULL else value
                for name, value in zip(COLUMNS, line[:-1].split("\t"), strict=True)
            }
            record["started_at"] = f"{record['started_at']}Z".replace(" ", "T")
            record["status_code"] = int(record["status_code"])
            for name in ("duration_ms", "weight"):
                record[name] = float(record[name])
            record["variables"] = json.loads(record["variables"])
            yield cast("RecordData", record)
