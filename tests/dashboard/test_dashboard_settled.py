"""Long ranges of busy applications end where the rollups end, and their answers are shared."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from flask_chest_dashboard import settled as settling
from flask_chest_dashboard.choices import Choices
from flask_chest_dashboard.settled import settled
from flask_chest_dashboard.shared import Shared
from support.dashboard import store_records, text_of

from flask_chest.testing import make_record

NOW = datetime(2026, 3, 4, 12, 30, 20, tzinfo=timezone.utc)
BEHIND = datetime(2026, 3, 4, 12, 28, tzinfo=timezone.utc)


class Counting:
    """Stands for `Asker`: so many requests are in each minute."""

    def __init__(self, count):
        self.count, self.asked = count, []

    def measure(self, *measures, **options):
        self.asked.append((measures, options))
        return [{"count": self.count}]


@pytest.mark.parametrize("since", ["6h", "24h", "30d", "52w"])
def test_a_long_range_ends_with_a_minute_that_is_rolled_up_where_requests_are_many(since):
    asker, choices = Counting(settling.MANY), Choices(since=since)
    found = settled(asker, choices, NOW)
    assert found.until == BEHIND
    assert found.since == choices.window(NOW).since
    minute = {"since": BEHIND - timedelta(minutes=1), "until": BEHIND}
    assert asker.asked == [(("count",), minute)]


@pytest.mark.parametrize(
    "choices",
    [
        Choices(since="15m"),
        Choices(since="1h"),
        Choices(since="5h"),
        Choices(since="2026-03-01T00:00Z"),
        Choices(since="24h", until="2026-03-04T12:30:20Z"),
    ],
)
def test_a_short_range_and_one_with_ends_of_its_own_are_not_cut(choices):
    asker = Counting(1_000_000)
    assert settled(asker, choices, NOW) == choices.window(NOW)
    assert asker.asked == []


def test_where_requests_are_few_the_newest_is_there():
    choices = Choices(since="24h")
    assert settled(Counting(settling.MANY - 1), choices, NOW).until > NOW - timedelta(seconds=1)


def test_the_page_says_until_when_it_has_counted(shop, database, monkeypatch):
    now = datetime.now(timezone.utc)
    ages = [timedelta(minutes=minutes) for minutes in range(6)]
    store_records(database, *(make_record(started_at=now - age) for age in ages))
    client = shop().test_client()
    text = text_of(client.get("/chest/overview/numbers"))
    assert "Requests 6" in text
    assert "still being counted" not in text
    monkeypatch.setattr(settling, "MANY", 1)
    text = text_of(shop().test_client().get("/chest/overview/numbers"))
    assert "still being counted" in text
    assert re.search("Requests [345] ", text)  # without the last one and a half to three minutes


def test_what_is_over_is_asked_once_in_a_minute(monkeypatch):
    clock = [1_000.0]
    monkeypatch.setattr("flask_chest_dashboard.shared.time.monotonic", lambda: clock[0])
    shared, asked = Shared(seconds=2), []
    for passed in (0, 1.5, 1, 40):
        clock[0] += passed
        shared.ask("now", lambda: asked.append("now"))
        shared.ask("over", lambda: asked.append("over"), 60)
    assert asked == ["now", "over", "now", "now"]
