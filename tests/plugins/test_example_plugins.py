"""The plugins in `examples/` work when they are installed into a clean environment."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from support.installing import ROOT, build, install, make_environment, run

from flask_chest import __version__

EXAMPLES = {
    "flask-chest-client": "chest_filter_variables",
    "flask-chest-short-ids": "chest_request_id",
    "flask-chest-webhook": "chest_exporters",
}

APPLICATION = Path(__file__).with_name("programs") / "webhook_app.py"


def test_the_webhook_has_less_than_80_lines():
    package = ROOT / "examples" / "flask-chest-webhook" / "src" / "flask_chest_webhook"
    lines = [line for file in package.rglob("*.py") for line in file.read_text().splitlines()]
    assert 20 < len(lines) < 80


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_requires_the_tested_version(name):
    text = (ROOT / "examples" / name / "pyproject.toml").read_text("utf-8")
    assert re.search(r'"flask-chest>=0\.1\.0,<0\.2"', text)


@pytest.fixture(scope="module")
def clean(wheels, tmp_path_factory):
    """Install the examples from wheels into a new environment; return its folder `bin`."""
    dist = tmp_path_factory.mktemp("examples")
    build(dist, *(ROOT / "examples" / name for name in EXAMPLES))
    folder = make_environment(tmp_path_factory.mktemp("clean") / "venv")
    wanted = [f"flask-chest=={__version__}", "gunicorn", *(f"{name}[test]" for name in EXAMPLES)]
    links = ("--find-links", wheels, "--find-links", dist)
    install(folder, *links, *wanted)
    return folder


@pytest.fixture
def endpoint():
    """Return an HTTP endpoint: the one of the webhook's own tests."""
    source = ROOT / "examples" / "flask-chest-webhook" / "tests" / "endpoint.py"
    module = ModuleType("endpoint")
    exec(compile(source.read_text("utf-8"), source, "exec"), vars(module))
    endpoint = module.Endpoint()
    yield endpoint
    endpoint.close()


@pytest.mark.slow
@pytest.mark.packaging
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_tests_of_each_installed_example_pass(clean, tmp_path, name):
    shutil.copytree(ROOT / "examples" / name / "tests", tmp_path / "tests")
    shown = run(clean / "python", "-m", "pytest", "-q", "-W", "error", "tests", cwd=tmp_path)
    assert re.search(r"^\d+ passed in", shown, re.MULTILINE), shown


@pytest.mark.slow
@pytest.mark.packaging
def test_the_examples_are_loaded_and_can_be_left_out(clean, tmp_path):
    shutil.copy(APPLICATION, tmp_path / "app.py")
    shown = run(clean / "flask", "chest", "plugins", cwd=tmp_path, HOOK="http://127.0.0.1:9/")
    assert [line.split("\t") for line in shown.splitlines()] == [
        [name.removeprefix("flask-chest-"), f"{name} 1.0.0", hook]
        for name, hook in EXAMPLES.items()
    ]
    result = subprocess.run(
        [clean / "flask", "chest", "plugins"],
        cwd=tmp_path,
        env={**os.environ, "HOOK": "http://127.0.0.1:9/", "FLASK_CHEST_EXTERNAL_PLUGINS": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode != 0
    assert (
        "the plugin 'webhook' (flask-chest-webhook 1.0.0) by CHEST_EXTERNAL_PLUGINS"
        in result.stderr
    )


@pytest.mark.slow
@pytest.mark.packaging
def test_records_arrive_from_gunicorn_after_an_outage_of_the_endpoint(clean, tmp_path, endpoint):
    endpoint.answers = [503] * 5
    shutil.copy(APPLICATION, tmp_path / "app.py")
    server = subprocess.Popen(
        [clean / "gunicorn", "--workers=2", "--bind=127.0.0.1:0", "app:app"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "", "HOOK": endpoint.url},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in server.stderr:
            if match := re.search(r"Listening at: (http://127\.0\.0\.1:\d+)", line):
                break
        with httpx.Client(base_url=match[1], headers={"Accept-Language": "de"}) as client:
            seen = [client.get(f"/orders/{n}").headers["X-Request-ID"] for n in range(60)]
        records = endpoint.wait_for(60)
    finally:
        server.send_signal(signal.SIGTERM)
        log = server.communicate(timeout=20)[1]
    assert {record["request_id"] for record in records} == set(seen)
    assert len(endpoint.records) == 60
    assert {record["variables"]["number"] for record in records} == set(range(60))
    for record in records:
        assert re.fullmatch(r"[2-9a-z]{4}-[2-9a-z]{4}-[2-9a-z]{4}", record["request_id"])
        del record["variables"]["number"]
        assert record["variables"] == {
            "client_network": "127.0.0.0/24",
            "client_language": "de",
        }
    assert {headers["Authorization"] for headers in endpoint.requests} == {"Bearer hunter2"}
    assert endpoint.answers == []
    assert "answered 503" in log
    assert "Traceback" not in log
