"""docs/reference/names-0.0.10.md maps every public name of the real 0.0.10."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from flask import Flask, g, render_template_string

from flask_chest import FlaskChest
from flask_chest._old_names import ATTRIBUTES, REPLACED

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "how-to" / "from-0.0.10.md").read_text("utf-8")
TABLE = (ROOT / "docs" / "reference" / "names-0.0.10.md").read_text("utf-8")
NAMES = json.loads(Path(__file__).with_name("names.json").read_text("utf-8"))
LEFT = [row.split("|")[1] for row in TABLE.splitlines() if row.startswith("| ")]
SHOWN = set(re.findall(r"[\w.]+", " ".join(re.findall("`[^`]+`", " ".join(LEFT)))))


def shown_as(name):
    """Return how the table has a name: a module whole, anything else without its module."""
    modules = {other for other, parameters in NAMES.items() if parameters is None}
    parents = [name[: end.start()] for end in re.finditer(r"\.", name)]
    home = max((each for each in parents if each in modules), key=len, default="")
    return name if name in modules and not name.isupper() else name.removeprefix(f"{home}.")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stands_in_the_table(name):
    assert shown_as(name) in SHOWN or name.rpartition(".")[2] in SHOWN & {"DEFAULT_SCHEMA"}


def test_every_argument_stands_in_the_table():
    arguments = {each for parameters in NAMES.values() for each in parameters or ()}
    assert arguments <= SHOWN


CODE = re.compile(
    r"CHEST_\w+|(?:chest|g)\.\w+|open_store|flask chest \w+|FlaskChest\(app\)|InfluxDB|\w+://"
    r"|flask-chest-webhook|OpenTelemetry|created at the start|when the request ends"
)
"""What a message names that somebody has to find, or to write, instead of an old name."""


def told_of(name):
    """Return what the rows of a name say, with the sections of the guide that they point to."""
    rows = [row.split("|") for row in TABLE.splitlines() if row.startswith("| ")]
    told = " ".join(row[2] for row in rows if re.search(rf"[`.]{name}\b", row[1]))
    for title in re.findall(r"from-0\.0\.10\.md#([\w-]+)\)", told):
        heading = title.replace("-", " ")
        told += re.split(rf"(?im)^## {heading}$", GUIDE)[1].partition("\n## ")[0]
    return told


@pytest.mark.parametrize("name", sorted((REPLACED | ATTRIBUTES).keys() - {"app", "db_uri"}))
def test_a_message_names_what_the_table_names(name):
    said = set(CODE.findall((REPLACED | ATTRIBUTES)[name]))
    assert said
    assert said <= set(CODE.findall(told_of(name)))


def test_the_old_request_id_is_silently_empty_in_a_template_as_the_guide_says():
    app = Flask("shop")
    FlaskChest(app, enabled=False)
    with app.test_request_context("/"):
        assert render_template_string("id={{ g.custom_request_id }}") == "id="
        assert g.get("custom_request_id") is None
        with pytest.raises(AttributeError, match="custom_request_id"):
            _ = g.custom_request_id
        assert g.get("request_id") is None
        assert render_template_string("id={{ g.request_id }}") == f"id={g.request_id}" != "id="
