"""docs/how-to/testing.md beside pytest-flask, in an environment of its own.

pytest-flask adds fixtures to every test of a session, so it must not be where our own tests run.
"""

from __future__ import annotations

import re

import pytest
from support.installing import install, make_environment, run
from support.pages import ROOT, files_of

PAGE = "docs/how-to/testing.md"
BLOCKS = {
    re.match(r"# (\S+)", block)[1]: block
    for block in re.findall(
        r"^<!-- tested by [^\n]*test_testing_page.py -->\n\n```python\n(.*?)^```$",
        (ROOT / PAGE).read_text("utf-8"),
        re.DOTALL | re.MULTILINE,
    )
}

LEAKING = """
def test_requests_share_variables(app, client, chest_records):
    from flask import g
    records = chest_records(app)
    client.get("/orders/7")
    g.cart_more = 1
    client.get("/orders/8")
    assert [record.variables.get("cart_more") for record in records] == [None, 1]
"""


@pytest.fixture(scope="module")
def python(wheels, tmp_path_factory):
    folder = make_environment(tmp_path_factory.mktemp("pytest-flask") / "venv")
    install(folder, "--find-links", wheels, "flask-chest[sqlite,testing]", "pytest-flask")
    return folder / "python"


@pytest.mark.slow
@pytest.mark.packaging
def test_the_examples_work_with_pytest_flask(python, tmp_path):
    for name, text in files_of(PAGE).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "test_two_requests.py").write_text(BLOCKS["test_two_requests.py"])
    (tmp_path / "test_leaking.py").write_text(LEAKING)
    shown = run(python, "-m", "pytest", "-W", "error", cwd=tmp_path)
    assert "plugins: flask-" in shown
    assert "3 passed" in shown


@pytest.mark.slow
@pytest.mark.packaging
def test_a_live_server_delivers(python, tmp_path):
    (tmp_path / "shop.py").write_text(files_of(PAGE)["shop.py"])
    for name in ("conftest.py", "test_live.py"):
        (tmp_path / name).write_text(BLOCKS[name])
    assert "1 passed" in run(python, "-m", "pytest", "-W", "error", cwd=tmp_path)
