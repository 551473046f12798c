"""A lake in a folder keeps the contracts of every exporter and store."""

from __future__ import annotations

import pytest
from support.lake import LakeFolder

from flask_chest.testing import ExporterContract, SchemaContract, StoreContract


class TestLakeInFolder(ExporterContract, StoreContract, SchemaContract):
    @pytest.fixture
    def backend(self, tmp_path):
        return LakeFolder(tmp_path / "lake")
