"""The reference is made of the code, and what the code does not describe fails."""

from __future__ import annotations

import itertools
import re
import shlex
import sys
import types
from typing import get_args, get_type_hints

import click
import pytest
from pydantic import BaseModel, Field
from support.docs_page import ROOT

from flask_chest.encode.fact_names import FAMILIES, SINGLE_FACTS
from flask_chest.record import RecordData
from tools.reference import api, commands, fields, logged, public, questions, raised, settings
from tools.reference.blocks import filled


def test_every_log_message_is_on_its_page_and_no_other():
    page = (ROOT / "docs" / "reference" / "log-messages.md").read_text("utf-8")
    assert logged.faults(page) == []
    row = next(line for line in page.splitlines() if line.startswith("| warning"))
    [lacking] = logged.faults(page.replace(f"{row}\n", ""))
    assert lacking.startswith("has no row for the warning message")
    stale = row.replace("``", "``Not so: ", 1)
    [told] = logged.faults(f"{page}\n{stale}\n")
    assert "Not so: " in told
    assert "nowhere logged" in told


def test_every_way_of_logging_is_found():
    found = {(each.level, each.function.partition(".")[0]) for each in logged.messages()}
    assert ("warning", "unprefixed") in found, "of a logger"
    assert ("error", "disk") in found, "of a throttle"
    assert ("info", "attempts") in found, "of a plugin"


def test_a_page_without_a_place_for_a_part_is_refused():
    with pytest.raises(ValueError, match=r"the page has the parts \[\]"):
        filled("# Page\n", {"settings": str})
    page = "<!-- generated: a -->\nold\n<!-- end -->"
    assert filled(page, {"a": lambda: "new"}) == "<!-- generated: a -->\n\nnew\n\n<!-- end -->"


class Odd(BaseModel):
    wait: float = Field(1.0, description="Wait")
    silent_seconds: float = 1.0
    bytes_one: bytes = Field(b"", description="Bytes")


def test_a_setting_without_unit_description_or_word_is_refused():
    with pytest.raises(ValueError, match="no unit of the number 'wait'"):
        fields.type_of("wait", Odd.model_fields["wait"])
    with pytest.raises(ValueError, match="without description"):
        fields.meaning_of(Odd.model_fields["silent_seconds"])
    with pytest.raises(ValueError, match="no word for the type"):
        fields.type_of("bytes_one", Odd.model_fields["bytes_one"])


def test_a_setting_has_a_place_and_one_default():
    for page, kinds in (
        ("settings", settings.settings()),
        ("exporter-settings", settings.exporters()),
    ):
        rows = [line for make in kinds.values() for line in make().splitlines()[2:]]
        anchors = re.findall(r'^\| <a id="([a-z0-9-]+)"></a>', "\n".join(rows), re.MULTILINE)
        assert len(set(anchors)) == len(rows) > 20, page
        assert [row for row in rows if "Default: " in row and "default: `None`" in row] == []


SILENT = '''
def described():
    """Do something."""

def silent(): ...

class Half:
    """A class."""

    def silent(self): ...
'''


@pytest.mark.parametrize(
    ("name", "fault"), [("silent", "silent has no doc"), ("Half", r"Half\.silent has no doc")]
)
def test_a_public_name_without_docstring_is_refused(monkeypatch, name, fault):
    module = types.ModuleType("flask_chest_silent")
    exec(SILENT, module.__dict__)
    module.__all__ = ["described", name]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(public, "MODULES", (module.__name__,))
    with pytest.raises(ValueError, match=fault):
        api._page(module.__name__)
    module.__all__ = ["described"]
    assert ".. autofunction:: flask_chest_silent.described" in api._page(module.__name__)


def test_a_page_of_a_module_can_be_read_in_a_clone():
    """Without its built descriptions: names, parameters, members and a sentence."""
    rows = dict(
        line[2:-2].split(" | ", 1)
        for line in api._page("flask_chest.exporter").splitlines()
        if line[:3] == "| `"
    )
    assert rows["`Batch`"].startswith(
        "Encoded records, on their way to one exporter.<br>Has `lines`, `token`"
    )
    assert "`fixed`" in rows["`Batching`"]
    assert "`export(batch)`" in rows["`Exporter`"]
    for name in api.MODULES:
        page = (ROOT / "docs" / "reference" / "api" / f"{name}.md").read_text("utf-8")
        assert "| name | what it is |" in page
        assert " |  |" not in page, "a name without a sentence"
        assert " at 0x" not in page


def test_a_command_without_help_is_refused():
    parent = click.Context(click.Group("chest"), info_name="flask chest")
    with pytest.raises(ValueError, match="flask chest silent has no help"):
        list(commands._parts("silent", click.Command("silent"), parent))
    option = click.Command("loud", help="Help.", params=[click.Option(["--silent"])])
    with pytest.raises(ValueError, match="loud --silent TEXT has no help"):
        list(commands._parts("loud", option, parent))


def examples():
    """Yield the words of each command that the pages show, after `flask chest`."""
    for page in sorted((ROOT / "docs" / "reference").glob("commands*.md")):
        for fence in re.findall(
            r"^```text\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
        ):
            for line in fence.splitlines():
                if line.startswith("  flask chest "):
                    words = shlex.split(line)[2:]
                    yield list(itertools.takewhile(lambda word: word not in {"|", ">"}, words))


def test_every_command_that_is_shown_can_be_given_so():
    shown = list(examples())
    assert len(shown) > 20
    for words in shown:
        context = click.Context(commands.group, info_name="flask chest")
        command = commands._commands()[words.pop(0)]
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        command.make_context(command.name, words, parent=context)


def test_a_command_that_no_page_describes_is_refused(monkeypatch):
    monkeypatch.setattr(commands, "_PAGES", {"commands-ask": ("query",)})
    with pytest.raises(ValueError, match=r"the pages describe \['query'\], and there are \["):
        commands.overview()["commands"]()


def test_a_page_that_no_group_has_is_refused(monkeypatch):
    monkeypatch.setattr(questions, "_GROUPS", {"Record": ("record",)})
    with pytest.raises(ValueError, match=r"the groups have \['application-factories'"):
        questions.questions()["questions"]()


def test_every_error_has_a_remedy():
    classes = {name for name in public.names("flask_chest.errors") if name[0].isupper()}
    assert set(raised.REMEDIES) == classes


def test_every_field_and_every_fact_is_on_the_page_of_records():
    page = (ROOT / "docs" / "reference" / "records.md").read_text("utf-8")
    rows = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| `")]
    told = {name: kind for names, kind, *_ in rows for name in re.findall(r"`([^`]+)`", names)}
    for name, kind in get_type_hints(RecordData).items():
        assert name in told, name
        assert ("null" in told[name]) == (type(None) in get_args(kind)), name
    for fact in (*SINGLE_FACTS, *FAMILIES):
        assert any(name.startswith(fact) for name in told), fact
