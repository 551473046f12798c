"""What redaction finds of a corpus of secrets, and what it masks of harmless values.

Run by `make bench-redaction`. `--failures` lists each form that failed.
"""

from __future__ import annotations

import argparse
import sys

from corpus import judged

from benchmarks import redaction_hostile as hostile
from benchmarks import redaction_tools as tools
from benchmarks.shared import report


def table(head: str, found: judged.Judged) -> str:
    """Return a table of the families of a corpus in Markdown, the total last."""
    rows = [
        (family, f"{count:,}", f"{len(found.failures.get(family, ())):,}", _share(found, family))
        for family, count in found.counts.items()
    ]
    total = ("**total**", f"{found.count:,}", f"{len(found.failed):,}", f"{found.share:.2%}")
    return report.table((head, "forms", "failed", "right"), [*rows, total])


def _share(found: judged.Judged, family: str) -> str:
    return f"{1 - len(found.failures.get(family, ())) / found.counts[family]:.1%}"


def main() -> int:
    """Measure, and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failures", action="store_true", help="list each form that failed")
    arguments = parser.parse_args()
    hidden, kept = judged.judge_secrets()
    facts, harmless = judged.judge_facts(), judged.judge_harmless()
    parts = {
        "secrets that are hidden": hidden,
        "what stands around secrets is kept": kept,
        "facts that are kept": facts,
        "generated harmless values that are kept": harmless,
    }
    for head, found in parts.items():
        print(table(head, found), end="\n\n", flush=True)
        if arguments.failures:
            for failure in found.failed[:2_000]:
                print(failure)
            print()
    print(tools.table(), end="\n\n", flush=True)
    print(hostile.worst("a record of up to 1 MiB", hostile.records(), hostile.LIMIT_RECORD_MS))
    print(f"\n{hostile.worst('a path of 4 KiB', hostile.paths(), hostile.LIMIT_PATH_MS)}")
    print(f"\n{hostile.after_strangers()}\n\n{hostile.secret_name()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
