"""Exporters that fail, refuse and hang, and processes that deliver to them."""

from __future__ import annotations

import json
import threading

from pydantic import BaseModel, PrivateAttr

from flask_chest.errors import BatchRejected, ExporterUnavailable
from flask_chest.export import Export, Supervisor
from flask_chest.exporter import Exporter
from flask_chest.journal import DiskJournal, MemoryJournal
from flask_chest.plugins.manager import Plugins
from flask_chest.runtime.announcer import Announcer
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle
from flask_chest.testing.records import make_record


class NoConfig(BaseModel):
    pass


class Book(BaseModel):
    """What all instances of a `Keeper` with this configuration write down."""

    numbers: list[int] = []
    calls: list[str] = []
    batches: list[int] = []
    threads: set[str] = set()
    _busy: threading.Lock = PrivateAttr(default_factory=threading.Lock)


class Keeper(Exporter):
    """Keeps the numbers of the records that it got, and which of its methods were called."""

    type = "keeper"
    config_model = Book

    def __init__(self, config=None):
        super().__init__(config or Book())
        self.numbers = self.config.numbers
        self.calls = self.config.calls
        self.batches = self.config.batches
        self.threads = self.config.threads
        self._busy = self.config._busy
        self._may_take = False  # the instance of a thread that ends closes after the next opens

    @property
    def is_open(self):
        return self.calls.count("open") - self.calls.count("close") == 1

    def open(self):
        self.calls.append("open")
        self._may_take = True

    def export(self, batch):
        assert self._busy.acquire(blocking=False), "two threads in one exporter"
        try:
            assert self._may_take
            assert len(batch) == len(batch.records())
            self.threads.add(threading.current_thread().name)
            self.take([record["n"] for record in batch.records()])
        finally:
            self._busy.release()

    def take(self, numbers):
        self.batches.append(len(numbers))
        self.numbers += numbers

    def close(self):
        self.calls.append("close")
        self._may_take = False


class Failing(Keeper):
    """Fails a number of times, in `open` or in `export`, then works."""

    def __init__(self, times, where="export", error=None):
        super().__init__()
        self.left, self.where = times, where
        self.error = error or ExporterUnavailable("the database is away")

    def _fail(self, where):
        if where == self.where and self.left:
            self.left -= 1
            raise self.error

    def open(self):
        super().open()
        self._fail("open")

    def take(self, numbers):
        self._fail("export")
        super().take(numbers)


class Refusing(Keeper):
    """Refuses every batch with one of these in it, as a database does: all or nothing."""

    def __init__(self, refused):
        super().__init__()
        self.refused = set(refused)

    def take(self, numbers):
        if found := self.refused.intersection(numbers):
            raise BatchRejected(f"does not like {len(found)} of {len(numbers)}")
        super().take(numbers)


class HangingBook(Book):
    _entered: threading.Event = PrivateAttr(default_factory=threading.Event)
    _let_go: threading.Event = PrivateAttr(default_factory=threading.Event)


class Hanging(Keeper):
    """Hangs in its first batch until it is let go."""

    config_model = HangingBook

    def __init__(self, config=None):
        super().__init__(config or HangingBook())
        self.entered, self.let_go = self.config._entered, self.config._let_go

    def take(self, numbers):
        self.entered.set()
        assert self.let_go.wait(30)
        super().take(numbers)


class Process:
    """What one process has: a journal, and an export with counters of its own."""

    def __init__(
        self,
        folder,
        exporters,
        *,
        interval=1_000.0,
        shutdown=2.0,
        plugins=(),
        batch=10,
        app=None,
        room=64 * 1024 * 1024,
        **limits,
    ):
        self.counters, self.throttle = Counters(), Throttle()
        self.exporters = exporters
        self.journal = (
            DiskJournal(folder, exporters, self.counters, self.throttle, max_bytes=room)
            if folder
            else MemoryJournal(exporters, self.counters, self.throttle, max_bytes=room)
        )
        hooks = Plugins({f"p{n}": p for n, p in enumerate(plugins)}, self.counters, self.throttle)
        self.announcer = Announcer(lambda: app, "gone", exporters, self.counters, self.throttle)
        supervisors = {
            name: Supervisor(
                name,
                exporter,
                self.journal,
                max_records=batch,
                max_bytes=1_000_000,
                plugins=hooks,
                announcer=self.announcer,
                counters=self.counters,
                throttle=self.throttle,
                **limits,
            )
            for name, exporter in exporters.items()
        }
        self.export = Export(
            supervisors,
            self.journal,
            interval_seconds=interval,
            shutdown_seconds=shutdown,
            throttle=self.throttle,
        )

    def record(self, numbers, pad=0):
        for number in numbers:
            record = {**make_record(variables={"pad": "x" * pad}), "n": number}
            assert self.journal.append(json.dumps(record).encode() + b"\n")

    def stats(self, name="main"):
        return self.export.supervisors[name].stats()


def our_threads():
    names = ("chest-", "APScheduler")
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(names)]


def dead_letters(folder, name="main"):
    path = folder / "dead-letter" / f"{name}.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]
