"""Writes 4,000 records to a journal of 1 MiB, and prints how many it kept and dropped."""

from __future__ import annotations

import sys
from pathlib import Path

from flask_chest.journal import DiskJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

counters = Counters()
journal = DiskJournal(
    Path(sys.argv[1]), ["main"], counters, Throttle(), max_bytes=1_048_576, when_full=sys.argv[2]
)
kept = sum(journal.append(b'{"pad": "%s"}\n' % (b"x" * 989)) for _ in range(4_000))
print(kept, counters.by_reason("dropped main").get("journal_full", 0))
