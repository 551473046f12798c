"""The contract of questions, on a store that has no way of its own for any."""

from __future__ import annotations

import pytest

from flask_chest.memory_store import MemoryStore
from flask_chest.testing.query_contract import QueryContract

pytestmark = pytest.mark.opens_nothing


class TestMemoryStore(QueryContract):
    @pytest.fixture
    def store(self):
        return MemoryStore(1 << 30)
