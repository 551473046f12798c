"""The checks of a wheel and an sdist, each with a file that it refuses."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from flask_chest import __version__
from tools.release.archives import read
from tools.release.checks import check_built, files_of
from tools.release.contents import check_sdist, check_wheel, package_files
from tools.release.distributions import ROOT, distributions, tracked_files
from tools.release.imports import check_imports

pytestmark = pytest.mark.packaging

[DASHBOARD] = [found for found in distributions() if found.name == "flask-chest-dashboard"]
INFO = f"flask_chest_dashboard-{__version__}.dist-info"
PACKAGE = "flask_chest_dashboard"


@pytest.fixture(scope="module")
def package():
    return package_files(DASHBOARD, ROOT, tracked_files())


@pytest.fixture(scope="module")
def built(wheels):
    return [read(path) for path in files_of(DASHBOARD, __version__, wheels)]


def changed(archive, changes):
    """Return the archive with other contents of some files; None removes one."""
    files = {**archive.files, **{k: v for k, v in changes.items() if v is not None}}
    gone = {name for name, content in changes.items() if content is None}
    return dataclasses.replace(
        archive, files={name: content for name, content in files.items() if name not in gone}
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({f"{PACKAGE}/access.py": None}, f"lacks {PACKAGE}/access.py"),
        ({f"{PACKAGE}/templates/base.html": None}, f"lacks {PACKAGE}/templates/base.html"),
        ({f"{PACKAGE}/static/pages.css": b""}, f"has another {PACKAGE}/static/pages.css than"),
        ({"tests/test_it.py": b""}, "has tests/test_it.py, which does not belong there"),
        ({f"{PACKAGE}/x.pyc": b""}, f"has {PACKAGE}/x.pyc, which does not belong there"),
        ({f"{PACKAGE}/py.typed": None}, f"has no {PACKAGE}/py.typed: no type checker"),
        ({f"{INFO}/licenses/LICENSE": None}, f"has no {INFO}/licenses/LICENSE"),
        ({f"{INFO}/WHEEL": b"Tag: cp311-cp311-linux_x86_64"}, "is not for every Python 3"),
        ({f"{INFO}/WHEEL": b"Tag: py3-none-any\nX: y"}, f"has {INFO}/WHEEL with another hash"),
        (
            {f"{INFO}/entry_points.txt": b"[flask_chest]\ndashboard = flask_chest_dashboard.gone"},
            "names flask_chest_dashboard.gone as dashboard of flask_chest, and has no such module",
        ),
    ],
)
def test_a_wheel_with_a_fault_is_refused(built, package, changes, problem):
    wheel, _sdist = built
    assert not list(check_wheel(wheel, package))
    found = list(check_wheel(changed(wheel, changes), package))
    assert any(text.startswith(problem) for text in found), found


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"LICENSE": None}, "has no LICENSE"),
        ({"README.md": b""}, "has no README.md"),
        ({f"src/{PACKAGE}/hooks.py": None}, f"lacks src/{PACKAGE}/hooks.py"),
        ({".env": b"TOKEN=1"}, "has .env, which does not belong there"),
        ({f"src/{PACKAGE}/hooks.py": b"pass"}, f"has another src/{PACKAGE}/hooks.py than"),
    ],
)
def test_an_sdist_with_a_fault_is_refused(built, package, changes, problem):
    _wheel, sdist = built
    assert not list(check_sdist(sdist, DASHBOARD, package))
    found = list(check_sdist(changed(sdist, changes), DASHBOARD, package))
    assert any(text.startswith(problem) for text in found), found


def test_a_link_and_a_file_beside_the_folder_of_an_sdist_are_refused(built, package):
    _wheel, sdist = built
    odd = dataclasses.replace(sdist, outside=("elsewhere",))
    assert "has elsewhere, which is no file in its folder" in list(
        check_sdist(odd, DASHBOARD, package)
    )


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (b"import os, flask_chest, jinja2, click", None),  # click comes with Flask
        (b"from . import pages\ndef f():\n    import duckdb", None),
        (b"import sqlalchemy.orm", "imports sqlalchemy in"),
        (b"from flask_chest_sql import schema", "imports flask_chest_sql in"),
    ],
)
def test_an_import_that_nothing_required_installs_is_refused(built, code, problem):
    wheel, _sdist = built
    found = list(check_imports(changed(wheel, {f"{PACKAGE}/new.py": code}), DASHBOARD.name))
    assert found == [] if problem is None else found[0].startswith(problem), found


def test_a_folder_that_lacks_a_file_or_has_one_too_many_is_refused(wheels, tmp_path):
    folder = tmp_path / "dist"
    shutil.copytree(wheels, folder)
    wheel, _sdist = files_of(DASHBOARD, __version__, folder)
    wheel.rename(folder / "flask_chest_dashboard-0.0.9-py3-none-any.whl")
    found = list(check_built(folder, __version__))
    assert f"{wheel.name} was not built" in found
    assert "flask_chest_dashboard-0.0.9-py3-none-any.whl is no file of this release" in found
    assert any("dashboard" in text and "not in this release" in text for text in found)
    assert len(found) == 3, found
