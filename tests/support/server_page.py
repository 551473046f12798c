"""The generated tables of docs/explanation/servers.md.

`CHEST_WRITE_DOCS=1` makes the tests write them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "servers.md"


def assert_on_page(head, rows):
    """Compare the table that begins with the same column. With CHEST_WRITE_DOCS, write it first."""
    lines = [head, ["---"] * len(head), *rows]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    text = PAGE.read_text("utf-8")
    if os.environ.get("CHEST_WRITE_DOCS"):
        old = rf"^\| {re.escape(head[0])} \|.*\n(?:\|.*\n)*"
        text, count = re.subn(old, lambda _: table, text, flags=re.MULTILINE)
        assert count == 1, f"{PAGE.name} has {count} tables that begin with {head[0]!r}, not one"
        PAGE.write_text(text, "utf-8")
    assert f"\n\n{table}\n" in text


def rows_on_page(head):
    """Return the rows of the table with these columns."""
    text = PAGE.read_text("utf-8")
    [(_head, rows)] = [
        (lines[0], lines[2:])
        for lines in (block.splitlines() for block in text.split("\n\n"))
        if lines and lines[0] == f"| {' | '.join(head)} |"
    ]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
