"""How times and names are written where there is little room."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from flask_chest_dashboard.formats import (
    amount,
    brief,
    class_name,
    duration,
    exact,
    with_breaks,
)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("/orders/<int:order_id>", "/<wbr>orders/<wbr>&lt;int:order_<wbr>id&gt;"),
        ("shop.errors.OutOfStock", "shop.<wbr>errors.<wbr>OutOfStock"),
        ("sum(cost_usd)", "sum(<wbr>cost_<wbr>usd)"),
        ("2.5", "2.5"),
        ("//_", "//_"),
        ("", ""),
        ("<b>_x", "&lt;b&gt;_<wbr>x"),
    ],
)
def test_a_line_breaks_behind_slashes_underscores_and_dots(text, broken):
    assert str(with_breaks(text)) == broken


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0123, "12.3 ms"),
        (119.4, "119 s"),
        (180, "3.0 min"),
        (3_569, "59.5 min"),
        (3_571, "1 h"),
        (19_266, "5 h 21 min"),
        (172_769, "47 h 59 min"),
        (172_800, "2 days"),
        (190_800, "2 days 5 h"),
        (1e9, "11,574 days 2 h"),
    ],
)
def test_a_duration_is_said_in_two_units_where_it_is_long(seconds, text):
    assert duration(seconds * 1_000) == text


@pytest.mark.parametrize(
    ("error", "short"),
    [
        ("shop.errors.OutOfStock", "OutOfStock"),
        ("KeyError", "KeyError"),
        ("<a.b>", "<a.b>"),
        ("ends with a.", "ends with a."),
        ("", ""),
    ],
)
def test_the_class_of_an_error_is_the_last_part_of_its_name(error, short):
    assert class_name(error) == short


def test_a_time_of_today_has_no_date():
    zone = ZoneInfo("Asia/Tokyo")
    now = datetime(2026, 1, 31, 16, tzinfo=timezone.utc)  # the first of February there
    assert brief(now - timedelta(seconds=5), zone, now) == "00:59:55"
    assert brief(now - timedelta(hours=2), zone, now) == "01-31 23:00:00"
    assert brief(now - timedelta(days=40), zone, now) == "2025-12-23 01:00"


@pytest.mark.parametrize(
    ("found", "unit", "shown", "whole"),
    [
        (1_234, "count", "1,234", ""),
        (1_234.0, "count", "1,234", ""),
        (1_234.56, "count", "1,235", "1,234.56"),
        (0.1 + 0.2, "count", "0.3", ""),
        (99.996, "count", "100", "99.996"),
        (12.3, "ms", "12.3 ms", ""),
        (65_432.1, "ms", "65.4 s", "65,432.1 ms"),
        (0.25, "share", "25 %", ""),
        (1 / 3, "share", "33.3 %", "33.3333333333333 %"),
        (True, "count", "true", ""),
        ("acme", "count", "acme", ""),
        (None, "count", None, ""),
        (1e300, "count", None, ""),
    ],
)
def test_a_number_that_is_rounded_can_be_had_exactly(found, unit, shown, whole):
    if shown is not None:
        assert amount(found, unit) == shown
    assert exact(found, unit) == whole
