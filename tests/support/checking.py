"""What `flask chest check` finds in an application."""

from __future__ import annotations

import json


def findings(place, *arguments, code=0):
    """Return what `check --json` found, as a dict of (where, subject) to the finding."""
    told = json.loads(place.flask("check", "--json", *arguments, code=code).stdout)
    assert told["ok"] == (code == 0)
    return {(each["where"], each["subject"]): each for each in told["findings"]}


def set_app(place, arguments):
    source = (place.folder / "app.py").read_text()
    (place.folder / "app.py").write_text(
        source.replace("FlaskChest(app)", f"FlaskChest(app, {arguments})")
    )
