"""docs/how-to/from-0.0.10.md maps every public name of the real 0.0.10."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "from-0.0.10.md").read_text("utf-8")
NAMES = json.loads(Path(__file__).with_name("names.json").read_text("utf-8"))
TABLE = PAGE.partition("## Every name")[2].partition("## InfluxDB")[0]
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
