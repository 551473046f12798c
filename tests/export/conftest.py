"""What the tests of delivery share."""

from __future__ import annotations

import pytest
from support.exporting import Hanging, Process, our_threads
from support.hosts import Host
from support.waiting import until

from flask_chest.exporter import Exporter


@pytest.fixture
def make(folder):
    """Return what makes processes, whose threads must all be gone when they are closed."""
    made = []

    def make_process(exporters, *, kind="disk", **options):
        if isinstance(exporters, Exporter):
            exporters = {"main": exporters}
        made.append(Process(folder if kind == "disk" else None, exporters, **options))
        return made[-1]

    yield make_process
    for process in made:
        for exporter in process.exporters.values():
            if isinstance(exporter, Hanging):
                exporter.let_go.set()
        process.export.close()
    until(lambda: not our_threads())


@pytest.fixture
def host(tmp_path, warm_python):
    host = Host(tmp_path, warm_python)
    yield host
    host.close()
