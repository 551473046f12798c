"""The contracts start their processes from one that has imported what they need."""

from __future__ import annotations

import json
import os
import sys

import pytest

from flask_chest.testing.backend import Backend

_LONG = (
    *("test_every_", "test_pages_have_each_", "test_erase_deletes_", "test_erase_goes_through_"),
    "test_what_the_progress_raises_",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Leave the long tests of three databases to `make test-slow`.

    What PostgreSQL and MySQL answer is made as for SQLite. The server for MongoDB is in Python, and
    takes seconds for thousands of documents. `tests/stores` asks all of them enough.
    """
    for item in items:
        kind = item.cls.__name__ if item.cls else ""
        if kind in {"TestPostgres", "TestMysql", "TestMongo"} and item.name.startswith(_LONG):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def forked(monkeypatch, warm_python):
    """Fork the processes of a contract. `Backend.start` itself is run by the examples and docs."""

    def start(self, program):
        names = (f"{each.__module__}:{each.__qualname__}" for each in (program, self.exporter))
        config = json.dumps(dict(self.config))
        run = ("-m", "flask_chest.testing.run_program")
        path = os.pathsep.join(filter(None, sys.path))
        environment = {**os.environ, "PYTHONPATH": path}
        return warm_python.start([*run, *names, config], env=environment, text=True)

    monkeypatch.setattr(Backend, "start", start)
