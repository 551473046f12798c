"""The exporter `otlp` fulfils the contracts, with a receiver that knows records by their ID."""

from __future__ import annotations

import pytest
from support.otlp import Otlp

from flask_chest.testing import ExporterContract, ServerContract


class TestOtlp(ExporterContract, ServerContract):
    moments = 1  # more: tests/testing/test_interrupted_stores.py

    @pytest.fixture
    def backend(self, receiver):
        return Otlp(receiver)
