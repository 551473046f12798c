"""Round-trip fidelity by backend, and the page of the docs that shows it.

`CHEST_WRITE_DOCS=1` renews the page.
"""

from __future__ import annotations

import json
import math
import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import as_stored

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "fidelity.md"

VALUES = {
    "text": "Füße 😀",
    "empty text": "",
    "text of spaces": " a ",
    "integer": 42,
    "largest integer": 2**63 - 1,
    "smallest integer": -(2**63),
    "float": 0.1,
    "float without a fraction": 3.0,
    "large float": 1e15,
    "larger float": 1e16,
    "huge float": 1e300,
    "smallest float": 5e-324,
    "negative zero": -0.0,
    "boolean": True,
    "null": None,
    "list": [1, "a", None, [2.5]],
    "dict": {"a": {"b": 1}},
    "empty list and dict": [[], {}],
    "order of keys": {"b": 1, "a": 2, "aa": 3, "B": 4},
    "name with a dot, a dollar, or empty": {"a.b": 1, "$a": 2, "": 3},
}
FIELDS = {
    "`started_at`": ("started_at", datetime(2024, 5, 1, 12, 0, 0, 123457, tzinfo=timezone.utc)),
    "`duration_ms`": ("duration_ms", 0.1 + 0.2),
    "`id`": ("id", "01a2041f-4f20-7dd3-923d-2718af5a6ea7"),
    "`path` with any characters": ("path", "/Füße 😀/%/'\"\\ "),
    "`endpoint` that is null": ("endpoint", None),
}


@pytest.fixture
def stores(backend_of, opened):
    names = ("sqlite", "postgres", "mysql", "mongo", "clickhouse")
    stores = [opened(backend_of(name)) for name in names]
    return {store.location.split(" ")[0]: store for store in stores}


def shown(value):
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def compared(found, value):
    """Return "same", or what came back instead."""
    if json.dumps(found) == json.dumps(value) and type(found) is type(value):
        return "same"
    return shown(found)


def page(stores):
    variables = make_record(variables={str(n): value for n, value in enumerate(VALUES.values())})
    fields = make_record(**dict(FIELDS.values()))
    rows = []
    back = {}
    for name, store in stores.items():
        store.export(make_batch(variables, fields))
        records = {record.id: record for record in store.records()}
        back[name] = (records[variables["id"]].variables, records[fields["id"]])
    for n, (kind, value) in enumerate(VALUES.items()):
        cells = [compared(back[name][0][str(n)], value) for name in stores]
        rows.append([kind, shown(value), *cells])
    for kind, (field, value) in FIELDS.items():
        wanted = getattr(as_stored(fields), field)
        cells = [
            "same"
            if getattr(back[name][1], field) == wanted
            else str(getattr(back[name][1], field))
            for name in stores
        ]
        rows.append([kind, f"`{fields[field] if field == 'started_at' else value}`", *cells])
    table = [["kind", "value", *stores], ["---"] * (2 + len(stores)), *rows]
    return "\n".join(
        [
            "# Round-trip fidelity",
            "",
            "Nearly every value comes back from `store.records()` as it was recorded. The table",
            "has the exceptions of each backend. [Values](values.md) says what a Python value",
            "becomes before it is stored.",
            "",
            *(f"| {' | '.join(row)} |" for row in table),
            "",
            "- **PostgreSQL.** `jsonb` has one kind of number. From 1e16 to 2^63, a float without",
            "  a fraction comes back as an integer, which equals the float. Zero has no sign.",
            "  `jsonb` sorts the keys of a dict.",
            "- **MariaDB.** The view `chest_variables` may leave out a variable with no name,",
            '  beside one with `"` in its name: `JSON_KEYS` leaves it out, too. `g` has no such',
            "  names, but a plugin could add them. The record has them all.",
            "- **MySQL 8** keeps JSON in its own form, which sorts the keys of a dict. MariaDB",
            "  keeps the text. The tests run on MariaDB.",
            "- **MongoDB.** A date has milliseconds. The microseconds are in the field",
            "  `started_at_us`, and the store puts them together. The column was made with",
            "  SecantusDB, which speaks MongoDB's protocol.",
            "",
            "This page is generated: `CHEST_WRITE_DOCS=1 .venv/bin/python -m pytest",
            "tests/stores/test_fidelity.py`.",
            "",
        ]
    )


def test_the_page_shows_what_comes_back(stores):
    made = page(stores)
    if os.environ.get("CHEST_WRITE_DOCS"):
        PAGE.write_text(made, "utf-8")
    if "MySQL" not in stores:  # its column is MariaDB's
        assert PAGE.read_text("utf-8") == made


def test_every_value_that_comes_back_is_equal(stores):
    record = make_record(variables={str(n): value for n, value in enumerate(VALUES.values())})
    for store in stores.values():
        store.export(make_batch(record))
        found = next(iter(store.records())).variables
        for n, value in enumerate(VALUES.values()):
            if isinstance(value, float):
                assert math.isclose(float(found[str(n)]), value, rel_tol=0.0)
            else:
                assert found[str(n)] == value
