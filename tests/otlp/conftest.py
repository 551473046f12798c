"""A receiver of OTLP, and exporters to it."""

from __future__ import annotations

import pytest
from support.otlp import Otlp
from support.otlp_receiver import Receiver


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def backend(receiver):
    return Otlp(receiver)


@pytest.fixture
def make(backend):
    """Return a function that returns an open exporter to the receiver."""
    made = []

    def make(**fields):
        exporter = backend.new(**fields)
        made.append(exporter)
        exporter.open()
        return exporter

    yield make
    for exporter in made:
        exporter.close()
