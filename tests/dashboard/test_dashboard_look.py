"""Colours that everybody can tell apart, and files that load fast, without a browser."""

from __future__ import annotations

import gzip
import itertools
import re
from collections import Counter
from importlib.resources import files

import pytest
from flask_chest_dashboard.assets import Assets
from flask_chest_dashboard.charts.sparkline import sparkline

STATIC = files("flask_chest_dashboard") / "static"
CSS = (STATIC / "dashboard.css").read_text("utf-8")
BLOCK = r"\{([^{}]*)\}"
LIGHT, DARK, DARK_OF_THE_SYSTEM = (
    re.search(re.escape(selector) + r"\s*" + BLOCK, CSS)
    for selector in (":root", ':root[data-theme="dark"]', ':root:not([data-theme="light"])')
)
SERIES = [f"c{place}" for place in range(1, 9)]
HEAT = [f"h{place}" for place in range(1, 10)]

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency" (2009), severity 1.0, for linear RGB.
SIGHT = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}
# Ottosson, https://bottosson.github.io/posts/oklab/
CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
OKLAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def tokens(block):
    """Return the colours of a block by name."""
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", block.group(1)))


def linear(colour):
    """Return a colour as linear red, green and blue."""
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    values = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in values]


def times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def contrast(one, other):
    """Return the contrast of two colours, by WCAG 2."""
    light = sorted(
        sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), linear(each), strict=True))
        for each in (one, other)
    )
    return (light[1] + 0.05) / (light[0] + 0.05)


def distance(one, other, sight):
    """Return the distance in OKLab of two colours, as those with this sight see them."""
    seen = []
    for each in (one, other):
        colour = [min(max(value, 0), 1) for value in times(SIGHT[sight], linear(each))]
        seen.append(times(OKLAB, [value ** (1 / 3) for value in times(CONES, colour)]))
    return sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5


@pytest.mark.parametrize("block", [LIGHT, DARK], ids=["light", "dark"])
class TestColours:
    def test_text_has_contrast(self, block):
        colour = tokens(block)
        pairs = [
            *itertools.product(("text", "muted", "link"), ("bg", "card", "hover")),
            *itertools.product(("accent", "good", "bad", "warn"), ("card", "hover", "bg")),
            *((each, f"{each}-bg") for each in ("accent", "good", "bad", "warn")),
            *itertools.product(("text", "link"), ("accent-bg", "bad-bg", "warn-bg")),
            ("on-accent", "accent"),
        ]
        low = {pair: contrast(*(colour[each] for each in pair)) for pair in pairs}
        assert {pair: each for pair, each in low.items() if each < 4.5} == {}

    def test_lines_and_edges_have_contrast(self, block):
        colour = tokens(block)
        low = {each: contrast(colour[each], colour["card"]) for each in [*SERIES, "edge", "bad"]}
        assert {name: each for name, each in low.items() if each < 3} == {}

    @pytest.mark.parametrize("sight", SIGHT)
    def test_no_two_series_look_alike(self, block, sight):
        colour = tokens(block)
        near = {
            pair: distance(*(colour[each] for each in pair), sight)
            for pair in itertools.combinations(SERIES, 2)
        }
        assert {pair: each for pair, each in near.items() if each < 0.08} == {}

    @pytest.mark.parametrize("sight", SIGHT)
    def test_good_differs_from_bad_and_failures_from_requests(self, block, sight):
        colour = tokens(block)
        assert distance(colour["good"], colour["bad"], sight) > 0.08
        assert distance(colour["c1"], colour["bad"], sight) > 0.08

    @pytest.mark.parametrize("sight", SIGHT)
    def test_the_steps_of_the_heatmap_are_even(self, block, sight):
        colour = tokens(block)
        steps = [
            distance(colour[one], colour[other], sight) for one, other in itertools.pairwise(HEAT)
        ]
        assert min(steps) > 0.06
        assert max(steps) < 1.7 * min(steps)
        light = [contrast(colour[each], "#000000") for each in HEAT]
        assert light in (sorted(light), sorted(light, reverse=True))


def test_the_dark_of_the_system_is_the_dark_that_is_chosen():
    assert "".join(DARK.group(1).split()) == "".join(DARK_OF_THE_SYSTEM.group(1).split())


@pytest.mark.parametrize("name", ["dashboard.css", "pages.css"])
def test_no_rule_stands_twice_in_a_file_and_all_blocks_end(name):
    text = re.sub(r"/\*.*?\*/", "", (STATIC / name).read_text("utf-8"), flags=re.DOTALL)
    assert text.count("{") == text.count("}")
    selectors = [
        line.partition(" {")[0] for line in text.splitlines() if re.match(r"[^\s@}]", line)
    ]
    assert [each for each, count in Counter(selectors).items() if count > 1] == []
    assert text.count("\n") < 400


def test_all_files_together_are_small():
    assets = Assets()
    served = [
        assets.response(assets.hashed(file.name)).get_data()
        for file in STATIC.iterdir()
        if file.name.endswith((".css", ".js", ".svg"))
    ]
    assert len(served) >= 8
    assert sum(map(len, served)) < 150_000
    assert sum(len(gzip.compress(each)) for each in served) < 60_000


def test_files_have_names_of_their_content_and_are_kept_for_ever(shop):
    client = shop().test_client()
    page = client.get("/chest/").get_data(as_text=True)
    found = set(re.findall(r'(?:src|href)="([^"]*/assets/[^"]+)"', page))
    assert len(found) == 8
    for each in found:
        answer = client.get(each)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert "max-age=31536000" in answer.headers["Cache-Control"]
        assert re.search(r"\.[0-9a-f]{12}\.(css|js|svg)$", each)
    assert client.get("/chest/assets/dashboard.000000000000.js").status_code == 404


@pytest.mark.parametrize("name", ["charts.js", "menus.js", "dashboard.js"])
def test_a_script_makes_no_code_from_text(name):
    script = (STATIC / name).read_text("utf-8")
    assert not re.search(r"\beval\(|new Function|document\.write|setTimeout\(\s*[\"']", script)
    assert script.count("\n") < 300


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ([], ""),
        ([5], "M0.0 2.0h1"),
        ([0, 10], "M0.0 22.0L120.0 2.0"),
        ([1, None, 1], "M0.0 2.0h1M120.0 2.0h1"),
        ([None, None], ""),
        ([0, 0], "M0.0 22.0L120.0 22.0"),
    ],
)
def test_a_sparkline_goes_through_its_values(values, path):
    assert f' d="{path}"' in sparkline(values, "requests")


def test_a_sparkline_escapes_its_title():
    assert '"><script>' not in sparkline([1, 2], '"><script>')
