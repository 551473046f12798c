"""Pages as wide as a phone: nothing that matters is cut, or beyond the edge."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

WIDTHS = (320, 360, 390)

CUT_PLACEHOLDERS = """() => {
  const context = document.createElement("canvas").getContext("2d");
  return Array.from(document.querySelectorAll("input[placeholder]")).filter(function (each) {
    const style = getComputedStyle(each);
    if (!each.checkVisibility()) { return false; }
    context.font = style.font;
    const room = each.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)
      - (each.list ? 20 : 0); // the mark of its suggestions
    return context.measureText(each.placeholder).width > room;
  }).map((each) => each.placeholder);
}"""
"""Examples that are not whole, so that they are other examples."""


@pytest.mark.parametrize(
    "path", ["explore", *(pytest.param(path, marks=pytest.mark.slow) for path in ("", "requests"))]
)
def test_an_example_in_an_empty_field_is_whole(browse, visited, path):
    with browse(visited(3), viewport={"width": 320, "height": 800}) as browser:
        page = browser.go(f"/chest/{path}")
        page.locator("details.columns").evaluate_all(
            "all => all.forEach((each) => { each.open = true; })"
        )
        found = {}
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            found[width] = page.evaluate(CUT_PLACEHOLDERS)
        assert found == {width: [] for width in WIDTHS}
        assert "status_code >= 500" in page.get_by_label("Add a filter").get_attribute(
            "placeholder"
        )


@pytest.mark.slow
def test_the_routes_have_all_their_columns_without_scrolling(browse, visited):
    with browse(visited(40), viewport={"width": 320, "height": 800}) as browser:
        page = browser.go("/chest/?since=15m")
        table = page.locator("table.routes")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            room = table.locator("xpath=..")
            assert room.evaluate("each => each.scrollWidth - each.clientWidth") == 0
            for title in ("Requests", "Error rate", "p50", "p95"):
                head = table.get_by_role("link", name=title, exact=False).first
                place = head.evaluate("each => each.closest('th').cellIndex")
                cell = table.locator("tbody tr").first.locator("> *").nth(place)
                boxes = [head.bounding_box(), cell.bounding_box()]
                assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
                # A number is below its title.
                ends = [box["x"] + box["width"] for box in boxes]
                assert abs(ends[0] - ends[1]) < 16, title
        table.get_by_role("link", name="p95").first.click()
        browser.settle()
        expect(table.locator("th[aria-sort=descending]")).to_contain_text("p95")
