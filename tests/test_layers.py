"""Each folder of the core is a layer, and imports only lower layers."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import flask_chest

PACKAGE = Path(flask_chest.__file__).parent

# The lowest first. Modules of one layer may import each other, but not in a circle.
LAYERS = [
    {"_old_names", "_platform", "_pyinstaller", "_version", "errors", "signals"},
    {"runtime"},
    {"record", "record_rows"},
    {"query"},
    {"rollup"},
    {
        *("schema", "server_config", "exporter", "store", "hookspecs", "deferred"),
        *("answers", "memory_store", "restrictions", "views"),
    },
    {"redaction", "journal"},
    {"encode"},
    {"capture"},
    {"plugins"},
    {"export"},
    {"settings"},
    {"opening", "upkeep"},
    {"under_test"},
    {"stores"},
    {"app_state"},
    {"cli", "current", "applications"},
    {"operations"},
    {"extension", "correlation"},
    {"testing"},
    {"__init__", "__main__"},
]


def modules():
    """Return the path of each module of the core by its dotted name below `flask_chest`."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(path):
    """Yield the modules of the core that a file imports, types excepted, and whether at its top."""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or id(node) in typing_only:
            continue
        package, _, module = (node.module or "").partition(".")
        if package != "flask_chest":
            continue
        for name in node.names:
            inner = f"{module}.{name.name}" if module else name.name
            yield (inner if inner in MODULES else module), id(node) in top


def layer(module):
    name = module.partition(".")[0]
    return next(number for number, names in enumerate(LAYERS) if name in names)


def test_every_module_and_folder_has_its_layer():
    assert {name.partition(".")[0] for name in MODULES} == set().union(*LAYERS)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_what_stands_on_its_floor_or_below(module):
    for imported, is_top in imports(MODULES[module]):
        assert imported, f"{module} imports its own package's root"
        assert is_top, f"{module} imports {imported} inside a function"
        assert layer(imported) <= layer(module), f"{module} imports {imported}, a higher layer"


def test_no_modules_import_each_other_in_a_circle():
    graph = {
        module: {imported for imported, is_top in imports(path) if is_top}
        for module, path in MODULES.items()
    }
    while leaves := {module for module, below in graph.items() if not below & set(graph)}:
        for module in leaves:
            del graph[module]
    assert not graph


def test_importing_the_core_loads_no_plugin_and_no_database_driver():
    code = (
        "import sys, flask_chest; "
        "print([m for m in ('sqlalchemy', 'sqlite3', 'psycopg', 'pymysql', 'pymongo', 'pytest', "
        "'flask_chest_sql', 'flask_chest_sqlite', 'flask_chest_postgres', 'flask_chest_mysql', "
        "'flask_chest_mongo', 'flask_chest_monitor', 'flask_chest_dashboard', 'prometheus_client', "
        "'flask_chest_clickhouse', 'flask_chest_parquet', 'flask_chest_otlp', 'pyarrow', 'duckdb', "
        "'flask_chest.testing') "
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
