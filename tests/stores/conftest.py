"""What the tests of all stores share. Each folder gives the fixture `backend`."""

from __future__ import annotations

import pytest


@pytest.fixture
def store(backend):
    """Return an open store on an empty destination."""
    store = backend.new()
    store.open()
    yield store
    store.close()


@pytest.fixture
def opened():
    """Return what opens a store on a destination, and closes it after the test."""
    made = []

    def start(backend, **fields):
        made.append(backend.new(**fields))
        made[-1].open()
        return made[-1]

    yield start
    for each in made:
        each.close()
