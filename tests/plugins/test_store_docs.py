"""The store of docs/how-to/write-a-store.md is complete: it passes the contract."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "write-a-store.md").read_text("utf-8")

for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
    exec(block)

TestLines.moments = 2  # noqa: F821 - the page has it; with all of them it takes 20 seconds
