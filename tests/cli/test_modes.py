"""What commands do while Flask-Chest is switched off, or its application is under test."""

from __future__ import annotations

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


@pytest.mark.parametrize("arguments", CHANGES, ids=" ".join)
def test_what_would_change_something_is_refused(resting, arguments):
    before = files(resting)
    done = resting.flask(*arguments, code=1)
    assert done.stderr.endswith("Error: Nothing was done\n")
    assert files(resting) == before


def test_check_says_so_and_touches_nothing(resting):
    before = files(resting)
    done = resting.flask("check", code=0)
    assert "settings: warning: mode: " in done.stdout
    assert "can deliver" not in done.stdout
    assert files(resting) == before
