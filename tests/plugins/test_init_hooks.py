"""Plugins with settings and views of their own: what is refused, and whose fault it is."""

from __future__ import annotations

import re
import shutil

import click
import pytest
from flask import Blueprint, Flask
from pydantic import BaseModel, Field, SecretStr, model_validator

from flask_chest import ConfigurationError, hookimpl


class Settings(BaseModel):
    geo_token: SecretStr | None = Field(None, description="Opens the door")
    geo_size: int = Field(7, description="Of the door")


class Together(BaseModel):
    geo_user: str | None = None
    geo_token: SecretStr | None = None

    @model_validator(mode="after")
    def _has_both(self):
        if (self.geo_user is None) != (self.geo_token is None):
            raise ValueError("CHEST_GEO_USER and CHEST_GEO_TOKEN are set together")
        return self


class Taken(BaseModel):
    journal: str = ""


class Geo:
    def __init__(self, model=Settings, fault=None):
        self.model, self.fault, self.seen = model, fault, []

    @hookimpl
    def chest_settings(self):
        return self.model

    @hookimpl
    def chest_init_app(self, app, settings):
        if self.fault:
            raise self.fault
        self.seen.append((app, settings))


@pytest.fixture
def init(make_chest, monkeypatch):
    def init(*plugins, environment=None, config=None, **arguments):
        for name, value in (environment or {}).items():
            monkeypatch.setenv(name, value)
        chest = make_chest(**arguments)
        for number, plugin in enumerate(plugins):
            chest.register_plugin(plugin, f"geo{number}")
        app = Flask("shop")
        app.config.update(config or {})
        chest.init_app(app)
        return app

    return init


@pytest.mark.parametrize(
    "source",
    [
        {"geo_size": 8},
        {"config": {"CHEST_GEO_SIZE": "8"}},
        {"environment": {"FLASK_CHEST_GEO_SIZE": "8"}},
    ],
)
def test_settings_of_a_plugin_come_from_all_sources(init, source):
    geo = Geo()
    app = init(geo, **source)
    assert geo.seen == [(app, Settings(geo_size=8))]


def test_each_plugin_gets_its_own_settings_and_one_without_gets_none(init):
    class Other(BaseModel):
        other_size: int = 1

    class Plain:
        seen = ()

        @hookimpl
        def chest_init_app(self, settings):
            self.seen = (settings,)

    geo, other, plain = Geo(), Geo(Other), Plain()
    init(geo, other, plain, geo_size=2, other_size=3)
    assert geo.seen[0][1] == Settings(geo_size=2)
    assert other.seen[0][1] == Other(other_size=3)
    assert plain.seen == (None,)


@pytest.mark.parametrize(
    ("plugins", "settings", "parts"),
    [
        ([Geo()], {"geo_size": "wide"}, ["CHEST_GEO_SIZE='wide'", "Of the door"]),
        ([Geo()], {"geo_token": 7}, ["CHEST_GEO_TOKEN=***", "Opens the door"]),
        ([Geo(Together)], {"geo_user": "x"}, ["CHEST_GEO_USER and CHEST_GEO_TOKEN are set"]),
        ([Geo()], {"geo_sizes": 1}, ["CHEST_GEO_SIZES", "Did you mean CHEST_GEO_SIZE?"]),
        ([], {"lighthouse": "x"}, ["CHEST_LIGHTHOUSE", "a plugin that is not loaded"]),
        ([Geo(), Geo()], {}, ["geo_token", "'geo0'", "'geo1'"]),
        ([Geo(Taken)], {}, ["'journal'", "'geo0'", "Flask-Chest"]),
        ([Geo(object)], {}, ["chest_settings", "BaseModel", "'geo0'"]),
        ([Geo(fault=KeyError("k"))], {}, ["'geo0'", "chest_init_app", "KeyError"]),
        ([Geo(fault=ConfigurationError("put it right"))], {}, ["put it right"]),
    ],
)
def test_a_fault_stops_the_application_in_words(init, plugins, settings, parts):
    with pytest.raises(ConfigurationError) as caught:
        init(*plugins, **settings)
    for part in parts:
        assert part in str(caught.value)


class Commands:
    def __init__(self, *commands, fault=None):
        self.commands, self.fault = list(commands), fault

    @hookimpl
    def chest_commands(self):
        if self.fault:
            raise self.fault
        return self.commands


