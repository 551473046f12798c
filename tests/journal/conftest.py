"""Journals: of an application, of processes that count, and of each kind."""

from __future__ import annotations

import pytest
from flask import Flask, g
from support.counting import Process


@pytest.fixture
def shop(make_chest, tmp_path):
    """Return an application with a tracked view, its chest, and its journal's folder."""
    chest = make_chest(export_interval_seconds=0.05, raise_errors=False)
    app = Flask("shop")

    @app.get("/<int:number>")
    @chest.track("number")
    def view(number):
        g.number = number
        return str(number)

    chest.init_app(app)
    return app, chest, tmp_path / "journal"


@pytest.fixture
def make_process(folder):
    """Return a function that makes what a process has of a journal."""
    made = []

    def make(**options):
        made.append(Process(folder, **options))
        return made[-1]

    yield make
    for process in made:
        process.close()


@pytest.fixture
def ended(make_process):
    """Return a function that records in processes that end."""

    def record(*numbers):
        for number in numbers:
            process = make_process()
            process.record(number)
            process.close()

    return record


@pytest.fixture(params=["disk", "memory"])
def journal(request, make_disk, make_memory):
    """Return a journal of each kind."""
    return {"disk": make_disk, "memory": make_memory}[request.param]()
