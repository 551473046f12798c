"""Rollups in memory, for tests of what all stores share."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count

from flask_chest.rollup import Change, Mark, RollupStorage, State


class MemoryRollups(RollupStorage):
    """Keeps rollups in this process."""

    def __init__(self):
        self.document = State().dump()
        self.pending = []
        self.kept = {}
        self._ids = count(1)

    def state(self):
        return State.load(self.document)

    def marks(self, since, until):
        return [mark for mark in self.pending if since <= mark.minute < until]

    def marked(self):
        return {mark.minute for mark in self.pending}

    def mark(self, minutes):
        self.pending += [Mark(next(self._ids), minute) for minute in minutes]

    def rows(self, series, tier, since, until):
        for bucket in sorted(self.kept.get((series, tier), {})):
            if since <= bucket < until:
                yield from ((bucket, row) for row in self.kept[series, tier][bucket])

    def oldest(self, series, tier):
        return min(self.kept.get((series, tier), {}), default=None)

    @contextmanager
    def changing(self):
        change = MemoryChange(self)
        yield change
        change.commit()


class MemoryChange(Change):
    def __init__(self, rollups):
        self._rollups = rollups
        self._done = []
        self.state = rollups.state()

    def forget(self, marks):
        self._done.append(lambda: self._forget({mark.id for mark in marks}))

    def _forget(self, ids):
        self._rollups.pending = [m for m in self._rollups.pending if m.id not in ids]

    def replace(self, series, tier, buckets, rows):
        def do():
            kept = self._rollups.kept.setdefault((series, tier), {})
            for bucket in [each for each in kept if buckets.start <= each < buckets.stop]:
                del kept[bucket]
            kept.update({bucket: list(found) for bucket, found in rows.items() if found})

        self._done.append(do)

    def delete(self, series, tier, until):
        def do():
            kept = self._rollups.kept.get((series, tier), {})
            for bucket in [each for each in kept if each < until]:
                del kept[bucket]

        self._done.append(do)

    def commit(self):
        for do in self._done:
            do()
        self.state.revision += 1
        self._rollups.document = self.state.dump()
