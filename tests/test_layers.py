"""The modules stand in one order, the data path's, and import one way only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import flask_chest

PACKAGE = Path(flask_chest.__file__).parent

# Each may import from those before it. `extension` alone wires them.
ORDER = [
    "_version", "errors", "fork", "log", "stats", "current", "record", "redaction", "flat",
    "values", "fields", "patterns", "filter", "generators", "request_id", "trace", "track",
    "endpoints", "plans", "sampling", "tracked", "consent", "line", "body", "capture",
    "journal", "exporter", "deferred", "hookspecs", "installed", "hookcall", "plugins",
    "export", "settings", "configure", "state", "cli", "extension", "correlation", "testing",
    "__init__",
]  # fmt: skip

# What they import is a module of ours that imports something large, which no request waits for.
LATER = {"export/ticker.py"}


def imports(path):
    """Yield the flask_chest modules that a file imports, types excepted, and at what depth."""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "flask_chest":
            for name in node.names:
                yield name.name, id(node) in top
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("flask_chest."):
            yield node.module.split(".")[1], id(node) in top


def test_every_module_has_its_place_in_the_order():
    there = {p.stem if p.is_file() else p.name for p in PACKAGE.iterdir() if p.name[0] != "."}
    assert there - {"__pycache__", "py"} == set(ORDER)


def test_modules_import_only_what_stands_before_them_and_at_the_top():
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        place = ORDER.index(parts[0])
        for imported, is_top in imports(path):
            is_later = path.relative_to(PACKAGE).as_posix() in LATER
            assert is_top or is_later, f"{path} imports {imported} inside a function"
            assert ORDER.index(imported) <= place, f"{path} imports {imported}"
            assert imported != "__init__"


def test_importing_the_core_loads_no_plugin_and_no_database_driver():
    code = (
        "import sys, flask_chest; "
        "print([m for m in ('sqlalchemy', 'sqlite3', 'psycopg', 'pymysql', 'pymongo', 'pytest', "
        "'flask_chest_sql', 'flask_chest_sqlite', 'flask_chest_postgres', 'flask_chest_mysql', "
        "'flask_chest_mongo', 'flask_chest.testing') "
        "if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_no_file_is_longer_than_400_lines():
    root = PACKAGE.parent
    for folder in (PACKAGE, root / "plugins", root / "examples", root / "tools"):
        for path in folder.rglob("*.py"):
            assert len(path.read_text("utf-8").splitlines()) <= 400, path
