"""A stranger's packages, built from nothing but the pages write-an-exporter.md,
write-a-request-id-plugin.md and write-a-filter.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.installing import install, make_environment, run
from support.pages import ROOT, write_files
from support.redis import redis_server

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGES = {
    "docs/how-to/write-an-exporter.md": "chest_exporters",
    "docs/how-to/write-a-request-id-plugin.md": "chest_request_id",
    "docs/how-to/write-a-filter.md": "chest_drop_record, chest_filter_variables",
}


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


def describe(folder: Path) -> dict:
    """Write what pip writes about an installed package, and return its project table."""
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    name, version = project["name"], project["version"]
    info = folder / "src" / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    requires = "".join(f"Requires-Dist: {each}\n" for each in project["dependencies"])
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (info / "METADATA").write_text(head + requires)
    points = "".join(f"{k} = {v}\n" for k, v in project["entry-points"]["flask_chest"].items())
    (info / "entry_points.txt").write_text(f"[flask_chest]\n{points}")
    return project


def checked(*command, **options):
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_tests_on_the_pages_pass_with_all_three_packages(tmp_path, redis_url):
    folders = [write_files(page, tmp_path / Path(page).stem) for page in PAGES]
    for folder in folders:
        describe(folder)
    sources = os.pathsep.join(str(folder / "src") for folder in folders)
    path = f"{sources}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    # The whole contract of the exporter waits for 20 seconds; the test below runs it.
    waiting = "not TestRedis or test_a_repeated_record_is_stored_once"
    shown = checked(
        *(sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"),
        *("--import-mode=importlib", "-k", waiting),
        *(folder / "tests" for folder in folders),
        cwd=tmp_path,
        env={**os.environ, "CHEST_TEST_REDIS_URL": f"{redis_url}/15", "PYTHONPATH": path},
    )
    assert re.search(r"^6 passed", shown, re.MULTILINE), shown


@pytest.mark.slow
@pytest.mark.packaging
@pytest.mark.parametrize("page", PAGES)
def test_the_package_on_the_page_is_built_installed_and_used(page, tmp_path, wheels, redis_url):
    write_files(page, tmp_path)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text("utf-8"))["project"]
    for names in re.findall(r"^    touch (.*)", (ROOT / page).read_text("utf-8"), re.MULTILINE):
        for file in names.split():
            (tmp_path / file).touch()
    folder = make_environment(tmp_path / ".venv")
    links = ("--find-links", wheels)
    install(folder, *links, "flask-chest[sqlite]", "mypy", "--editable", f"{tmp_path}[test]")
    environment = {
        "CHEST_TEST_REDIS_URL": f"{redis_url}/15",
        "REDIS_URL": f"{redis_url}/0",
        "FLASK_CHEST_JOURNAL": "memory",
    }
    shown = run(
        *(folder / "python", "-m", "pytest", "-q", "-W", "error", "tests"),
        cwd=tmp_path,
        **environment,
    )
    assert re.search(r"^\d+ passed", shown, re.MULTILINE), shown
    run(folder / "python", "-m", "mypy", "--strict", "src", "tests", cwd=tmp_path)
    if "exporter" not in page:
        return
    listed = run(folder / "flask", "chest", "plugins", cwd=tmp_path, **environment)
    assert f"redis\t{project['name']} 1.0.0\t{PAGES[page]}" in listed
    run(folder / "flask", "chest", "check", cwd=tmp_path, **environment)
