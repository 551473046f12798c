"""A plugin of pytest that writes which tests execute each line of a package.

Of the environment: MUTANTS_PACKAGE is the folder of the package, MUTANTS_COVERED the JSON file. It
has the seconds of each test, and the tests of each line. A test that fails is in neither.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias, cast

import pytest

_folder = str(Path(os.environ["MUTANTS_PACKAGE"]).resolve()) + os.sep
_seconds: dict[str, float] = {}
_tests: dict[tuple[str, int], set[str]] = defaultdict(set)
_failed: set[str] = set()
_lines: set[tuple[str, int]] = set()
_Trace: TypeAlias = Callable[[FrameType, str, Any], Any]


def _call(frame: FrameType, _event: str, _argument: object) -> _Trace | None:
    return _line if frame.f_code.co_filename.startswith(_folder) else None


def _line(frame: FrameType, event: str, _argument: object) -> _Trace:
    if event == "line":
        _lines.add((frame.f_code.co_filename, frame.f_lineno))
    return _line


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Note what a test and its fixtures execute, in all threads."""
    _lines.clear()
    began = time.perf_counter()
    threading.settrace(_call)
    sys.settrace(_call)
    try:
        return (yield)
    finally:
        sys.settrace(None)
        threading.settrace(cast("_Trace", None))
        _seconds[item.nodeid] = time.perf_counter() - began
        for place in list(_lines):
            _tests[place].add(item.nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what fails."""
    if report.failed:
        _failed.add(report.nodeid)


def pytest_unconfigure() -> None:
    """Write the file."""
    lines = {
        f"{os.path.relpath(path)}:{line}": sorted(tests - _failed)
        for (path, line), tests in _tests.items()
    }
    seconds = {test: taken for test, taken in _seconds.items() if test not in _failed}
    found = {"seconds": seconds, "lines": lines}
    Path(os.environ["MUTANTS_COVERED"]).write_text(json.dumps(found), "utf-8")
