"""Records as PostgreSQL's types: what is kept, and what is rejected."""

from __future__ import annotations

import pytest
from support.backends import Postgres
from support.moments import utc

from flask_chest.errors import (
    BatchRejected,
)
from flask_chest.testing.records import as_stored, make_batch, make_record


@pytest.mark.parametrize(
    ("zone", "style"),
    [
        ("Pacific/Kiritimati", "SQL, DMY"),
        ("America/St_Johns", "German"),
        ("<+05>-05", "Postgres, MDY"),
    ],
)
def test_settings_of_the_role_do_not_change_times_and_numbers(make_role, opened, zone, style):
    backend = make_role(partition_by_day=True)
    for setting in (
        f"timezone = '{zone}'",
        f"datestyle = '{style}'",
        "intervalstyle = 'iso_8601'",
        "extra_float_digits = -15",
        "client_encoding = 'LATIN1'",
        "standard_conforming_strings = off",
    ):
        backend.execute(f"ALTER ROLE {backend.config['user']} SET {setting}")
    store = opened(backend)
    records = [
        make_record(started_at=moment, duration_ms=0.1 + 0.2, variables={"€": "☂"})
        for moment in (
            utc(1, 1, 1),
            utc(1899, 12, 31, 23, 59, 59, 999_999),
            utc(2024, 3, 31, 1, 30),
            utc(2024, 12, 11, 10, 9, 8, 7),
            utc(9999, 12, 31, 23, 59, 59, 999_999),
        )
    ]
    store.export(make_batch(*records))
    assert store.query(newest_first=False) == [as_stored(record) for record in records]
    for record in records:
        moment = as_stored(record).started_at
        assert [r.id for r in store.query(since=moment)][-1] == record["id"]
        backend.execute("SET timezone = 'Asia/Tokyo'")
    epochs = backend.execute("SELECT extract(epoch FROM started_at) FROM chest_records ORDER BY 1")
    assert float(epochs[3][0]) == pytest.approx(utc(2024, 12, 11, 10, 9, 8, 7).timestamp(), 0, 1e-6)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("started_at", "infinity"),
        ("started_at", "12024-01-01T00:00:00Z"),
        ("started_at", "0001-01-01T00:00:00Z BC"),
        ("duration_ms", "NaN"),
        ("duration_ms", "Infinity"),
        ("weight", "-Infinity"),
        ("path", "a\0b"),
        ("error", "e" * 256),
        ("status_code", 40_000),
        ("id", "no id"),
    ],
)
def test_a_value_that_could_not_be_read_back_is_rejected(postgres, opened, field, value):
    backend = Postgres(postgres, partition_by_day=field == "started_at")
    store = opened(backend)
    with pytest.raises(BatchRejected) as raised:
        store.export(make_batch(make_record(), make_record(**{field: value})))
    assert "/cart/1" not in str(raised.value), "a message does not show the row"
    assert backend.ids() == []
