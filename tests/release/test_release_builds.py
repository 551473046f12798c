"""What `make release` does with a built wheel: the same bytes, an installation, a description."""

from __future__ import annotations

import os
import sys
import zipfile

import pytest

from flask_chest import __version__
from tools.release import building, sbom
from tools.release.checks import check_with_twine, files_of
from tools.release.distributions import distributions
from tools.release.installing import Failed, try_all, try_one
from tools.release.pythons import Python

pytestmark = pytest.mark.packaging

THIS = Python(f"{sys.version_info[0]}.{sys.version_info[1]}", sys.executable)
DISTRIBUTIONS = {found.name: found for found in distributions()}


@pytest.mark.slow
def test_two_builds_give_the_same_bytes(wheels, tmp_path):
    before = os.umask(0o077)  # other rights, another time, other folders
    try:
        building.build(tmp_path)
    finally:
        os.umask(before)
    first, second = (
        {path.name: path.read_bytes() for path in folder.iterdir()} for folder in (wheels, tmp_path)
    )
    assert len(first) == 2 * len(DISTRIBUTIONS)
    assert {name for name in first if first[name] != second.get(name)} == set()


def test_twine_accepts_what_was_built_and_refuses_what_cannot_be_shown(wheels, tmp_path):
    good, _sdist = files_of(DISTRIBUTIONS["flask-chest"], __version__, wheels)
    assert list(check_with_twine([good])) == []
    bad = rewritten(good, tmp_path, "METADATA", b"text/markdown", b"text/x-rst")
    assert any("failed" in text.lower() for text in check_with_twine([bad]))


def rewritten(wheel, folder, ending, old, new):
    """Copy a wheel, with other bytes in the files whose names end so."""
    copy = folder / wheel.name
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(copy, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content.replace(old, new) if name.endswith(ending) else content)
    return copy


@pytest.mark.slow
def test_a_distribution_that_works_alone_is_described_with_all_that_it_installed(wheels, tmp_path):
    chosen = DISTRIBUTIONS["flask-chest-sqlite"]
    wheel, _sdist = files_of(chosen, __version__, wheels)
    assert "flask-chest-sqlite works" in try_one(THIS, wheel, chosen, tmp_path)
    bill = sbom.bill_of(tmp_path / "venv", chosen)
    assert sbom.check(bill, chosen, __version__) is None
    parts = {part["name"].lower() for part in bill["components"]}
    assert {"flask", "flask-chest", "flask-chest-sql", "sqlalchemy", "pydantic"} <= parts
    [carried] = sbom.carried(DISTRIBUTIONS["flask-chest-dashboard"])
    assert carried["name"] == "uPlot"
    assert sbom.check(bill, DISTRIBUTIONS["flask-chest-mysql"], __version__) is not None
    assert sbom.check(bill, chosen, "9.9") is not None


@pytest.mark.slow
def test_a_distribution_that_does_not_work_alone_is_refused(wheels, tmp_path):
    chosen = DISTRIBUTIONS["flask-chest"]
    wheel, _sdist = files_of(chosen, __version__, wheels)
    broken = rewritten(wheel, tmp_path, "METADATA", b"Requires-Dist: pluggy", b"X-Gone: pluggy")
    [(_python, _distribution, _environment, failure)] = try_all(
        [THIS], [(chosen, broken)], tmp_path / "work"
    )
    assert "No module named 'pluggy'" in failure
    with pytest.raises(Failed):
        try_one(THIS, broken, chosen, tmp_path)
