"""Run one case: `python -m tests.compat NAME FOLDER`. Prints what was seen, as one line."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    name, folder = sys.argv[1], Path(sys.argv[2])
    module = importlib.import_module(f"tests.compat.cases.{name}")
    seen = module.run(folder)
    print(f"SEEN {seen}", flush=True)
