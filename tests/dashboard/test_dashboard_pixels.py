"""Where the parts of a page stand, and what is drawn, from records that are always the same.

`WRITE=1` writes the pictures anew. They have no text, as fonts differ from machine to machine.
"""

from __future__ import annotations

import base64
import os
from contextlib import closing
from pathlib import Path

import pytest

from flask_chest import open_store
from flask_chest.testing import make_batch
from tools.dashboard_picture import QUERY, records

PICTURES = Path(__file__).parent / "pictures"
DRAWN = {
    "lines": ("?", "figure.chart:nth-of-type(3) .u-over"),
    "bars": ("?", "figure.chart:nth-of-type(1) .u-over"),
    "sparkline": ("?", ".routes .sparkline"),
    "heatmap": ("explore?kind=heatmap&", "svg.heat"),
    "distribution": ("route?method=POST&route=/checkout&", "svg.distribution"),
}
"""Page and element of each picture."""

BOXES = """() => Object.fromEntries(
  Array.from(document.querySelectorAll("header, .controls, .panel"))
  .map((each) => [each.getAttribute("aria-label") || each.className, each.getBoundingClientRect()])
  .map(([name, box]) => [name, [box.left, box.top, box.right, box.bottom].map(Math.round)]))"""
"""Left, top, right and bottom of the parts of a page."""

DIFFERENCE = """async (pictures) => {
  const [one, other] = await Promise.all(pictures.map(async (each) => {
    const image = new Image();
    image.src = "data:image/png;base64," + each;
    await image.decode();
    const canvas = new OffscreenCanvas(240, 120);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, 240, 120);
    return context.getImageData(0, 0, 240, 120).data;
  }));
  let total = 0;
  for (let at = 0; at < one.length; at += 1) { total += Math.abs(one[at] - other[at]); }
  return total / one.length / 255;
}"""
"""Mean difference of two pictures of any size, from 0 to 1."""

MOST_DIFFERENCE = 0.01


@pytest.fixture
def app(shop, database):
    app = shop()
    with closing(open_store(f"sqlite:///{database}")) as store:
        store.export(make_batch(*records()))
    return app


def overlaps(boxes):
    """Return which boxes lie upon each other."""
    found = []
    for one, (left, top, right, bottom) in boxes.items():
        for other, box in boxes.items():
            is_beside = box[0] >= right or box[2] <= left or box[1] >= bottom or box[3] <= top
            if one < other and not is_beside:
                found.append((one, other))
    return found


@pytest.mark.slow
def test_the_parts_of_the_overview_stand_where_they_should(browse, app):
    with browse(app) as browser:
        page = browser.go(f"/chest/?{QUERY}")
        boxes = page.evaluate(BOXES)
        order = sorted(boxes, key=lambda name: (boxes[name][1], boxes[name][0]))
        assert order == [
            "top",
            "Time range and filters",
            "At a glance",
            "Over time",
            "Routes",
            "Slowest requests",
            "Newest failed requests",
            "By your dimensions",
        ]
        assert overlaps(boxes) == []
        left, right = boxes["Slowest requests"], boxes["Newest failed requests"]
        assert left[1] == right[1]
        assert abs((left[2] - left[0]) - (right[2] - right[0])) <= 1
        whole = boxes["Routes"]
        assert (left[0], right[2]) == (whole[0], whole[2])
        plots = [each.bounding_box() for each in page.locator(".u-wrap").all()]
        assert len({(round(each["y"]), round(each["height"])) for each in plots}) == 1
        tops = page.locator(".numbers dt").evaluate_all(
            "all => all.map((each) => Math.round(each.getBoundingClientRect().top))"
        )
        assert len(set(tops)) == 1

        page.set_viewport_size({"width": 390, "height": 900})
        narrow = page.evaluate(BOXES)
        assert overlaps(narrow) == []
        assert narrow["Slowest requests"][3] <= narrow["Newest failed requests"][1]
        assert sorted(narrow, key=lambda name: narrow[name][1]) == order
        assert {(box[0], box[2]) for name, box in narrow.items() if name != "top"} == {
            (narrow["Routes"][0], narrow["Routes"][2])
        }


@pytest.mark.slow
def test_bars_are_as_high_as_the_numbers_in_their_table(browse, app):
    with browse(app) as browser:
        page = browser.go(f"/chest/?{QUERY}")
        heights, values = page.evaluate(
            """() => {
              const figure = document.querySelector("figure.chart");
              const canvas = figure.querySelector("canvas");
              const box = canvas.getBoundingClientRect();
              const over = figure.querySelector(".u-over").getBoundingClientRect();
              const ratio = canvas.width / box.width;
              const width = Math.round(over.width * ratio);
              const height = Math.round(over.height * ratio);
              const pixels = canvas.getContext("2d").getImageData(
                (over.left - box.left) * ratio, (over.top - box.top) * ratio, width, height).data;
              const cells = Array.from(figure.querySelectorAll("details tbody td:nth-child(2)"));
              const isBar = (at) => pixels[at + 3] > 200 &&
                Math.abs(pixels[at] - pixels[at + 2]) > 60;
              return [cells.map(function (_, place) {
                const left = Math.round((place + 0.4) * width / cells.length);
                let count = 0;
                for (let top = 0; top < height; top += 1) {
                  count += isBar(4 * (top * width + left)) ? 1 : 0;
                }
                return count / ratio;
              }), cells.map((each) => Number(each.dataset.v || 0))];
            }"""
        )
        scale = max(heights) / max(values)
        assert max(heights) > 100
        off = [abs(h - v * scale) for h, v in zip(heights, values, strict=True)]
        assert max(off) <= 3


@pytest.mark.slow
def test_charts_look_as_they_did_in_both_themes(browse, app, chromium):
    shown = {}
    with browse(app, color_scheme="light") as browser:
        page = browser.page
        for path in dict.fromkeys(path for path, _ in DRAWN.values()):
            browser.go(f"/chest/{path}{QUERY}")
            for _ in range(2):
                theme = page.evaluate("document.documentElement.dataset.theme || 'light'")
                for name, (its_path, selector) in DRAWN.items():
                    if its_path == path:
                        shown[f"{name}-{theme}"] = page.locator(selector).first.screenshot()
                page.locator("#theme").click()
    blank = chromium.new_page()
    differences = {}
    for name, picture in shown.items():
        file = PICTURES / f"{name}.png"
        if os.environ.get("WRITE") == "1":
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(picture)
        both = [base64.b64encode(each).decode() for each in (picture, file.read_bytes())]
        differences[name] = blank.evaluate(DIFFERENCE, both)
    # A picture of another chart differs.
    others = [base64.b64encode(shown[each]).decode() for each in ("lines-light", "bars-light")]
    assert blank.evaluate(DIFFERENCE, others) > 5 * MOST_DIFFERENCE
    blank.close()
    assert len(shown) == 2 * len(DRAWN)
    assert {name: each for name, each in differences.items() if each > MOST_DIFFERENCE} == {}
