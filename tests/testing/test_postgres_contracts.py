"""The store of PostgreSQL fulfils every contract, on a real server."""

from __future__ import annotations

import pytest
from support.backends import Postgres

from flask_chest.testing import ExporterContract, SchemaContract, ServerContract, StoreContract


class TestPostgres(ExporterContract, ServerContract, StoreContract, SchemaContract):
    moments = 1  # more: test_interrupted_stores.py

    @pytest.fixture
    def backend(self, postgres):
        return Postgres(postgres)


class EveryOption:
    @pytest.fixture
    def backend(self, postgres):
        return Postgres(
            postgres,
            table_schema='the "chest" of %s',
            table_prefix="über % ",
            time_index="brin",
            variables_index=True,
            partition_by_day=True,
        )


class TestPostgresWithEveryOption(EveryOption, ExporterContract):
    moments = 1


@pytest.mark.slow
class TestQuestionsOfPostgresWithEveryOption(EveryOption, StoreContract):
    pass
