"""The wheels alone in a clean environment, with the application of the README."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import httpx
import pytest
from support.installing import DISTRIBUTIONS, ROOT, install, make_environment, run, uninstall

from flask_chest import __version__
from tools.release.distributions import tracked_files

README = (ROOT / "README.md").read_text("utf-8")
RECORDS = (ROOT / "docs" / "reference" / "records.md").read_text("utf-8")
PROGRAMS = ROOT / "tests" / "programs"
pytestmark = pytest.mark.packaging


@pytest.fixture(scope="module")
def installed(wheels, tmp_path_factory):
    """Install all wheels, those of SQLite with what they need; return the environment's bin."""
    folder = make_environment(tmp_path_factory.mktemp("clean") / "venv")
    install(folder, "--find-links", wheels, f"flask-chest[sqlite]=={__version__}")
    install(
        folder, "--find-links", wheels, "--no-deps", *(f"{n}=={__version__}" for n in DISTRIBUTIONS)
    )
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_distribution_is_imported_with_its_own_dependencies_alone(wheels, tmp_path, distribution):
    folder = make_environment(tmp_path / "venv")
    install(folder, "--find-links", wheels, f"{distribution}=={__version__}")
    run(folder / "python", PROGRAMS / "import_all.py", distribution.replace("-", "_"))


@pytest.mark.slow
def test_the_checks_of_a_release_find_nothing_wrong_in_what_was_built(wheels):
    # Not at the top, as make test-lowest has not what it needs.
    from tools.release.checks import check_built  # noqa: PLC0415 - as said above

    assert list(check_built(wheels, __version__)) == []


def read_me_application():
    return re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]


def test_the_readme_opens_with_a_short_application_and_the_two_commands():
    assert len([line for line in read_me_application().splitlines() if line.strip()]) < 15
    first_screen = README.splitlines()[:60]
    for wanted in (
        "pip install 'flask-chest[sqlite,dashboard]>=0.1'",
        "`make demo`",
        "`make test`",
    ):
        assert any(wanted in line for line in first_screen), wanted


def from_a_clone(page):
    """Return the folders that the command of a page for a clone names, and the command."""
    text = (ROOT / page).read_text("utf-8")
    wanted = r"^(?:    |\$ )(pip install \. \./plugins/\S+,\S+)$"
    [command] = re.findall(wanted, text, re.MULTILINE)
    shown = run("bash", "-c", f"echo {command.removeprefix('pip install ')}", cwd=ROOT)
    return [ROOT / word for word in shown.split()], command


@pytest.mark.parametrize("page", ["README.md", "docs/how-to/install.md"])
def test_the_command_for_a_clone_names_all_that_its_extras_need(page):
    folders, _ = from_a_clone(page)
    wanted = ["flask-chest", "flask-chest-sqlite", "flask-chest-dashboard"]
    for name in wanted:
        text = (DISTRIBUTIONS[name] / "pyproject.toml").read_text("utf-8")
        needed = text.partition("\ndependencies = [")[2].partition("\n]")[0]
        found = re.findall(r'"(flask-chest[a-z-]*)', needed)
        wanted += [each for each in found if each not in wanted]
    assert sorted(folders) == sorted(DISTRIBUTIONS[name] for name in wanted)


@pytest.mark.long
def test_the_command_for_a_clone_installs_it_in_a_clean_environment(tmp_path):
    clone = tmp_path / "flask-chest"
    for name in tracked_files():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    run(sys.executable, "-m", "venv", tmp_path / ".venv")
    _, command = from_a_clone("README.md")
    run("bash", "-c", f". ../.venv/bin/activate && {command}", cwd=clone)
    (tmp_path / "app.py").write_text(read_me_application())
    shown = run(tmp_path / ".venv/bin/flask", "chest", "plugins", cwd=tmp_path)
    assert [line.split("\t")[0] for line in shown.splitlines()] == ["dashboard", "sqlite"]
    webhook = "--editable './examples/flask-chest-webhook[test]'"
    run("bash", "-c", f". ../.venv/bin/activate && pip install . {webhook}", cwd=clone)
    run(tmp_path / ".venv/bin/python", "-c", "import flask_chest.testing, flask_chest_webhook")


@pytest.mark.slow
def test_the_readme_application_runs_in_a_clean_environment(installed, tmp_path):
    (tmp_path / "app.py").write_text(read_me_application())
    port = 0
    server = subprocess.Popen(
        [installed / "flask", "run", "--port", str(port)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in server.stderr:
            if match := re.search(r"Running on (http://127\.0\.0\.1:\d+)", line):
                break
        response = httpx.get(f"{match[1]}/orders/7", timeout=60)
        assert response.json() == {"order": 7}
        deadline = time.monotonic() + 90
        while not (
            shown := run(installed / "flask", "chest", "query", "--format", "json", cwd=tmp_path)
        ):
            assert time.monotonic() < deadline  # the default interval is 5 seconds
            time.sleep(0.2)
    finally:
        server.send_signal(signal.SIGTERM)
        server.stderr.read()
        server.wait(60)
        server.stderr.close()
    record = json.loads(shown)
    promised = json.loads(re.search(r"```json\n(.*?)```", RECORDS, re.DOTALL)[1])
    assert list(record) == list(promised)
    made_up = {"id", "request_id", "instance", "started_at", "duration_ms"}
    assert {k: v for k, v in record.items() if k not in made_up} == {
        k: v for k, v in promised.items() if k not in made_up
    }
    assert record["request_id"] == response.headers["X-Request-ID"]
    assert type(record["started_at"]) is type(promised["started_at"])


@pytest.mark.slow
def test_the_contracts_accept_a_third_party_exporter_and_find_one_that_duplicates(
    installed, wheels, tmp_path
):
    install(installed, "--find-links", wheels, "flask-chest[testing]")
    exporter = (PROGRAMS / "lines_exporter.py").read_text("utf-8")
    (tmp_path / "test_lines.py").write_text(exporter)
    shown = run(installed / "python", "-m", "pytest", "-q", tmp_path, cwd=tmp_path)
    assert re.search(r"^\d\d? passed", shown, re.MULTILINE), shown
    duplicating = exporter.replace('if record["id"] not in stored', "if True")
    assert duplicating != exporter
    (tmp_path / "test_lines.py").write_text(duplicating)
    command = [installed / "python", "-m", "pytest", "-q", "-k", "repeated", tmp_path]
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert "FAILED test_lines.py::TestLines::test_a_repeated_record_is_stored_once" in result.stdout


@pytest.mark.slow
def test_plugins_are_found_by_entry_point_alone(installed, tmp_path):
    (tmp_path / "app.py").write_text(read_me_application())
    shown = run(installed / "flask", "chest", "plugins", cwd=tmp_path)
    assert sorted(shown.splitlines()) == [
        f"{name}\tflask-chest-{name} {__version__}\t{hooks}"
        for name, hooks in (
            ("clickhouse", "chest_exporters"),
            ("dashboard", "chest_commands, chest_init_app, chest_settings"),
            ("mongo", "chest_exporters"),
            ("monitor", "chest_init_app, chest_settings"),
            ("mysql", "chest_exporters"),
            ("otlp", "chest_exporters"),
            ("parquet", "chest_exporters"),
            ("postgres", "chest_exporters"),
            ("sqlite", "chest_exporters"),
        )
    ]
    uninstall(installed, "flask-chest-sqlite")
    result = subprocess.run(
        [installed / "flask", "chest", "plugins"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode != 0
    assert "pip install 'flask-chest[sqlite]'" in result.stderr
