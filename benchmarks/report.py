"""What the benchmarks share: statistics, tables, charts, and their place in docs/performance.md."""

from __future__ import annotations

import os
import platform
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
PAGE: Final = DOCS / "performance.md"

_OURS: Final = "#0b6e4f"
_OTHERS: Final = "#8a94a6"
_COLOURS: Final = (_OURS, "#c8553d", "#3d5a80", "#e0a030", "#7a5195", "#58a4b0")
_STYLE: Final = {
    "svg.fonttype": "none",  # text stays text: small, and it can be searched
    "svg.hashsalt": "flask-chest",  # the same figures give the same file
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


# -- Statistics ----------------------------------------------------------------------------------


class Spread(NamedTuple):
    """A median with its quartiles."""

    low: float
    middle: float
    high: float

    def cells(self, digits: int = 1, *, sign: bool = False) -> tuple[str, str]:
        """Return two cells of a table: the median, and the quartiles."""
        form = f"{'+' if sign else ''},.{digits}f"
        low, middle, high = (format(value, form) for value in self)
        return middle, f"{low} to {high}" if sign else f"{low}-{high}"


def spread(values: Iterable[float]) -> Spread:
    """Return median and quartiles; one value is all three."""
    found = list(values)
    if len(found) == 1:
        return Spread(found[0], found[0], found[0])
    return Spread(*statistics.quantiles(found, n=4, method="inclusive"))


def over(values: Iterable[float], base: Iterable[float]) -> Spread:
    """Return the spread of the differences, round by round: what is slow for both cancels out."""
    return spread(value - other for value, other in zip(values, base, strict=True))


# -- The page ------------------------------------------------------------------------------------


def write(part: str, markdown: str) -> None:
    """Print a part of docs/performance.md, and put it between the markers of its name there.

    Raises:
        ValueError: The page has no such markers, or more than one pair of them.
    """
    print(markdown, flush=True)
    begin, end = f"<!-- bench:{part} -->", f"<!-- /bench:{part} -->"
    block = f"{begin}\n\n{markdown.strip()}\n\n{end}"
    pattern = f"{re.escape(begin)}.*?{re.escape(end)}"
    text, count = re.subn(pattern, lambda _: block, PAGE.read_text("utf-8"), flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"{PAGE.name} has {count} pairs of markers {begin} {end}, not one")
    PAGE.write_text(text, "utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """Return a table in Markdown: so many columns of text, then numbers, aligned to the right."""
    lines = [head, ["---"] * texts + ["---:"] * (len(head) - texts), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def picture(name: str, title: str) -> str:
    """Return the Markdown that shows a chart on the page."""
    return f"![{title}](charts/{name}.svg)"


def machine(*distributions: str, others: Mapping[str, str] | None = None) -> str:
    """Return a line that says when and with what it was measured.

    Args:
        distributions: Names of installed distributions whose versions matter, besides Flask's.
        others: Name and version of what is installed elsewhere, or is no distribution.
    """
    versions = {"Flask": version("flask")}
    versions |= {name: version(name) for name in distributions}
    versions |= others or {}
    today = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    hardware = f"{os.cpu_count()} cores, {_cpu()}, {platform.system()} {platform.machine()}"
    software = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"Measured on {today}: {hardware}; Python {platform.python_version()}, {software}."


def _cpu() -> str:
    """Return the model of the CPU."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:  # not Linux
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or "CPU unknown"


# -- Charts --------------------------------------------------------------------------------------


class Bar(NamedTuple):
    """A bar of a chart: how long it is, and from where to where its whisker goes."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, label: str, found: Spread) -> Bar:
        """Return the bar of a median with its quartiles."""
        return cls(label, found.middle, found.low, found.high)


def bar_chart(
    name: str,
    title: str,
    rows: Sequence[Bar],
    unit: str,
    *,
    ours: str = "Flask-Chest",
    limit: float | None = None,
) -> str:
    """Write docs/charts/NAME.svg with a horizontal bar for each row, the first on top.

    Args:
        name: Of the file, without its ending.
        title: Stands above the chart.
        rows: Bars, with whiskers where they have a low and a high.
        unit: Stands below the axis.
        ours: Bars whose labels begin so are in a colour of their own.
        limit: Where the axis ends. Longer bars are cut off there, and their values stand in them.

    Returns:
        The Markdown that shows it.
    """
    import matplotlib as mpl  # noqa: PLC0415 - slow to import, and not there in all environments
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8.5, 0.8 + 0.32 * len(rows)), layout="constrained")
        axes = figure.subplots()
        colours = [_OURS if row.label.startswith(ours) else _OTHERS for row in rows]
        places = range(len(rows))
        axes.barh(places, [row.value for row in rows], color=colours, height=0.65)
        for place, row in zip(places, rows, strict=True):
            _label(axes, place, row, limit)
        axes.set_yticks(places, [row.label for row in rows])
        axes.invert_yaxis()
        if limit is None:
            axes.margins(x=0.1)
        else:
            axes.set_xlim(min(0, *(row.low or 0 for row in rows)), limit)
        axes.set_xlabel(unit)
        axes.set_title(title, loc="left", fontsize=11)
        _save(figure, name)
    return picture(name, title)


def line_chart(
    name: str,
    title: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    x: str,
    y: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    markers: bool = True,
) -> str:
    """Write docs/charts/NAME.svg with a line for each series; the first has our colour.

    Args:
        name: Of the file, without its ending.
        title: Stands above the chart.
        series: Label -> points.
        x: Stands below the horizontal axis, with its unit.
        y: Stands beside the vertical axis, with its unit; it begins at 0 unless it is logarithmic.
        log_x: Make the horizontal axis logarithmic, with a tick at each point.
        log_y: Make the vertical axis logarithmic.
        markers: Show each point.

    Returns:
        The Markdown that shows it.
    """
    import matplotlib as mpl  # noqa: PLC0415 - as above
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8.5, 3.4), layout="constrained")
        axes = figure.subplots()
        for number, (label, points) in enumerate(series.items()):
            colour = _COLOURS[number % len(_COLOURS)]
            marker = "o" if markers else ""
            axes.plot(*zip(*points, strict=True), label=label, color=colour, marker=marker, ms=4)
        if log_x:
            axes.set_xscale("log")
            ticks = sorted({place for points in series.values() for place, _ in points})
            axes.set_xticks(ticks, [f"{tick:,g}" for tick in ticks])
            axes.minorticks_off()
        if log_y:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.set_title(title, loc="left", fontsize=11)
        if len(series) > 1:
            axes.legend(frameon=False)
        _save(figure, name)
    return picture(name, title)


def _label(axes: Any, place: int, row: Bar, limit: float | None) -> None:  # noqa: ANN401 - untyped
    """Write its value beside a bar, and draw its whisker."""
    number, low, high = _short(row.value), row.low, row.high
    aligned: dict[str, Any] = {"textcoords": "offset points", "va": "center"}
    if limit is not None and row.value >= limit:
        text = f"{number} \N{RIGHTWARDS ARROW}"
        axes.annotate(text, (limit, place), (-4, 0), ha="right", color="white", **aligned)
        return
    end = max(row.value, high or 0, 0)
    if low is not None and high is not None:
        whisker = [low, high if limit is None else min(high, limit)]
        axes.plot(whisker, [place, place], color="#222222", linewidth=1)
    if limit is not None and end > 0.9 * limit:  # no room beside it
        start = row.value if low is None else low
        axes.annotate(number, (start, place), (-4, 0), ha="right", color="white", **aligned)
    else:
        axes.annotate(number, (end, place), (4, 0), **aligned)


def _save(figure: Any, name: str) -> None:  # noqa: ANN401 - untyped
    """Write a figure, on white so that it can be read on a dark page, and without a date."""
    path = DOCS / "charts" / f"{name}.svg"
    path.parent.mkdir(exist_ok=True)
    metadata = {"Date": None, "Creator": None}
    figure.savefig(path, format="svg", facecolor="white", metadata=metadata)
    text = path.read_text("utf-8")
    path.write_text("".join(f"{line.rstrip()}\n" for line in text.splitlines()), "utf-8")


def _short(value: float) -> str:
    """Return a number with no more digits than can be believed."""
    return f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"
