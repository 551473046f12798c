"""The names that `flask_chest` exports, and that they cost no import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import flask_chest
from flask_chest import query

WITH_ALL_NAMES = """
import sys
import flask_chest
print(sorted(sys.modules))
"""

THE_EXTENSION_ALONE = """
import importlib.util, sys, types
package = types.ModuleType("flask_chest")  # without its __init__
package.__path__ = importlib.util.find_spec("flask_chest").submodule_search_locations
sys.modules["flask_chest"] = package
import flask_chest.correlation, flask_chest.extension
print(sorted(sys.modules))
"""


def imported_by(code):
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(ast.literal_eval(result.stdout))


def test_every_exported_name_exists():
    assert flask_chest.__all__ == sorted(flask_chest.__all__)
    for name in flask_chest.__all__:
        assert hasattr(flask_chest, name), name


def test_no_exported_name_of_the_questions_is_that_of_a_module():
    """Once a module is imported, it would be found in place of what it exports."""
    assert not {f"{Path(query.__file__).parent}/{name}.py" for name in query.__all__} & {
        str(path) for path in Path(query.__file__).parent.iterdir()
    }


def test_the_exported_names_import_no_module_that_the_extension_does_not_need():
    more = imported_by(WITH_ALL_NAMES) - imported_by(THE_EXTENSION_ALONE)
    # The first imports nothing, the second only what the extension imports.
    assert more == {"flask_chest._platform", "flask_chest.opening"}
