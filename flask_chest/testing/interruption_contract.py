"""The contract of every exporter about exports that are interrupted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, TypeAlias

import pytest
from pydantic_core import from_json, to_json

from flask_chest.store import Store
from flask_chest.testing.backend import Backend
from flask_chest.testing.interrupting import Plan, Report, interrupt
from flask_chest.testing.watching import text_of

Way: TypeAlias = Literal["kill", "fail", "cut", "meet"]

_TOLD = 5


class InterruptionContract:
    """A test that interrupts exports at many moments, and exports the same records again.

    The moments are found by watching an export: before each call of the operating system that
    Python code makes, and before each line of the exporter's own package.

    Attributes:
        moments: Most interruptions of each way. Fewer are drawn from all parts of an export.
        ways: ``kill`` kills the process. ``fail`` lets a call of the operating system fail. ``cut``
            ends a file in the middle of a write, as a full disk does, and a kill. ``meet`` lets
            another exporter store the same batch in the middle, from another process or thread.
        seed: Of the draw.
    """

    moments: int = 60
    ways: Sequence[Way] = ("kill", "fail", "cut", "meet")
    seed: int = 0

    def test_a_batch_is_stored_once_whatever_interrupts_its_export(self, backend: Backend) -> None:
        plan: Plan = {"ways": self.ways, "moments": self.moments, "seed": self.seed}
        with backend.start(interrupt) as process:
            out, err = process.communicate(to_json(plan).decode() + "\n", timeout=600)
        assert process.returncode == 0, err
        reports: list[Report] = [from_json(line) for line in out.splitlines()]
        faults = _faults(backend, reports)
        if faults:
            told = "\n".join(faults[:_TOLD])
            pytest.fail(f"{len(faults)} of {len(reports)} interruptions were too much:\n{told}")


def _faults(backend: Backend, reports: list[Report]) -> list[str]:
    try:
        stored = Counter(backend.ids())
    except Exception as error:  # noqa: BLE001 - raised again, with what it means
        pytest.fail(
            f"{type(backend).__name__}.ids() cannot read what is left after {len(reports)} "
            f"interruptions. Is a record there in part? {type(error).__name__}: {error}"
        )
    texts = _texts(backend, reports)
    faults = []
    for report in reports:
        said = [report["fault"]] if report["fault"] else []
        lost = sum(not stored[each] for each in report["ids"])
        twice = sum(stored[each] > 1 for each in report["ids"])
        changed = sum(texts.get(each, "") != text_of(each) for each in report["ids"] if texts)
        for number, what in (
            (lost, "lost"),
            (twice, "stored more than once"),
            (changed, "changed"),
        ):
            if number and not (what == "changed" and lost):
                said.append(f"{number} of {len(report['ids'])} records are {what}")
        if said:
            faults.append(f"{report['what']}: {', '.join(said)}")
    return faults


def _texts(backend: Backend, reports: list[Report]) -> dict[str, object]:
    """Return the texts that a store reads back, by ID; nothing for an exporter that cannot."""
    store = backend.new()
    if not isinstance(store, Store) or not reports:
        return {}
    store.open()
    try:
        return {record.id: record.variables.get("text") for record in store.records()}
    finally:
        store.close()
