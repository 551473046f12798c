"""The packages that are changed, and the tests that look after each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Area:
    """A package, and the tests that look after it.

    Attributes:
        package: Its folder in `flask_chest`.
        tests: Files and folders.
        ignored: Tests among them that take long.
        last: Tests of processes. Which lines these execute is not known, so they are tried on what
            no other test noticed.
        expression: Which of all these are run, as pytest's `-k` has it.
    """

    package: str
    tests: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    expression: str = ""


_NO_SERVERS: Final = "not postgres and not mysql and not mongo"
"""A server would be started for each change."""


AREAS: Final = (
    Area(
        "encode",
        (
            "tests/encode",
            "tests/redaction",
            "tests/capture",
        ),
        (
            "tests/capture/test_outbound_headers.py",
            "tests/encode/test_hostile_requests.py",
            "tests/redaction/test_bounded.py",
        ),
    ),
    Area(
        "redaction",
        ("tests/redaction",),
        ("tests/redaction/test_bounded.py",),
    ),
    Area(
        "query",
        ("tests/query", "tests/testing/test_sqlite_contracts.py"),
    ),
    Area(
        "capture",
        (
            "tests/capture",
            "tests/jobs",
            "tests/test_correlation.py",
            "tests/test_extension.py",
            "tests/plugins/test_init_hooks.py",
        ),
        ("tests/capture/test_outbound_headers.py", "tests/jobs/test_recipes.py"),
        ("tests/jobs/test_processes.py",),
    ),
    Area(
        "journal",
        ("tests/journal", "tests/hosts/test_end_of_memory.py"),
        (),
        ("tests/journal/test_refused_folders.py", "tests/journal/test_journal_crashes.py"),
        _NO_SERVERS,
    ),
    Area(
        "export",
        ("tests/export",),
        ("tests/export/test_exit.py",),
        (
            "tests/export/test_memory.py",
            "tests/export/test_ended_processes.py",
            "tests/export/test_forked_processes.py",
            "tests/export/test_retention_of_processes.py",
            "tests/export/test_clock.py",
            "tests/export/test_killed_processes.py",
            "tests/export/test_kills_between_borders.py",
        ),
        _NO_SERVERS,
    ),
)
