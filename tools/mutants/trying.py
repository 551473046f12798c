"""Tries one change: makes it, runs tests, and takes it back."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_item import MutationSpec

_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_NO_TESTS: Final = (4, 5)
"""Exit statuses of pytest when it ran no test, which says nothing of a change."""


_LAST_SECONDS: Final = 900.0


@dataclass(frozen=True)
class Tried:
    """What became of a change.

    Attributes:
        diff: The change.
        noticed_by: The test that failed, or what else happened; None when all tests passed.
    """

    diff: str
    noticed_by: str | None


def tried(
    mutation: MutationSpec, python: str, chosen: Sequence[str], seconds: float, last: Sequence[str]
) -> Tried:
    """Make a change and run tests until one fails.

    Args:
        mutation: The change. Its file is written, and restored.
        python: The interpreter of the tests.
        chosen: Node IDs of tests, in their order.
        seconds: How long they may take. A change that makes them hang is noticed.
        last: Arguments of pytest that name what is run when all of those pass.
    """
    path = mutation.module_path
    operator = get_operator(mutation.operator_name)(**mutation.operator_args)
    with use_mutation(path, operator, mutation.occurrence) as (before, after):
        if after is None:
            sys.exit(f"no change was made: {mutation}")
        lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
        diff = "".join(difflib.unified_diff(*lines, f"a/{path}", f"b/{path}"))
        Path("chosen.json").write_text(json.dumps(chosen), "utf-8")
        files = dict.fromkeys(test.partition("::")[0] for test in chosen)
        noticed_by = _failed(
            [python, "-m", "pytest", "-p", "tools.mutants.choosing", *files], seconds
        )
        for _ in range(2 if noticed_by is None and last else 0):
            # On a busy machine, a test of processes may fail by itself; hardly ever twice.
            noticed_by = _failed([python, "-m", "pytest", *last], _LAST_SECONDS)
            if noticed_by is None:
                break
    return Tried(diff, noticed_by)


def _failed(command: list[str], seconds: float) -> str | None:
    """Run tests, and return which failed, or None."""
    process = subprocess.Popen(
        [*command, "-x", "-q", "--no-header", "-p", "no:cacheprovider"],
        env={
            **os.environ,
            "MUTANTS_CHOSEN": str(Path("chosen.json").absolute()),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"more than {seconds:.0f} seconds"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with what a test that hangs has started
        process.communicate()
    if process.returncode == 0:
        return None
    if "while loading conftest" in output:
        return "the import of the tests"
    if process.returncode in _NO_TESTS:
        sys.exit(f"no test was run:\n{output[-2000:]}")
    found = _FAILED.search(output)
    return found[1] if found else f"exit status {process.returncode}"
