"""What a test may rely on when it asks for a database."""

from __future__ import annotations

import psycopg


def test_a_database_is_empty_though_somebody_wrote_into_it_after_it_was_given_back(postgres_server):
    with postgres_server.database() as url:
        pass
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE late ()")
    with postgres_server.database() as again, psycopg.connect(again) as connection:
        assert again == url
        found = connection.execute("SELECT 1 FROM pg_tables WHERE tablename = 'late'").fetchall()
        assert not found
