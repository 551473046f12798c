"""The store of docs/how-to/plugins.md is complete: it passes the contract."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "plugins.md").read_text("utf-8")
SECTION = re.search(r"^## A store$(.*?)^## ", PAGE, re.DOTALL | re.MULTILINE)[1]

for block in re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL):
    exec(block)
