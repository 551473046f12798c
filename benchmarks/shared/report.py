"""Statistics, tables, and the pages that they are written into."""

from __future__ import annotations

import os
import platform
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
PAGES: Final = sorted(DOCS.glob("explanation/*performance*.md"))
"""What Flask-Chest costs, a page for each question."""


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
    """Return median and quartiles; a single value is all three."""
    found = list(values)
    if len(found) == 1:
        return Spread(found[0], found[0], found[0])
    return Spread(*statistics.quantiles(found, n=4, method="inclusive"))


def over(values: Iterable[float], base: Iterable[float]) -> Spread:
    """Return the spread of the differences round by round, which cancels what slows both."""
    return spread(value - other for value, other in zip(values, base, strict=True))


# -- The page ------------------------------------------------------------------------------------


def write(part: str, markdown: str, page: Path | None = None) -> None:
    """Print a part of a page, and write it between its markers there.

    Args:
        part: The name in the markers.
        markdown: What is written.
        page: Where; None for that of `PAGES` which has the part.

    Raises:
        ValueError: There is not exactly one pair of these markers.
    """
    print(markdown, flush=True)
    begin, end = f"<!-- bench:{part} -->", f"<!-- /bench:{part} -->"
    if page is None:
        having = [each for each in PAGES if begin in each.read_text("utf-8")]
        if len(having) != 1:
            raise ValueError(f"{len(having)} pages of what it costs have {begin}, not one")
        [page] = having
    block = f"{begin}\n\n{markdown.strip()}\n\n{end}"
    pattern = f"{re.escape(begin)}.*?{re.escape(end)}"
    text, count = re.subn(pattern, lambda _: block, page.read_text("utf-8"), flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"{page.name} has {count} pairs of markers {begin} {end}, not one")
    page.write_text(text, "utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """Return a table in Markdown: `texts` columns of text, then numbers aligned to the right."""
    lines = [head, ["---"] * texts + ["---:"] * (len(head) - texts), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(*distributions: str, others: Mapping[str, str] | None = None) -> str:
    """Return a line with the date, the hardware and the versions of a measurement.

    Args:
        distributions: Installed distributions whose versions are shown, besides Flask's.
        others: Versions of what is not installed here, by name.
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
