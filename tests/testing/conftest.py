"""The contracts start their processes from one that has imported what they need."""

from __future__ import annotations

import json
import os
import sys

import pytest

from flask_chest.testing.backend import Backend


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
