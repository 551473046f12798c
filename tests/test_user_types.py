"""Code of users, in tests/typing and in the docs, is clean under strict mypy and strict pyright."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.installing import ROOT, install, make_environment

from tools.reference import public

USER_CODE = ROOT / "tests" / "typing"
PAGES = ROOT / "docs" / "how-to"
BIN = Path(sys.executable).parent

WRONG = """
from flask_chest import Batch, FlaskChest, Store
from flask_chest.hookspecs import hookimpl

chest = FlaskChest()

@chest.track
def view(number: int) -> str:
    return str(number)

view("7")
chest.store().records(since=7)

def count(batch: Batch, store: Store) -> str:
    return len(batch.recrods()) + store.count()
"""
"""Each of the last three statements is wrong."""


def test_every_public_name_is_in_the_typed_code_of_users():
    said = set()
    for path in USER_CODE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                said |= {f"{node.module}.{name.name}" for name in node.names}
            elif isinstance(node, ast.Attribute):
                said.add(ast.unparse(node))
            elif isinstance(node, ast.FunctionDef):
                said.add(f"flask_chest.hookspecs.{node.name}")  # a hook
    heads = {name.rpartition(".")[2] for name in said if name.startswith("flask_chest")}
    for module in public.MODULES:
        last = module.rpartition(".")[2]
        missing = [
            name
            for name in public.names(module)
            if not {f"{module}.{name}", f"{last}.{name}"} & said and name not in heads
        ]
        assert missing in ([], ["__version__"]), module


@pytest.fixture(scope="module")
def clean(wheels, tmp_path_factory):
    """Install what a user installs, and return the Python."""
    folder = make_environment(tmp_path_factory.mktemp("types") / "venv")
    install(folder, "--find-links", wheels, "flask-chest[testing,monitor]", "redis>=5")
    return folder / "python"


def mypy(python, folder):
    return subprocess.run(
        [BIN / "mypy", "--strict", "--config-file=", "--python-executable", python, "."],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def pyright(python, folder, **rules):
    config = {"typeCheckingMode": "strict", "pythonVersion": "3.10", **rules}
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    return subprocess.run(
        [BIN / "pyright", "--pythonpath", python],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.packaging
@pytest.mark.opens_nothing
@pytest.mark.parametrize("check", [mypy, pyright])
class TestInstalled:
    def test_the_code_of_users_has_no_error(self, clean, check, tmp_path):
        shutil.copytree(USER_CODE, tmp_path, dirs_exist_ok=True)
        done = check(clean, tmp_path)
        assert done.returncode == 0, done.stdout

    def test_wrong_code_has_an_error_for_each_mistake(self, clean, check, tmp_path):
        (tmp_path / "wrong.py").write_text(WRONG)
        done = check(clean, tmp_path)
        lines = {int(line) for line in re.findall(r"wrong\.py:(\d+)", done.stdout)}
        assert {11, 12, 15} <= lines, done.stdout

    @pytest.mark.parametrize("page", sorted(path.name for path in PAGES.glob("write-*.md")))
    def test_the_packages_of_the_docs_have_no_error(self, clean, check, page, tmp_path):
        text = (PAGES / page).read_text("utf-8")
        blocks = re.findall(
            r"```python\n# (?:src/)?(?!app\.py|tests?[/_])(\S+\.py)\n(.*?)```", text, re.DOTALL
        )
        for name, code in blocks:
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            if path.parent != tmp_path:
                (path.parent / "__init__.py").touch()
            path.write_text(code)
        assert blocks or page == "write-a-store.md"  # whose code is no package
        if blocks:
            # redis-py leaves the types of its keyword arguments out.
            rules = {"reportUnknownMemberType": "none"} if check is pyright else {}
            done = check(clean, tmp_path, **rules)
            assert done.returncode == 0, done.stdout