def command(name):
    return click.Command(name, callback=lambda: click.echo(f"this is {name}"))


def test_commands_of_plugins_are_listed_and_run(init):
    runner = init(Commands(command("b"), command("a")), Commands(command("c"))).test_cli_runner()
    for name in "abc":
        assert runner.invoke(args=("chest", name)).output == f"this is {name}\n"
    listed = runner.invoke(args=("chest", "--help")).output
    names = re.findall(r"^  (\S+)", listed, re.MULTILINE)
    assert names[names.index("plugins") + 1 :] == ["a", "b", "c", "dashboard"]
    assert "No such command 'd'" in runner.invoke(args=("chest", "d")).output


@pytest.mark.parametrize(
    ("plugins", "parts"),
    [
        ([Commands(command("plugins"))], ["'geo0'", "a command 'plugins', and so has Flask-Chest"]),
        ([Commands(command("a")), Commands(command("a"))], ["'geo0'", "a command 'a'", "'geo1'"]),
        ([Commands(command("a"), command("a"))], ["a command 'a', and so has the plugin 'geo0'"]),
        ([Commands(len)], ["'geo0'", "not a list of commands of click"]),
        ([Commands(click.Command(None))], ["not a list of commands of click"]),
        ([Commands(fault=KeyError("k"))], ["'geo0'", "fails in chest_commands: KeyError: 'k'"]),
    ],
)
def test_a_faulty_command_is_named_and_those_of_flask_chest_work(init, plugins, parts):
    runner = init(*plugins).test_cli_runner()
    assert "geo0" in runner.invoke(args=("chest", "plugins")).output
    for arguments in (["a"], ["--help"]):
        done = runner.invoke(args=("chest", *arguments))
        assert done.exit_code == (arguments == ["a"])
        for part in parts:
            assert part in done.output
        assert "Traceback" not in done.output


@pytest.mark.parametrize("nested", [False, True])
def test_excluded_views_are_not_recorded_even_when_all_are(make_chest, recorded, nested):
    app = Flask("shop")
    chest = make_chest(track_all=True)

    @app.get("/healthz")
    @chest.exclude
    def healthz():
        return ""

    probes = chest.exclude(Blueprint("probes", __name__, url_prefix="/probes"))
    inner = Blueprint("inner", __name__) if nested else probes
    inner.get("/ready")(lambda: "")
    if nested:
        probes.register_blueprint(inner)
    app.register_blueprint(probes)
    app.get("/orders")(lambda: "")
    chest.init_app(app)
    client = app.test_client()
    for path in ("/healthz", "/probes/ready", "/orders"):
        assert client.get(path).status_code == 200
    assert [row["path"] for row in recorded(chest, 1)] == ["/orders"]
    assert chest.stats(process=True).suppressed == 0


def test_journal_fault_says_why_no_record_can_be_kept(make_chest, tmp_path):
    app = Flask("shop")
    chest = make_chest(
        journal=str(tmp_path / "j"), journal_when_full="drop_newest", journal_max_bytes=1_048_576
    )
    chest.init_app(app)
    with app.app_context():
        assert chest.journal_fault() is None
        (tmp_path / "j" / ".probe").mkdir()  # root may write where others may not
        assert "cannot be used" in chest.journal_fault()
        (tmp_path / "j" / ".probe").rmdir()
        assert chest.journal_fault() is None
        [segments] = (tmp_path / "j").glob("segments")
        with (segments / "old.jsonl").open("wb") as file:
            file.truncate(1_048_577)
        assert "CHEST_JOURNAL_MAX_BYTES" in chest.journal_fault()
        shutil.rmtree(tmp_path / "j")  # the next record makes it again
        assert chest.journal_fault() is None


@pytest.mark.parametrize("way", ["testing", "disabled", "memory"])
def test_an_application_that_writes_no_journal_has_none_at_fault(make_chest, tmp_path, way):
    app = Flask("shop")
    app.config["TESTING"] = way == "testing"
    settings = {
        "testing": {"testing": "memory"},
        "disabled": {"enabled": False},
        "memory": {"journal": "memory"},
    }
    chest = make_chest(**settings[way])
    chest.init_app(app)
    with app.app_context():
        assert chest.journal_fault() is None
    assert not (tmp_path / "journal").exists()
