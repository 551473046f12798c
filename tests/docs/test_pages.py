"""Every code block of every page runs, from top to bottom, in a folder of its own."""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from support.docs_page import ROOT, Page, assert_shown

from flask_chest import ChestError, FlaskChest

PAGES = [
    ROOT / "CONTRIBUTING.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("plugins/*/README.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
]
_BLOCK = re.compile(r"^\s*```|^<!-- invisible-code-block", re.MULTILINE)
WITH_CODE = [page for page in PAGES if _BLOCK.search(page.read_text("utf-8"))]

# Pages that start servers or many commands.
LONG = {
    "docs/tutorial/first-chart.md",
    "docs/how-to/alerts.md",
    "docs/how-to/erasure.md",
    "docs/how-to/erase-addresses.md",
    "docs/how-to/import-0.0.10.md",
    "docs/how-to/llm-costs.md",
    "docs/how-to/mongodb.md",
    "docs/how-to/mysql.md",
    "docs/how-to/postgres.md",
    "docs/how-to/privacy.md",
    "docs/how-to/retention.md",
    "docs/how-to/sqlalchemy.md",
    "docs/how-to/tables.md",
    "docs/how-to/testing.md",
    "docs/how-to/two-applications.md",
}


def as_parameter(page):
    name = str(page.relative_to(ROOT))
    return pytest.param(page, id=name, marks=pytest.mark.slow if name in LONG else ())


@pytest.fixture
def extensions(monkeypatch):
    """Close every `FlaskChest` that a page creates."""
    created = []
    original = FlaskChest.init_app

    def init_app(self, *arguments, **settings):
        original(self, *arguments, **settings)
        created.append(self)

    monkeypatch.setattr(FlaskChest, "init_app", init_app)
    yield
    for extension in created:
        with suppress(ChestError):  # its application is gone, and it with it
            extension.close()


@pytest.fixture
def own_logging():
    """Take back what a page makes of the process's logging: handlers, filters and levels."""
    loggers = [logging.root, logging.getLogger("flask_chest"), logging.getLogger("werkzeug")]
    before = [(each, each.handlers[:], each.filters[:], each.level) for each in loggers]
    yield
    for logger, handlers, filters, level in before:
        logger.handlers[:], logger.filters[:] = handlers, filters
        logger.setLevel(level)
        logger.disabled = False


@pytest.fixture
def environment(tmp_path):
    """Return the environment of a reader: the tests' own Python, and a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    variables = {name: text for name, text in os.environ.items() if "CHEST" not in name}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**variables, "PATH": path, "FLASK_RUN_PORT": str(port), "HOME": str(tmp_path)}


@pytest.fixture
def run(tmp_path, environment, request):
    return lambda path: Page(path, tmp_path, environment, request.getfixturevalue).run()


@pytest.mark.parametrize("path", [as_parameter(each) for each in WITH_CODE])
def test_every_block_of_the_page_runs(path, run, tmp_path, extensions, own_logging, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DB_PASSWORD", "secret")
    fences = len(re.findall(r"^ *```[a-z{]", path.read_text("utf-8"), re.MULTILINE))
    toctrees = path.read_text("utf-8").count("```{")
    assert run(path) >= fences - toctrees


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```python\n1 / 0\n```\n", "division by zero"),
        ("```python\nassert first\n```\n", "first"),
        ("```cobol\nSTOP RUN.\n```\n", "nothing runs a block in cobol"),
        ("```\nx\n```\n", "nothing runs a block in no language"),
        ("```python\napp.config['CHEST_RETENTION'] = '90x'\n```\n", "CHEST_RETENTION"),
        ("```python\nCHEST_SAMPEL_RATE = 1\n```\n", "CHEST_SAMPLE_RATE"),
        ("```json\n{,}\n```\n", "Expecting"),
        ("```console\n$ false\n```\n", "exit 1"),
        ("```console\n$ echo 7\n8\n```\n", "this was printed"),
        ("<!-- tested by tests/docs/test_missing.py -->\n\n```python\n```\n", "there is no"),
        ("<!-- tested by tests/test_layers.py -->\n\n```python\n```\n", "does not read this page"),
    ],
)
def test_a_page_that_is_wrong_fails(text, fault, run, tmp_path):
    page = tmp_path / "wrong.md"
    page.write_text(text)
    with pytest.raises(Exception, match=fault):
        run(page)


def test_few_blocks_are_not_run():
    reasons = [
        reason
        for page in PAGES
        for reason in re.findall(r"<!-- not run: (.*?) -->", page.read_text("utf-8"))
    ]
    assert sorted(set(reasons)) == ["a bucket of AWS", "a sharded cluster"]
    assert len(reasons) <= 3


def test_an_example_that_asks_delivers_before():
    asking = []
    for page in sorted(ROOT.glob("examples/*/README.md")):
        commands = re.findall(r"^\$ .*\bchest (\w+)", page.read_text("utf-8"), re.MULTILINE)
        if {"query", "measure"} & set(commands):
            asking.append(page.parent.name)
            assert commands[0] == "flush", page
    assert len(asking) >= 4


def test_what_a_page_shows_may_leave_out_parts():
    assert_shown("a ... c\n...\n", "a b c\nd\n")
    with pytest.raises(AssertionError):
        assert_shown("a ... d", "a b c")
