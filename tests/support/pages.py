"""The files that a page of the docs shows: blocks behind `<!-- file: NAME -->`."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FILE = re.compile(r"^<!-- file: (\S+) -->\n\n?```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def files_of(page: str) -> dict[str, str]:
    """Return the files that a page shows, by their paths. `page` is such as ``docs/index.md``."""
    text = (ROOT / page).read_text("utf-8")
    files = dict(_FILE.findall(text))
    assert len(files) == len(_FILE.findall(text)) > 0, f"{page} shows no file, or one twice"
    return files


def write_files(page: str, folder: Path) -> Path:
    """Write the files that a page shows into a folder, and return it."""
    for path, text in files_of(page).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder
