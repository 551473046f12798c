"""Journal, patterns and instance folder come from the settings, or the application stops."""

from __future__ import annotations

import os
import sys

import pytest
from flask import Flask

from flask_chest import FlaskChest
from flask_chest.errors import ConfigurationError


@pytest.mark.parametrize("journal", ["{file}/journal", "{file}", "/proc/journal"])
def test_a_journal_folder_that_cannot_be_written_stops_init_app(init, tmp_path, journal):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigurationError) as caught:
        init(EXPORTERS=f"sqlite:///{tmp_path / 'x'}", JOURNAL=journal.format(file=file))
    assert "CHEST_JOURNAL=" in str(caught.value)
    assert "'memory'" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VARIABLES", ["user id"]),
        ("VARIABLES", [""]),
        ("VARIABLES", ["!"]),
        ("VARIABLES", ["a", "!a"]),
        ("VARIABLES", ["cart_*", "!*"]),
        ("VARIABLES", {"GETT": ["a"]}),
        ("EXCLUDE_ENDPOINTS", ["/health"]),
    ],
)
def test_a_pattern_that_cannot_match_stops_init_app(init, tmp_path, name, value):
    with pytest.raises(ConfigurationError, match=f"CHEST_{name}"):
        init(
            **{name: value},
            EXPORTERS=f"sqlite:///{tmp_path / 'x'}",
            JOURNAL=str(tmp_path / "journal"),
        )


def test_instance_means_the_instance_folder(tmp_path):
    app = Flask("shop", instance_path=str(tmp_path / "deep" / "instance"))
    FlaskChest(app).close()
    assert (tmp_path / "deep/instance/chest.sqlite3").is_file()
    assert (tmp_path / "deep/instance/chest/segments").is_dir()


def test_an_instance_folder_that_cannot_be_created_stops_init_app(database):
    with pytest.raises(ConfigurationError, match="instance folder '/proc/instance' cannot be") as e:
        FlaskChest(Flask("shop", instance_path="/proc/instance"))
    assert "Set CHEST_JOURNAL and CHEST_EXPORTERS to" in str(e.value)
    with pytest.raises(ConfigurationError, match=r"directory\. Set CHEST_JOURNAL to"):
        FlaskChest(Flask("shop", instance_path="/proc/instance"), exporters=f"sqlite:///{database}")
    with pytest.raises(ConfigurationError, match=r"directory\. Set CHEST_EXPORTERS to"):
        FlaskChest(Flask("shop", instance_path="/proc/instance"), journal="memory")


def test_what_a_program_in_one_file_deletes_when_it_ends_is_no_place_for_records(
    tmp_path, database, monkeypatch
):
    """A built one is started by tests/howto/test_pyinstaller_one_file.py."""
    unpacked = tmp_path / "_MEIx7Qa2k"
    unpacked.mkdir()
    (tmp_path / "link").symlink_to(unpacked)
    monkeypatch.setattr(
        sys, "_MEIPASS", str(tmp_path / "link" / ".." / unpacked.name), raising=False
    )
    within = {"instance_path": str(unpacked / "var" / "shop-instance")}
    with pytest.raises(ConfigurationError, match=r"or set CHEST_JOURNAL and CHEST_EXPORTERS$"):
        FlaskChest(Flask("shop", **within))
    with pytest.raises(ConfigurationError, match=r"or set CHEST_EXPORTERS$"):
        FlaskChest(Flask("shop", **within), journal=str(tmp_path / "journal"))
    outside = {"exporters": f"sqlite:///{database}"}
    with pytest.raises(ConfigurationError, match=r"^CHEST_JOURNAL='.*' is in the folder"):
        FlaskChest(Flask("shop"), journal=str(unpacked / "journal"), **outside)
    app = Flask("shop", **within)  # where nothing of ours is
    FlaskChest(app, journal=str(tmp_path / "journal"), **outside).close()
    assert list(unpacked.iterdir()) == []


def test_a_program_in_a_folder_may_write_beside_its_files(tmp_path, monkeypatch):
    unpacked = tmp_path / "_internal"
    monkeypatch.setattr(sys, "_MEIPASS", str(unpacked), raising=False)
    app = Flask("shop", instance_path=str(unpacked / "var" / "shop-instance"))
    FlaskChest(app).close()
    assert (unpacked / "var" / "shop-instance" / "chest.sqlite3").is_file()


@pytest.mark.parametrize("name", ["we?ird", "#1", "100%25", "a b", "ü", "a&b=c", "%", "x%2Fy", "~"])
def test_an_instance_folder_may_have_any_name(tmp_path, name):
    folder = tmp_path / name / "instance"
    app = Flask("shop", instance_path=str(folder))
    chest = FlaskChest(app)
    app.get("/")(chest.track(lambda: ""))
    app.test_client().get("/")
    assert chest.flush(60)
    assert chest.store().count() == 1
    chest.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert {path.name for path in folder.iterdir()} >= {"chest", "chest.sqlite3"}
    assert [path.name for path in folder.parent.iterdir()] == ["instance"]


def test_an_instance_folder_may_have_a_name_that_is_not_utf_8(tmp_path):
    folder = tmp_path / os.fsdecode(b"\xff?")
    app = Flask("shop", instance_path=str(folder))
    FlaskChest(app).close()
    assert (folder / "chest.sqlite3").is_file()


def test_the_instance_folder_is_put_into_urls_encoded_and_into_paths_as_it_is(tmp_path):
    folder = tmp_path / "a?b %20"
    app = Flask("shop", instance_path=str(folder))
    exporters = {
        "url": "sqlite:///<instance>/url",
        "path": {"type": "sqlite", "path": "<instance>/path"},
        "both": {"type": "sqlite", "url": "sqlite:///<instance>/both?busy_timeout_seconds=1"},
    }
    FlaskChest(app, exporters=exporters).close()
    assert {path.name for path in folder.iterdir()} >= {"url", "path", "both"}


def test_a_tilde_means_the_home_folder(tmp_path, monkeypatch):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(elsewhere)
    exporters = {
        "url": "sqlite:///~/url.sqlite3",
        "path": {"type": "sqlite", "path": "~/path.sqlite3"},
    }
    app = Flask("shop")
    FlaskChest(app, journal="~/chest", exporters=exporters).close()
    assert {path.name for path in home.iterdir()} == {"chest", "url.sqlite3", "path.sqlite3"}
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("name", ["JOURNAL", "EXPORTERS"])
def test_the_home_folder_of_nobody_stops_init_app(init, name):
    prefix = "sqlite:///" if name == "EXPORTERS" else ""
    settings = {"JOURNAL": "memory", name: f"{prefix}~no-such-user/chest"}
    with pytest.raises(ConfigurationError, match=f"CHEST_{name}.*home directory"):
        init(**settings)
