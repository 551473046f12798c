"""Runs the code blocks of a page, in order, as a reader would who follows it from top to bottom.

A block finds `Flask`, `g`, `FlaskChest` and an `app`. What a page says in HTML comments, which no
reader sees:

`<!-- invisible-code-block: python ... -->`
    Code that sets up or checks what the page shows.
`<!-- file: NAME -->`
    The next block is the content of this file in the reader's folder.
`<!-- tested by tests/FOLDER/test_NAME.py -->`
    The next block is run by this test, which reads the page.
`<!-- shown by NAME -->`
    The next block is what the variable NAME has, a text; `...` stands for anything.
`<!-- not run: REASON -->`
    The next block needs what no test has. `test_pages.py` counts them.

A block of SQL is given to the function `sql`, which an invisible block defines. In one,
`page.fixture("postgres")` is a fixture of pytest, here the URL of an empty database, and
`page.replace(shown, real)` puts it where the next blocks have another.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from flask import Flask, g
from support.waiting import until
from sybil import Document, Example, Lexeme, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, FencedCodeBlockLexer
from werkzeug.security import generate_password_hash

from flask_chest import FlaskChest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
_COMMENT = re.compile(r"<!--\s*(file:|tested by|shown by|not run:)\s+([^<>]*?)\s*-->\s*\Z")
_FOLDERS = ("/var/lib/shop", "/srv", "/mnt/archive", "/etc/ssl")
_CERTIFICATES = ("/etc/ssl/our-ca.pem", "/etc/ssl/db-authority.pem")
_HASH = re.compile(r"scrypt:[\w:$]*\.\.\.")
_SET_UP = ("pip install", "python3 -m venv", ". .venv", "cd ", "mkdir ")
"""The environment of a reader is that of the tests, and the folder is there."""

PASSWORD = "correct horse battery"
"""What a reader types when a command asks for a password."""

_PROMPT = "$ "
_BACKGROUND = " &"


class Page:
    """The blocks of one page, and the folder and the processes of a reader who runs them."""

    def __init__(
        self,
        path: Path,
        folder: Path,
        environment: dict[str, str],
        fixture: Callable[[str], Any],
    ) -> None:
        self.path = path
        self.fixture = fixture
        self.folder = folder
        self.environment = environment
        self.password = PASSWORD
        self._servers: list[subprocess.Popen[bytes]] = []
        self._python = PythonEvaluator()
        self._replaced = {folder: str(path) for folder, path in self._make_folders()}
        self._checked: dict[str, object] = {}
        self._runners: dict[str, Callable[[Example], object]] = {
            "python": self._run_python,
            "console": self._console,
            "json": lambda example: [json.loads(line) for line in _values(example.parsed)],
            "toml": lambda example: tomllib.loads(example.parsed),
            "yaml": lambda example: yaml.safe_load(example.parsed),
            "sql": lambda example: example.namespace["sql"](self._real(example.parsed)),
            "text": lambda example: None,  # what is shown
        }
        name = f"page_{path.stem.replace('-', '_')}"
        self.module = types.ModuleType(name)
        self.module.__file__ = str(folder / f"{name}.py")
        self.module.__dict__.update(Flask=Flask, g=g, FlaskChest=FlaskChest, page=self)

    def replace(self, shown: str, real: str) -> None:
        """Put `real` where the next blocks have `shown`."""
        self._replaced[shown] = real

    def run(self) -> int:
        """Run all blocks. Return how many there are."""
        sys.modules[self.module.__name__] = self.module
        self.module.__dict__["app"] = Flask(self.module.__name__)
        document = Sybil(parsers=[self._parse], path=str(ROOT)).parse(self.path)
        document.namespace = self.module.__dict__
        examples = list(document.examples())
        try:
            for example in examples:
                example.evaluate()
        finally:
            del sys.modules[self.module.__name__]
            self._stop()
        return len(examples)

    def _parse(self, document: Document) -> list[Region]:
        visible = FencedCodeBlockLexer("[a-z]*", {"language": "language", "source": "source"})
        invisible = DirectiveInHTMLCommentLexer(
            "invisible-code-block", ".+", {"arguments": "language", "source": "source"}
        )
        regions = [*visible(document), *invisible(document)]
        for region in regions:
            region.parsed = region.lexemes["source"]
            region.evaluator = self._evaluate
        return sorted(regions, key=lambda region: region.start)

    def _evaluate(self, example: Example) -> None:
        comment = _COMMENT.search(example.document.text[: example.start])
        kind, value = comment.groups() if comment else ("", "")
        language = example.region.lexemes["language"]
        if kind == "tested by":
            test = ROOT / value
            assert test.is_file(), f"there is no {value}"
            reads = self.path.name in test.read_text("utf-8") or self.path.parent in test.parents
            assert reads, f"{value} does not read this page"
        elif kind == "not run:":
            assert value
        elif kind == "file:":
            file = self.folder / value
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(example.parsed, "utf-8")
        elif kind == "shown by":
            assert_shown(example.parsed, str(example.namespace[value]))
        else:
            assert language in self._runners, f"nothing runs a block in {language or 'no language'}"
            self._runners[language](example)

    def _make_folders(self) -> Iterator[tuple[str, Path]]:
        """Yield the absolute folders of the pages, each with one that takes its place."""
        for folder in _FOLDERS:
            path = self.folder / folder.strip("/")
            path.mkdir(parents=True)
            yield folder, path
        for name in _CERTIFICATES:
            (self.folder / name.strip("/")).touch()

    def _real(self, source: str) -> str:
        for shown, real in self._replaced.items():
            source = source.replace(shown, real)
        return source

    # -- Python -----------------------------------------------------------------------------------

    def _run_python(self, example: Example) -> None:
        """Run a block, and check its settings."""
        source = _HASH.sub(generate_password_hash("secret"), self._real(example.parsed))
        example.parsed = Lexeme(source, example.parsed.offset, example.parsed.line_offset)
        self._python(example)
        self._check_settings(example.namespace)

    def _check_settings(self, namespace: dict[str, Any]) -> None:
        """Start an application with the settings of the page, when a block has changed them."""
        found = {**namespace["app"].config, **namespace}
        settings = {name: value for name, value in found.items() if name.startswith("CHEST_")}
        if settings == self._checked:
            return
        self._checked = settings
        folder = self.folder / f"settings-{len(list(self.folder.glob('settings-*')))}"
        app = Flask("settings", instance_path=str(folder))
        app.config.update(settings)
        FlaskChest(app).close()

    # -- commands ---------------------------------------------------------------------------------

    def _console(self, example: Example) -> None:
        """Run what stands behind `$`, and compare what follows with what it prints."""
        source = self._real(example.parsed).replace(
            ":5000", f":{self.environment['FLASK_RUN_PORT']}"
        )
        for command, shown in commands(source):
            if command.startswith(_SET_UP):
                continue
            if command.startswith("export "):
                name = command.split()[1].partition("=")[0]
                self.environment[name] = self._shell(f'{command}; printf %s "${name}"')
                continue
            if command.startswith("kill %"):
                self._stop()
                continue
            if command.endswith(_BACKGROUND):
                self._start(command.removesuffix(_BACKGROUND))
                continue
            printed = self._shell(command)
            if shown:
                assert_shown(shown, printed)

    def _shell(self, command: str) -> str:
        """Return what a terminal shows: both streams, in the order in which they were written."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={**self.environment, "PYTHONUNBUFFERED": "1"},
            input=PASSWORD,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}"
        return done.stdout

    def _start(self, command: str) -> None:
        """Start a server, and wait until it says that it runs."""
        text = self.folder / "server.log"
        with text.open("w") as log:
            server = subprocess.Popen(
                ["bash", "-c", f"exec {command.partition(' 2> ')[0]}"],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._servers.append(server)
        until(lambda: "Running on" in text.read_text() or server.poll() is not None)
        assert server.poll() is None, text.read_text()

    def _stop(self) -> None:
        while self._servers:
            server = self._servers.pop()
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def assert_shown(shown: str, printed: str) -> None:
    """Compare what a page shows with what was printed; `...` stands for anything."""
    pattern = r".*?".join(re.escape(part) for part in shown.strip().split("..."))
    if not re.fullmatch(pattern, printed.strip(), re.DOTALL):
        raise AssertionError(f"the page shows\n{shown}\nand this was printed\n{printed}")


def commands(source: str) -> list[tuple[str, str]]:
    """Return each command of a console block with what is shown after it."""
    commands: list[tuple[str, str]] = []
    for line in textwrap.dedent(source).splitlines():
        if line.startswith(_PROMPT):
            commands.append((line.removeprefix(_PROMPT).strip(), ""))
        elif commands[-1][0].endswith("\\"):
            commands[-1] = (f"{commands[-1][0]}\n{line}", "")
        else:
            commands[-1] = (commands[-1][0], f"{commands[-1][1]}{line}\n")
    return commands


def _values(source: str) -> list[str]:
    """Return the JSON documents of a block: one, or one a line."""
    try:
        json.loads(source)
    except json.JSONDecodeError:
        return source.splitlines()
    return [source]
