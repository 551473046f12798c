"""A store in memory, whose every operation can be interrupted by those of other threads."""

from __future__ import annotations

import random
import threading

from pydantic import BaseModel

from flask_chest.store import Store
from flask_chest.testing.records import as_stored


class Config(BaseModel):
    path: str = ""


class ListStore(Store):
    """Keeps its records in a dict. `before` is called before each operation."""

    type = "list"
    config_model = Config

    def __init__(self, name="list", before=lambda: None):
        super().__init__(Config(path=name))
        self.records = {}
        self.before = before

    def open(self):
        pass

    def close(self):
        pass

    def export(self, batch):
        self.before()
        for record in batch.records():
            self.records.setdefault(record["id"], as_stored(record))

    def query(self, *, limit=100, newest_first=True, **where):
        assert not where
        self.before()
        return self._sorted(reverse=newest_first)[:limit]

    def count(self, **where):
        return len(self.records)

    def page(self, *, after=None, until=None, limit=1_000):
        self.before()
        return [
            record
            for record in self._sorted()
            if (after is None or (record.started_at, record.id) > after)
            and (until is None or record.started_at < until)
        ][:limit]

    def delete(self, records):
        self.before()
        return sum(self.records.pop(record.id, None) is not None for record in records)

    def purge(self, *, before, progress=None):
        old = [record for record in self.records.values() if record.started_at < before]
        return self.delete(old)

    def routes(self, **where):
        raise NotImplementedError

    def top_values(self, name, *, limit=10, **where):
        raise NotImplementedError

    def _sorted(self, *, reverse=False):
        return sorted(self.records.values(), key=lambda r: (r.started_at, r.id), reverse=reverse)


class Turns:
    """Runs functions at the same time, one operation of one of them at a time.

    Args:
        seed: Decides whose turn it is.
    """

    def __init__(self, seed):
        self._choose = random.Random(seed)
        self._changed = threading.Condition()
        self._waiting = set()
        self._running = 0
        self._next = None
        self._errors = []

    def take(self):
        """Wait for a turn. Called before each operation; outside of `run` it does nothing."""
        me = threading.get_ident()
        with self._changed:
            if not self._running:
                return
            self._waiting.add(me)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._next == me, 60)
            self._next = None

    def run(self, *functions):
        """Run all of them to their ends."""

        def guarded(function):
            try:
                self.take()
                function()
            except BaseException as error:  # noqa: BLE001 - raised below
                self._errors.append(error)
            finally:
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()

        self._running = len(functions)
        threads = [threading.Thread(target=guarded, args=(each,)) for each in functions]
        for thread in threads:
            thread.start()
        with self._changed:
            while self._running:
                ready = self._changed.wait_for(
                    lambda: self._next is None and len(self._waiting) == self._running, 60
                )
                assert ready
                if self._running:
                    self._next = self._choose.choice(sorted(self._waiting))
                    self._waiting.discard(self._next)
                    self._changed.notify_all()
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]
