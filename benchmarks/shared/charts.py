"""Charts of docs/explanation/performance-*.md, one SVG file each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from benchmarks.shared.report import DOCS, Spread

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


class Bar(NamedTuple):
    """A bar of a chart: its length, and both ends of its whisker."""

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
    """Write docs/charts/NAME.svg with one horizontal bar a row, the first on top.

    Args:
        name: Of the file, without its ending.
        title: Text above the chart.
        rows: Bars. Those with `low` and `high` have a whisker.
        unit: Text below the axis.
        ours: Prefix of the labels whose bars have the colour of Flask-Chest.
        limit: End of the axis. A longer bar is cut off there and shows its value inside.

    Returns:
        The Markdown that shows it.
    """
    import matplotlib as mpl  # noqa: PLC0415 - slow, and missing in some environments
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
        return _save(figure, name, title)


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
    """Write docs/charts/NAME.svg with one line a series; the first has the colour of Flask-Chest.

    Args:
        name: Of the file, without its ending.
        title: Text above the chart.
        series: Points by label.
        x: Text of the horizontal axis, with its unit.
        y: Text of the vertical axis, with its unit. The axis begins at 0 unless it is logarithmic.
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
        return _save(figure, name, title)


def _label(axes: Any, place: int, row: Bar, limit: float | None) -> None:  # noqa: ANN401 - untyped
    """Write the value of a bar beside it, and draw its whisker."""
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


def _save(figure: Any, name: str, title: str) -> str:  # noqa: ANN401 - untyped
    """Write a figure and return the Markdown that shows it.

    The background is white, to be readable on a dark page. There is no date, so that the same
    figures give the same file.
    """
    path = DOCS / "charts" / f"{name}.svg"
    path.parent.mkdir(exist_ok=True)
    metadata = {"Date": None, "Creator": None}
    figure.savefig(path, format="svg", facecolor="white", metadata=metadata)
    text = path.read_text("utf-8")
    path.write_text("".join(f"{line.rstrip()}\n" for line in text.splitlines()), "utf-8")
    return f"![{title}](../charts/{name}.svg)"


def _short(value: float) -> str:
    """Return a number without digits that are noise."""
    return f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"
