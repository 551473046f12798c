"""The packages that are changed, and the tests that look after each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Area:
    """A package, and the tests that look after it.

    Attributes:
        package: Its folder in `flask_chest`.
        tests: Files and folders, of which the first end soonest.
        ignored: Tests of processes, which import the unchanged code or take long.
    """

    package: str
    tests: tuple[str, ...]
    ignored: tuple[str, ...] = ()


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
        (
            "tests/redaction/test_cards.py",
            "tests/redaction/test_credentials.py",
            "tests/redaction/test_issuers.py",
            "tests/redaction/test_markup.py",
            "tests/redaction/test_masked_names.py",
            "tests/redaction/test_privacy.py",
            "tests/redaction/test_redaction.py",
            "tests/redaction/test_finders.py",
            "tests/redaction/test_corpus.py",
        ),
    ),
    Area(
        "query",
        ("tests/query", "tests/testing/test_sqlite_contracts.py"),
        ("tests/query/test_queries_page.py", "tests/query/test_sheets.py"),
    ),
    Area(
        "capture",
        (
            "tests/capture",
            "tests/jobs",
            "tests/test_correlation.py",
            "tests/test_extension.py",
        ),
        (
            "tests/capture/test_outbound_headers.py",
            "tests/jobs/test_processes.py",
            "tests/jobs/test_recipes.py",
        ),
    ),
    Area(
        "journal",
        ("tests/journal", "tests/hosts/test_end_of_memory.py"),
        (
            "tests/journal/test_journal_crashes.py",
            "tests/journal/test_malformed_lines.py",
        ),
    ),
    Area(
        "export",
        (
            "tests/export/test_batches.py",
            "tests/export/test_batching.py",
            "tests/export/test_clock.py",
            "tests/export/test_cutoff.py",
            "tests/export/test_failures.py",
            "tests/export/test_flush.py",
            "tests/export/test_leader.py",
            "tests/export/test_memory.py",
            "tests/export/test_refusals.py",
            "tests/export/test_retention.py",
            "tests/export/test_indexing.py",
            "tests/export/test_rollup_job.py",
            "tests/export/test_signals.py",
            "tests/export/test_start_and_end.py",
            "tests/export/test_hanging.py",
        ),
    ),
)
