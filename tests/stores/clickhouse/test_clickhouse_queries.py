"""Questions to ClickHouse have the answers of the reference."""

from __future__ import annotations

from flask_chest.testing.query_contract import QueryContract


class TestQueries(QueryContract):
    pass
