"""Secrets are masked in the values that messages show."""

from __future__ import annotations

import traceback
from types import SimpleNamespace

import pytest
from flask import Flask
from pydantic import BaseModel, field_validator
from support.settings import load_settings

from flask_chest import Exporter, FlaskChest, hookimpl
from flask_chest.errors import ConfigurationError, mask_secrets
from flask_chest.settings.masking import mask, mask_urls


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("postgresql://shop:hunter2@db/shop", "hunter2"),
        ({"main": "mysql://u:hunter2@db"}, "hunter2"),
        ({"type": "postgres", "password": "hunter2"}, "hunter2"),
        ({"type": "postgres", "password": ["hunter2"]}, "hunter2"),
        ({"password": 20020}, "20020"),
        ({"API_TOKEN": "hunter2", "url": "x"}, "hunter2"),
        ("postgresql://shop:a/hunter2@b@db/shop", "hunter2"),
        ("postgres:/shop:hunter2@db/shop", "hunter2"),
        ("mysql://db/shop?ssl_key_password=hunter2&x=1", "hunter2"),
        ({"main": {"parameters": {"sslpassword": "hunter2"}}}, "hunter2"),
        ('{"main": {"type": "mysql", "password": "hunter2"', "hunter2"),
        (b"postgresql://shop:hunter2@db/shop", "hunter2"),
        ("postgresql://shop:a@hunter2@db/shop", "hunter2"),
        ("postgresql://shop:a?hunter2@db/shop", "hunter2"),
        ("postgresql://shop:a#hunter2@db/shop", "hunter2"),
        ("postgresql://shop:a hunter2@db/shop", "hunter2"),
        ("postgresql://shop:hunter2", "hunter2"),
        ("https://hunter2@hooks.example/x", "hunter2"),
        ("mysql://db/shop?pasword=hunter2", "hunter2"),
        ("mysql://db/shop?x=1&pasword=a=hunter2", "hunter2"),
        ("mysql://db/shop?x=1&pasword=a&hunter2", "hunter2"),
        ("mysql://db/shop#hunter2", "hunter2"),
        ("host=db pasword=hunter2", "hunter2"),
        ("host=db pasword='a hunter2'", "hunter2"),
        ({"type": "mysql", "pasword": "hunter2"}, "hunter2"),
        ({"main": {"type": "mysql", "passwrd": "hunter2"}}, "hunter2"),
        ({"type": "mysql", "pasword": 20020}, "20020"),
        ('{"main": {"type": "mysql", "pasword": "hunter2"', "hunter2"),
        ('{"main": {"type": "mysql", "pasword": "a\\"hunter2"}}', "hunter2"),
        ('{"main": {"type": "mysql", "pasword": 20020}}', "20020"),
        ('{"main": "mysql://u:hunter2@db/', "hunter2"),
        ("mysql://db/shop?password=a@hunter2", "hunter2"),
        ("mysql://u@db/shop?pasword=a@hunter2", "hunter2"),
        ("mysql://u:p?@db/shop#a@hunter2", "hunter2"),
    ],
)
def test_secrets_are_masked_in_messages(value, hidden):
    assert hidden not in mask(value)
    assert "***" in mask(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("sqlite:////var/lib/shop/chest.sqlite3", "'sqlite:////var/lib/shop/chest.sqlite3'"),
        ("postgresql://shop:pw@db:5432/shop", "'postgresql://shop:***@db:5432/shop'"),
        ("postgresql://db:5432/shop?sslmode=on", "'postgresql://db:5432/shop?***'"),
        ("mysql://[::1]:3306/shop", "'mysql://[::1]:3306/shop'"),
        ("zanzibar", "'zanzibar'"),
    ],
)
def test_what_helps_is_shown(value, shown):
    assert mask(value) == shown


def test_the_passwords_of_urls_in_a_text_are_masked():
    text = "no answer from https://u:p@ss/w@h/x and mongodb://a:b@c; see me@example.com"
    assert mask_urls(text) == (
        "no answer from https://***@h/x and mongodb://***@c; see me@example.com"
    )


@pytest.mark.parametrize(
    "url", ["mysql://db/shop?password=a@hunter2", "x://u:p@a?b@hunter2@db/shop", "x://u:#@hunter2"]
)
def test_a_part_of_a_password_after_the_at_sign_is_masked_in_a_text(url):
    assert (
        mask_urls(f"no answer from {url} now") == f"no answer from {url[: url.index('/')]}//*** now"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "cannot reach postgresql://chest:hunter2@db.example:5432/chest",
            "cannot reach postgresql://***@db.example:5432/chest",
        ),
        ("mysql://u:p@ss/w@db/x failed", "mysql://***@db/x failed"),
        ("host=db password=a,b user=u", "host=db password=*** user=u"),
        ("PWD = 'a b'; host=db", "PWD = ***; host=db"),
        ('{"password": "x\'y", "host": "db"}', '{"password": ***, "host": "db"}'),
        ("POST https://in.example/x?token=hunter2", "POST https://in.example/x?token=***"),
        ("Unexpected token: ','", "Unexpected token: ','"),
        ("no password was given", "no password was given"),
        ("No record has token == 'x'", "No record has token == 'x'"),
        ("host=db password==a user=u", "host=db password=*** user=u"),
        ("see https://docs.example/x", "see https://docs.example/x"),
    ],
)
def test_what_may_be_a_password_is_masked(text, shown):
    assert mask_secrets(text) == shown


# -- Where a password could come out ---------------------------------------------------------

