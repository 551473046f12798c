"""What commands do while Flask-Chest is switched off, or its application is under test."""

from __future__ import annotations

import json

import pytest

CHANGES = [
    ["purge", "--before", "1d", "--yes"],
    ["erase", "user == 'ada'", "--yes"],
    ["dead-letter", "retry"],
    ["dead-letter", "drop", "--all", "--yes"],
    ["schema", "apply"],
    ["schema", "repair"],
    ["copy", "--from", "main", "--to", "sqlite:///copy.sqlite3"],
]


@pytest.fixture(params=["app.config['CHEST_ENABLED'] = False", "app.config['TESTING'] = True"])
def resting(request, place):
    """Return the folder of an application with records, which is switched off then."""
    place.record_three()
    app = place.folder / "app.py"
    line = "app = Flask(__name__)\n"
    app.write_text(app.read_text().replace(line, f"{line}{request.param}\n"))
    return place


def files(place):
    return {
        path.relative_to(place.folder): path.read_bytes()
        for path in (place.folder / "instance").rglob("*")
        if path.is_file()
    }


RUN_EACH = """
import json, sys
from app import app
for arguments in json.loads(sys.argv[1]):
    result = app.test_cli_runner().invoke(args=["chest", *arguments])
    print(json.dumps([result.exit_code, result.output]))
"""


def test_what_would_change_something_is_refused(resting):
    before = files(resting)
    done = resting.run("-c", RUN_EACH, json.dumps(CHANGES), code=0)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(CHANGES)
    for arguments, (code, output) in zip(CHANGES, results, strict=True):
        assert code == 1, (arguments, output)
        assert output.endswith("Error: Nothing was done\n"), arguments
    assert files(resting) == before


def test_check_says_so_and_touches_nothing(resting):
    before = files(resting)
    done = resting.flask("check", code=0)
    assert "settings: warning: mode: " in done.stdout
    assert "can deliver" not in done.stdout
    assert files(resting) == before
