"""The real Flask-Chest 0.0.10: what the committed files say of it, and what the guide shows of it.

It runs the first block of docs/how-to/from-0.0.10.md.
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.commands import run_alone
from support.installing import install, make_environment, run

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "how-to" / "from-0.0.10.md"
REQUEST = "import app; print(app.app.test_client().get('/orders/7').json['request'])"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Return a Python with 0.0.10, which imports icecream without declaring it."""
    folder = make_environment(tmp_path_factory.mktemp("old") / "venv")
    install(folder, "flask-chest==0.0.10", "icecream")
    return folder / "python"


def rows(path):
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        return tables, [
            connection.execute(f"SELECT *, typeof(value) FROM {name}").fetchall()
            for name in ("flask_chest", "more")
        ]


def test_it_still_writes_what_the_committed_files_have(python, tmp_path):
    run(python, HERE / "old_shop.py", tmp_path, cwd=tmp_path)
    names = json.loads((HERE / "names.json").read_text("utf-8"))
    assert json.loads((tmp_path / "names.json").read_text("utf-8")) == names
    assert rows(tmp_path / "shop.sqlite3") == rows(HERE / "shop.sqlite3")


def test_what_it_writes_is_taken_over(python, tmp_path, monkeypatch):
    [old] = re.findall(r"```python\n(# 0\.0\.10\n.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "app.py").write_text(old, "utf-8")
    request_id = run(python, "-c", REQUEST, cwd=tmp_path).strip()
    store = f"sqlite:///{tmp_path}/chest.sqlite3"
    words = ("import", "--from-0.0.10", str(tmp_path / "db.sqlite3"), "--service", "shop")
    run_alone(monkeypatch, ["--store", store, *words, "--number", "cart_total"], 0)
    found = run_alone(monkeypatch, ["--store", store, "query", "--format", "json"], 0)
    record = json.loads(found.stdout)
    assert record["request_id"] == request_id
    assert record["variables"] == {"user_id": "u-17", "cart_total": 24.5}
