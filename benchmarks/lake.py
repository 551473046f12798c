"""What a lake takes on the disk, and how fast records are delivered to it, beside SQLite.

Run by `make bench-lake`. The same records go into a lake in a folder, and into a SQLite file, with
every batch durable before the next. The lake is measured without typed columns, and with those of
all variables; before compaction, and after it.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from flask_chest_parquet import ParquetConfig, ParquetStore
from flask_chest_sqlite import SqliteConfig, SqliteStore

from benchmarks.shared.records import Records
from benchmarks.shared.report import write
from flask_chest.exporter import Batch
from flask_chest.store import Store

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "lake.md"
VARIABLES: Final = "user_id,tenant,cost_cents,items"
BATCH: Final = 20_000


class Measured(NamedTuple):
    """What one round has shown.

    Attributes:
        rate: Records a second.
        cpu_us: Microseconds of CPU time a record.
        size: Bytes of a record on the disk.
        compacted: The same after compaction; None where there is none.
    """

    rate: float
    cpu_us: float
    size: float
    compacted: float | None = None


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def cpu_seconds() -> float:
    """Return the CPU time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def delivered(store: Store, folder: Path, batches: Sequence[Batch]) -> Measured:
    """Deliver batches to an empty store."""
    count = sum(map(len, batches))
    store.open()
    try:
        began, cpu = time.perf_counter(), cpu_seconds()
        for batch in batches:
            store.export(batch)
        seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
        size, compacted = size_of(folder), None
        if isinstance(store, ParquetStore):
            store.compact()
            compacted = size_of(folder) / count
    finally:
        store.close()
    if not isinstance(store, ParquetStore):
        size = size_of(folder)  # without the write-ahead log
    return Measured(count / seconds, cpu / count * 1e6, size / count, compacted)


def once(way: str, records: int, *, of_proxy: bool) -> Measured:
    """Measure one way with new records, in a folder of its own."""
    kind, _, option = way.partition(" ")
    made = Records(random_request_ids=of_proxy)
    batches = [made.batch(BATCH) for _ in range(records // BATCH)]
    with tempfile.TemporaryDirectory(prefix="chest-bench-") as name:
        folder = Path(name)
        if kind == "sqlite":
            store: Store = SqliteStore(SqliteConfig(path=folder / "chest.sqlite3"))
            return delivered(store, folder, batches)
        columns = tuple(VARIABLES.split(",")) if option else ()
        config = ParquetConfig(path=folder / "lake", columns=columns)
        return delivered(ParquetStore(config), folder, batches)


def main() -> None:
    """Measure, print a table, and write it into its page unless it was a short run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--short", action="store_true", help="fewer records and one round")
    given = parser.parse_args()
    records, rounds = (40_000, 1) if given.short else (given.records, given.rounds)
    ways = {
        "SQLite": "sqlite",
        "lake, variables as JSON": "lake",
        "lake, variables in typed columns": "lake typed",
    }
    kinds = [(title, of_proxy) for of_proxy in (False, True) for title in ways]
    found: dict[tuple[str, bool], list[Measured]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for title, of_proxy in kinds:  # in turn, so that what slows one slows all
            found[title, of_proxy].append(once(ways[title], records, of_proxy=of_proxy))
    lines = [
        "| | request IDs | records a second | CPU us a record | bytes a record | compacted |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for (title, of_proxy), rows in found.items():
        ids = "a proxy's" if of_proxy else "ours"
        rate = statistics.median(row.rate for row in rows)
        cpu = statistics.median(row.cpu_us for row in rows)
        size = statistics.median(row.size for row in rows)
        after = [row.compacted for row in rows if row.compacted is not None]
        compacted = f"{statistics.median(after):.1f}" if after else ""
        lines.append(f"| {title} | {ids} | {rate:,.0f} | {cpu:.1f} | {size:.1f} | {compacted} |")
    text = (
        f"{records:,} records in batches of {BATCH:,}, the median of {rounds} rounds.\n\n"
        + "\n".join(lines)
    )
    if given.short:
        print(text)
    else:
        write("lake", text, PAGE)


if __name__ == "__main__":
    main()
