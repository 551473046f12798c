"""The tables of docs/reference/values.md and patterns.md, whose examples are tested."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "values.md"
PATTERNS = PAGE.with_name("patterns.md")


def rows(heading, page=PAGE):
    """Yield the cells of the tables in one section of the page."""
    section = page.read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| ") and "`" in line:
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def codes(cell):
    return re.findall(r"`([^`]*)`", cell)


def names_and_patterns():
    """Return patterns in quotes, names on `g`, and names that are taken, for each example."""
    found = [[codes(cell) for cell in row] for row in list(rows("What is taken", PATTERNS))[1:]]
    assert len(found) > 5
    return found


def refused_patterns():
    """Return the arguments of `track` that the page says are refused."""
    found = [
        eval(f"[{code}]")
        for row in list(rows("What is refused", PATTERNS))[1:]
        for code in codes(row[0])
    ]
    assert len(found) > 5
    return found