ENTRIES = [
    "mysql://shop:hunter2@db/shop",
    {"type": "third", "password": "hunter2"},
    {"type": "third", "url": "https://shop:hunter2@db/shop"},
    {"type": "third", "url": "https://db", "headers": {"X-Api": "hunter2"}},
    {"type": "mysql", "host": "db", "user": "u", "database": "d", "password": "hunter2"},
]


class ThirdConfig(BaseModel, extra="forbid"):
    """What somebody else wrote, who has not heard of `SecretStr`."""

    url: str = "https://db"
    password: str = ""
    headers: dict[str, str] = {}

    @field_validator("url")
    @classmethod
    def _check(cls, url):
        if "bad" in url:
            raise ValueError(f"cannot use {url}")
        return url


class Third(Exporter):
    type = "third"
    config_model = ThirdConfig

    def open(self):
        pass

    def export(self, batch):
        pass

    def close(self):
        pass


@pytest.fixture
def start(tmp_path):
    """Return a function that starts an application with an exporter, and one of a third party."""
    started = []

    def start(entry):
        app = Flask("shop", instance_path=str(tmp_path / "instance"))
        chest = FlaskChest(exporters={"main": entry}, journal="memory")
        chest.register_plugin(SimpleNamespace(chest_exporters=hookimpl(lambda: [Third])), "third")
        chest.init_app(app)
        started.append(chest)
        return app

    yield start
    for chest in started:
        chest.close()


PASSWORDS = [
    "hunter2@s3",
    "@hunter2",
    "hunter2/s3",
    "1/hunter2",
    "a?hunter2",
    "1?hunter2",
    "1?hunter2=x",
    "a#hunter2",
    "1#hunter2",
    "a hunter2",
    "a\thunter2",
    "a/b?c#d@hunter2",
]
_TYPES = {
    "mysql": "mysql",
    "postgresql": "postgres",
    "mongodb": "mongo",
    "mongodb+srv": "mongo",
    "third": "third",
}


@pytest.mark.parametrize(
    ("scheme", "password"),
    [
        (scheme, password)
        for scheme in _TYPES
        for password in PASSWORDS
        # The port 1, and an @ in the path or the query: a URL that a web server may have.
        if scheme != "third" or not password.startswith("1")
    ],
)
@pytest.mark.parametrize("user", ["shop", "shop@corp"])
@pytest.mark.parametrize("is_dict", [False, True])
def test_a_password_with_an_unencoded_character_is_refused_at_the_start(
    start, scheme, password, user, is_dict
):
    url = f"{scheme}://{user}:{password}@db.example/shop"
    with pytest.raises(ConfigurationError) as caught:
        start(url if not is_dict else {"type": _TYPES[scheme], "url": url})
    message = str(caught.value)
    assert message.startswith("CHEST_EXPORTERS['main']")
    assert "percent-encode it (urllib.parse.quote(password, safe=''))" in message
    assert "hunter2" not in message
    assert "s3" not in message


@pytest.mark.parametrize("kind", ["mysql", "postgres", "mongo"])
@pytest.mark.parametrize(
    "host", ["u:hunter2@db", "mysql://u:hunter2@db", "db,u:a/hunter2@db", "a hunter2@db"]
)
def test_a_host_that_may_hold_a_password_is_refused(start, kind, host):
    with pytest.raises(ConfigurationError, match="is no host name") as caught:
        start({"type": kind, "host": host, "user": "u", "database": "d"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://one:1,[::1]:2/shop?user=me@corp&password=p",
        "postgresql:///shop?host=/run/pg&user=me@corp",
        "mysql://u:a%40b%2Fc%23%3F%20@[::1]:3306/d",
        "third://hooks.example:8443/@shop?to=me@example.com",
        "third://token@hooks.example/@shop",
    ],
)
def test_a_url_whose_host_cannot_be_a_password_is_accepted(start, url):
    start(url)


@pytest.mark.parametrize("entry", ENTRIES)
def test_no_repr_shows_a_password(start, entry):
    settings = load_settings({"exporters": {"main": entry}}, {})
    state = start(entry).extensions["flask_chest"]
    for shown in (settings, settings.exporters, state.options, state.exporters["main"].config):
        assert "hunter2" not in f"{shown!r} {shown!s}"
    assert settings.exporters == {"main": entry}


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "third", "pasword": "hunter2"},
        {"type": "third", "password": ["hunter2"]},
        {"type": "third", "url": "https://shop:hunter2@bad/"},
        {"type": "third", "url": "https://bad/hunter2"},
        {"typ": "third", "passwrd": "hunter2"},
        {"type": "mysql", "pasword": "hunter2", "user": "u", "database": "d"},
        {"type": "postgres", "parameters": {"sslpasword": "hunter2"}},
        {"type": "mongo", "database": "d", "pasword": "hunter2"},
        "mysql://shop:x@db/d?pasword=hunter2",
        "postgresql://shop:x@db/d?pasword=hunter2",
        "mongodb://shop:x@db/d?pasword=hunter2",
        "sqlite:////tmp/x?pasword=hunter2",
        "mysql://db/d?password=a&hunter2",
        "postgresql://db/d?password=a&hunter2",
        "mongodb://db/d?password=a&hunter2",
        "sqlite://hunter2/x@db/d",
    ],
)
def test_no_error_about_an_exporter_shows_a_value_that_may_be_a_password(start, entry):
    with pytest.raises(ConfigurationError) as caught:
        start(entry)
    assert "CHEST_EXPORTERS" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    ours = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    for frame in ours.stack:
        if "flask_chest/settings/exporters" in frame.filename:
            assert "hunter2" not in str(frame.locals)
