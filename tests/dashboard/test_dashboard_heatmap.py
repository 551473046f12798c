"""The heatmap: cells, rows and columns, of any numbers that a variable may have."""

from __future__ import annotations

import html
import random
import re
from datetime import timedelta
from itertools import pairwise
from urllib.parse import parse_qsl

import pytest
from flask import g
from flask_chest_dashboard.charts.heatmap import CLASSES, MOST_COLUMNS, MOST_ROWS, Heatmap
from playwright.sync_api import expect

from flask_chest import query
from flask_chest.memory_store import MemoryStore
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START

BEGIN = START.replace(second=0, microsecond=0)


def heatmap_of(numbers, minutes=10):
    """Return the heatmap of some numbers, each in the next minute, and the records."""
    records = [
        make_record(started_at=BEGIN + timedelta(minutes=at % minutes), variables={"n": number})
        for at, number in enumerate(numbers)
    ]
    store = MemoryStore(1 << 30)
    store.export(make_batch(*records))
    until = BEGIN + timedelta(minutes=minutes)
    rows = store.measure("histogram(n)", every="1m", since=BEGIN, until=until)
    return Heatmap(rows, "histogram(n)", until), records


def spread(seed, number=300):
    choose = random.Random(seed)
    return [choose.choice((1, -1)) * 10 ** choose.uniform(-19, 300) for _ in range(number)]


@pytest.mark.parametrize(
    "numbers",
    [
        [5],
        [0],
        [0, 0, 1, -1],
        [1, 2, 3, 1000],
        [-0.5, -0.25, -1e300],
        spread(1),
        [0.1 + n for n in range(500)],
        [1.7e308, 2.0**-64, -1.7e308],
    ],
)
@pytest.mark.parametrize("minutes", [1, 10, 150])
def test_every_number_is_in_the_cell_whose_filter_finds_it(numbers, minutes):
    heatmap, records = heatmap_of(numbers, minutes)
    assert len(heatmap.ranges) <= MOST_ROWS
    assert len(heatmap.begins) - 1 <= MOST_COLUMNS
    assert heatmap.total == len(numbers)
    assert sum(map(sum, heatmap.weights())) == len(numbers)
    assert all(one.lower >= other.upper for one, other in pairwise(heatmap.ranges))
    assert all(1 <= heatmap.level(cell.weight) <= CLASSES for cell in heatmap.cells)
    found = 0
    for at, row in enumerate(heatmap.ranges):
        chosen = query.parse(row.condition("n"))
        number = sum(chosen.matches(record) for record in records)
        assert number == sum(heatmap.weights()[at]), row
        found += number
    assert found == len(numbers)


def test_the_scale_is_logarithmic_and_labels_are_at_its_borders():
    heatmap, _ = heatmap_of([1] * 1_000 + [500] * 30 + [1_000] * 3 + [2_000], 1)
    assert heatmap.level(1_000) == CLASSES
    assert heatmap.level(1) == 1
    assert 1 < heatmap.level(30) < CLASSES
    labels = heatmap.labels()
    assert labels == sorted(labels, reverse=True)
    assert labels[0] > 2_000 > labels[1]
    assert labels[-1] <= 1
    assert len(heatmap.moments()) == 2


def test_a_cell_leads_to_its_requests_and_the_table_has_the_same(shop):
    app = shop()

    @app.get("/cost/<number>")
    def cost(number):
        g.cost = float(number)
        return ""

    client = app.test_client()
    for number in ["0", "0.5", "0.5", "40", "41", "-3"]:
        client.get(f"/cost/{number}")
    with app.app_context():
        assert app.chest.flush(60)
    asked = {"since": "15m", "kind": "heatmap", "of": "cost", "live": "off", "every": "15m"}
    text = client.get("/chest/explore/chart", query_string=asked).text
    cells = re.findall(
        r'<a href="([^"]*)" tabindex="-1"><rect class="heat-(\d)".*?<title>(.*?)<', text
    )
    titles = [html.unescape(title).split(", ", 1)[1] for _, _, title in cells]
    assert "0 to 0: 1" in titles
    assert sum(int(title.rsplit(" ", 1)[1]) for title in titles) == 6
    with app.app_context():
        store = app.chest.store()
    for link, level, title in cells:
        assert 1 <= int(level) <= CLASSES
        assert link.startswith("/chest/requests?")
        given = dict(parse_qsl(html.unescape(link).partition("?")[2]))
        found = store.records(given["where"], since=given["since"], until=given["until"])
        assert len(list(found)) == int(title.rsplit(" ", 1)[1])
    numbers = re.findall(r'<td class="number">(\d+)</td>', text)
    assert sum(map(int, numbers)) == 6
    assert 'aria-hidden="true"><a' in text, "the table is for those who hear the page"
    # From the head of the table: the requests of one row.
    [narrower] = {
        html.unescape(each)
        for each in re.findall(r'<th[^>]*><a href="(/chest/explore[^"]*)">0 to 0</a>', text)
    }
    assert "where=cost+%3D%3D+0" in narrower
    assert "kind=heatmap" in narrower


@pytest.mark.parametrize("of", ["none", "variables['<script>alert(1)</script>\"']"])
def test_a_heatmap_of_nothing_says_so(visited, of):
    app = visited(1)
    asked = {"since": "15m", "kind": "heatmap", "of": of}
    answer = app.test_client().get("/chest/explore/chart", query_string=asked)
    assert answer.status_code == 200
    assert "There is no number of" in answer.text
    assert "<script>" not in answer.text


@pytest.mark.slow
def test_cells_that_are_dragged_over_are_compared_with_all_others(browse, shop):
    app = shop()

    @app.get("/cost/<number>")
    def cost(number):
        g.cost = float(number)
        g.size = "large" if g.cost > 20 else "small"
        return ""

    client = app.test_client()
    for number in range(1, 41):
        client.get(f"/cost/{number}")
    with app.app_context():
        assert app.chest.flush(60)
    with browse(app) as browser:
        page = browser.go("/chest/explore?since=15m&kind=heatmap&of=cost&live=off&every=15m")
        picture = page.locator("svg.heat")
        picture.scroll_into_view_if_needed()
        box = picture.bounding_box()
        page.mouse.move(box["x"] + 3, box["y"] + 3)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] * 0.1, steps=4)
        page.mouse.up()
        page.wait_for_url("**differ=part**")
        browser.settle()
        chosen = page.locator("input[name=part]").last.input_value()
        assert chosen.startswith("cost >= ")
        assert "started_at < '" in chosen
        row = page.locator(".differences tbody tr", has_text="size")
        expect(row).to_contain_text("large")
        expect(row).to_contain_text("100 %")
