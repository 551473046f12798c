"""One right record a request, beside what people run around a Flask application.

Each case is a program of its own, as most of these libraries patch the process. Run by
`make test-compat`, in an environment of its own; `make test-compat WRITE=1` writes the page.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "compatibility.md"
CASES = sorted(path.stem for path in (Path(__file__).parent / "cases").glob("[a-z]*.py"))
SEEN: dict[str, str] = {}


def distributions(case: str) -> list[str]:
    """Return what a case runs, without importing it: an import may patch this process."""
    source = (Path(__file__).parent / "cases" / f"{case}.py").read_text("utf-8")
    listed = re.search(r"^DISTRIBUTIONS = \((.*?)\)$", source, re.MULTILINE | re.DOTALL)
    assert listed, f"{case} does not say what it runs"
    return re.findall(r'"([^"]+)"', listed[1])


@pytest.mark.parametrize("case", CASES)
def test_each_request_leaves_one_right_record_beside(case, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.compat", case, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    seen = re.search(r"^SEEN (.+)$", done.stdout, re.MULTILINE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert seen, done.stdout + done.stderr
    SEEN[case] = seen[1]


def rows() -> list[str]:
    """Return the rows of the page for the cases that ran."""
    found = []
    for case in sorted(SEEN, key=lambda case: distributions(case)[0].lower()):
        what = ", ".join(f"{d} {importlib.metadata.version(d)}" for d in distributions(case))
        found.append(f"| {what} | {SEEN[case]} |")
    return found


def without_versions(lines: list[str]) -> list[str]:
    return [re.sub(r" \d[\w.]*(?=[, ])", "", line) for line in lines]


def test_the_page_says_what_was_seen():
    if set(SEEN) != set(CASES):
        return  # a part of the cases was asked for
    begin, end = "<!-- compat: begin -->\n", "<!-- compat: end -->"
    page = PAGE.read_text("utf-8")
    before, rest = page.split(begin)
    table, after = rest.split(end)
    flask = ", ".join(f"{d} {importlib.metadata.version(d)}" for d in ("Flask", "Werkzeug"))
    head = [
        f"Run with {flask}, on Python {sys.version.split()[0]}.",
        "",
        "| what was run | what was seen |",
        "|---|---|",
    ]
    if os.environ.get("CHEST_WRITE"):
        PAGE.write_text(before + begin + "\n".join([*head, *rows(), ""]) + end + after, "utf-8")
        return
    listed = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert without_versions(listed) == without_versions(rows()), "run `make test-compat WRITE=1`"
