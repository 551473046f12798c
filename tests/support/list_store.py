"""A store in memory, whose every operation can be interrupted by those of other threads."""

from __future__ import annotations

import random
import threading

from pydantic import BaseModel

from flask_chest import query
from flask_chest.store import Store
from flask_chest.testing.records import as_stored


class Config(BaseModel):
    path: str = ""


class ListStore(Store):
    """Keeps its records in the dict `kept`. `before` is called before each operation."""

    type = "list"
    config_model = Config

    def __init__(self, name="list", before=lambda: None):
        super().__init__(Config(path=name))
        self.kept = {}
        self.before = before

    def open(self):
        pass

    def close(self):
        pass

    def export(self, batch):
        self.before()
        for record in batch.records():
            self.kept.setdefault(record["id"], as_stored(record))

    def select(self, selection):
        self.before()
        return query.select(list(self.kept.values()), selection)

    def delete(self, records):
        self.before()
        return sum(self.kept.pop(record.id, None) is not None for record in records)

    def purge(self, *, before, progress=None):
        old = [record for record in self.kept.values() if record.started_at < before]
        return self.delete(old)


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
