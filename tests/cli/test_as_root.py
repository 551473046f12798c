"""`flask chest`, run by root's cron for an application of another user."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from support.other_user import SECRET, UID, Precious, needs_root, own, place_for_all

pytestmark = needs_root

PROGRAMS = Path(__file__).with_name("programs")
COMMANDS = [
    *(["flush"], ["query"], ["status"], ["schema", "apply"]),
    *(
        pytest.param(command, marks=pytest.mark.slow)
        for command in (
            *(["check"], ["routes"], ["top", "user"], ["plugins"]),
            ["dead-letter", "list"],
            ["schema", "print"],
            ["purge", "--before", "90d", "--yes"],
            ["erase", "user == 'eve'", "--yes"],
        )
    ),
]

TELLS = """
import json
import os
from pydantic import BaseModel
from flask import Flask
from flask_chest import Exporter, FlaskChest, hookimpl


class Config(BaseModel):
    folder: str = ""


class Tells(Exporter):
    type = "tells"
    config_model = Config

    def open(self):
        print("opened as", os.getresuid(), os.getresgid(), os.getgroups(), os.environ["HOME"])

    def export(self, batch):
        pass

    def close(self):
        pass


class Plugin:
    @hookimpl
    def chest_exporters(self):
        return [Tells]


app = Flask(__name__)
chest = FlaskChest(exporters={"main": {"type": "tells"}}, journal=app.instance_path + "/chest")
chest.register_plugin(Plugin())
chest.init_app(app)
"""


@pytest.fixture
def place():
    """Return the folder of an application, which is root's; its instance folder is the user's."""
    with place_for_all() as folder:
        shutil.copy(PROGRAMS / "app.py", folder)
        shutil.copy(PROGRAMS / "as_user.py", folder)
        (folder / "instance").mkdir(mode=0o755)
        own(folder / "instance")
        yield folder


@pytest.fixture
def precious(tmp_path):
    return Precious(tmp_path)


@pytest.fixture
def run(place, warm_python):
    """Return a function that runs Python as root, in the folder of the application."""

    def run(*arguments, code=0):
        done = warm_python.run(["-B", *arguments], cwd=place, timeout=300)
        assert code is None or done.returncode == code, done.stderr
        return done

    return run


@pytest.fixture
def command(run):
    """Return a function that runs a command under `flask chest` as root."""
    return lambda *arguments, code=0: run("-m", "flask", "chest", *arguments, code=code)


def owners(place):
    return {path.lstat().st_uid for path in (place / "instance").rglob("*")}


@pytest.mark.parametrize("first", COMMANDS, ids=" ".join)
def test_when_roots_cron_runs_first_the_application_starts_and_records(place, run, command, first):
    command(*first)
    assert owners(place) <= {UID}
    assert not (place / "instance" / "chest").exists(), "nothing waits there"
    run("as_user.py", str(UID))
    assert command("flush").stdout.startswith("main: 2 delivered, 0 bytes waiting")
    assert owners(place) == {UID}
    assert (place / "instance" / "chest.sqlite3").stat().st_mode & 0o777 == 0o600
    command(*first)
    found = command("top", "user", "--format", "json").stdout.splitlines()
    assert [json.loads(line)["user"] for line in found] == ["ada", "bob"]
    assert owners(place) == {UID}
    run("as_user.py", str(UID))


def test_a_missing_instance_folder_belongs_to_the_owner_of_the_folder_around_it(
    place, run, command
):
    (place / "instance").rmdir()
    own(place)
    command("flush")
    assert (place / "instance").stat().st_uid == UID
    run("as_user.py", str(UID))
    assert command("flush").stdout.startswith("main: 2 delivered")


def test_where_anybody_may_make_the_folder_root_does_not(place, run, command):
    (place / "instance").rmdir()
    place.chmod(0o1777)
    done = command("flush", code=None)
    assert done.returncode != 0
    assert "root cannot know to which user it is to belong" in done.stderr
    assert not (place / "instance").exists()
    run("as_user.py", str(UID))
    assert command("flush").stdout.startswith("main: 2 delivered")


def test_root_makes_no_instance_folder_where_a_link_of_the_users_leads(place, command, precious):
    (place / "instance").rmdir()
    app = place / "app.py"
    app.write_text(
        app.read_text().replace(
            "Flask(__name__)", f"Flask(__name__, instance_path='{place}/data/instance')"
        )
    )
    plant_link(place / "data", precious.folder)
    done = command("flush", code=None)
    assert "root cannot know to which user it is to belong" in done.stderr
    precious.assert_untouched()


def test_it_is_the_owner_for_good_before_an_exporter_is_opened(place, command):
    (place / "app.py").write_text(TELLS)
    (place / "instance" / "chest").mkdir(mode=0o700)
    own(place / "instance" / "chest")
    said = command("check").stdout
    assert f"opened as ({UID}, {UID}, {UID}) ({UID}, {UID}, {UID})" in said
    assert os.environ["HOME"] not in said
    assert "0," not in said.partition("[")[2].partition("]")[0].split(), "no group of root's"


def test_a_journal_of_roots_is_read_by_root(place, command):
    os.chown(place / "instance", 0, 0)
    (place / "app.py").write_text(TELLS)
    assert "opened as (0, 0, 0)" in command("check").stdout


def plant_link(path, precious):
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(precious)
    own(path)


LINKS = [
    "chest/segments/0.jsonl",
    "chest/segments/0.new",
    "chest/cursors/main.json",
    "chest/cursors/main.new",
    "chest/cursors/main.lock",
    "chest/dead-letter/main.jsonl",
    "chest/export.lock",
    "chest.sqlite3",
    "chest.sqlite3-wal",
]
HARD_LINKS = ["chest/segments/0.jsonl", "chest/dead-letter/main.jsonl", "chest.sqlite3"]


@pytest.mark.parametrize(
    ("name", "is_hard"),
    [*((name, False) for name in LINKS), *((name, True) for name in HARD_LINKS)],
)
def test_a_file_that_is_a_link_leads_root_to_no_other_file(
    place, run, command, precious, name, is_hard
):
    run("as_user.py", str(UID))
    path = place / "instance" / name
    path.unlink(missing_ok=True)
    if is_hard:
        path.hardlink_to(precious.file)
    else:
        plant_link(path, precious.file)
    precious.look()
    for arguments in (["flush", "--timeout", "2"], ["query"]):
        done = command(*arguments, code=None)
        assert SECRET not in done.stdout + done.stderr
    precious.assert_untouched()
    precious.assert_not_told(place)


@pytest.mark.parametrize("name", ["segments", "cursors", "dead-letter", "damaged", "."])
def test_a_folder_that_is_a_link_leads_root_to_no_other_folder(place, run, command, precious, name):
    run("as_user.py", str(UID))
    for path in ("0.jsonl", "main.json", "zz.jsonl"):
        (precious.folder / path).write_text("no line\nhalf")
    precious.look()
    for number in range(3):  # what is moved to `damaged`, or deleted there
        torn = place / "instance" / "chest" / "segments" / f"{number}.jsonl"
        torn.write_text("{}\nhalf")
        own(torn)
    plant_link(place / "instance" / "chest" / name, precious.folder)
    for arguments in (["flush", "--timeout", "2"], ["query"]):
        command(*arguments, code=None)
    precious.assert_untouched()


def test_a_link_of_the_users_above_the_journal_does_not_make_root_another_user(
    place, run, command, tmp_path
):
    run("as_user.py", str(UID))
    with place_for_all() as other:
        shutil.move(place / "instance", other / "instance")
        (place / "instance").symlink_to(other / "instance")
        own(place / "instance")
        assert command("flush").stdout.startswith("main: 2 delivered"), "their own"
        for path in (other / "instance" / "chest", *(other / "instance" / "chest").rglob("*")):
            os.chown(path, 1, 1)
        done = command("flush", code=1)
        assert "a link on the way there belongs to nobody" in done.stderr
        assert "and the folder to daemon" in done.stderr


def test_a_process_that_may_not_become_the_owner_says_so(place, run):
    run("as_user.py", str(UID))
    done = run(
        "-c",
        "import os\n"
        "def setuid(uid): raise PermissionError(1, 'Operation not permitted')\n"
        "os.setuid = setuid\n"
        "import sys; sys.argv = ['flask', 'chest', 'flush']\n"
        "from flask.cli import main; main()",
        code=1,
    )
    said = (
        "may not become that user: Operation not permitted. Run this as nobody (user 65534): sudo"
    )
    assert said in done.stderr


def test_the_help_and_an_unknown_user_without_a_name_work(place, command):
    assert "Deliver" in command("--help").stdout
    os.chown(place / "instance", 4_321, 4_321)
    (place / "app.py").write_text(TELLS)
    assert "opened as (4321, 4321, 4321) (4321, 4321, 4321) [4321] /" in (command("check").stdout)
