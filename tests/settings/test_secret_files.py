"""A secret may be in a file, as Docker and Kubernetes mount it."""

from __future__ import annotations

import os
import traceback

import pytest
from flask_chest_otlp import OtlpExporter
from flask_chest_postgres import PostgresStore
from flask_chest_sqlite import SqliteStore
from pydantic import BaseModel, Field, SecretStr
from support.other_user import UID, as_other_user, needs_root, place_for_all
from support.settings import load_settings

from flask_chest.errors import ConfigurationError
from flask_chest.settings.exporters import make_exporters
from flask_chest.settings.load import Given
from flask_chest.settings.secret_files import MAX_BYTES

INSTALLED = {"postgres": PostgresStore, "sqlite": SqliteStore, "otlp": OtlpExporter}


@pytest.fixture
def secret(tmp_path):
    """Return a function that writes a file, and returns its path."""

    def write(content):
        path = tmp_path / "secret"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def of_postgres(path, **fields):
    entry = {"type": "postgres", "host": "db", "password_file": path, **fields}
    return make_exporters({"main": entry}, INSTALLED, "/instance")["main"].config


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("hunter2", "hunter2"),
        ("hunter2\n", "hunter2"),
        ("hunter2\r\n", "hunter2"),
        ("hunter2\n\n", "hunter2\n"),
        (" hunter2 \n", " hunter2 "),
        ("0123", "0123"),
        ('"a"', '"a"'),
        ("[1]", "[1]"),
        ("pässwörd\n", "pässwörd"),
        ("\ufeffhunter2\n", "hunter2"),
        ("x" * (MAX_BYTES - 1) + "\n", "x" * (MAX_BYTES - 1)),
    ],
)
def test_the_text_of_a_file_is_the_secret_without_one_line_end(secret, content, expected):
    path = secret(content)
    assert of_postgres(path).password.get_secret_value() == expected
    found = load_settings({}, {"CHEST_REDACT_KEY_FILE": path}).redact_key
    assert found.get_secret_value() == expected


def test_a_path_may_be_any_that_python_opens(secret, tmp_path, monkeypatch):
    path = secret("hunter2")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(path)
    for each in ("~/secret", "./secret", "secret", tmp_path / "link"):
        assert of_postgres(each).password.get_secret_value() == "hunter2"
    entry = {"type": "postgres", "password_file": "<instance>/secret"}
    made = make_exporters({"main": entry}, INSTALLED, str(tmp_path))["main"]
    assert made.config.password.get_secret_value() == "hunter2"


def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


FAULTS = [
    (lambda folder: folder / "missing", "the file does not exist. Mount the secret"),
    (lambda folder: folder, "is a directory. Name the file in it"),
    (pipe, "is no regular file"),
    (lambda folder: written(folder, b""), "the file is empty"),
    (lambda folder: written(folder, b"\n"), "the file is empty"),
    (lambda folder: written(folder, b"hunter2" * 10_000), "more than 65536 bytes"),
    (lambda folder: written(folder, b"hunter2\xff"), "is not UTF-8"),
    (lambda folder: "hunter2", "_FILE"),
    (lambda folder: 7, "is no path of a file"),
    (lambda folder: "/a\0hunter", "null byte"),
]


def written(folder, content):
    (folder / "secret").write_bytes(content)
    return folder / "secret"


@pytest.mark.parametrize(("path", "message"), FAULTS)
def test_a_file_that_holds_no_secret_is_refused_without_its_content(tmp_path, path, message):
    path = path(tmp_path)
    for read in (of_postgres, lambda path: load_settings({}, {"CHEST_REDACT_KEY_FILE": path})):
        with pytest.raises(ConfigurationError) as caught:
            read(path)
        told = str(caught.value)
        assert message in told
        assert "CHEST_EXPORTERS['main']['password_file']=" in told or "KEY_FILE=" in told
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@needs_root
def test_a_file_of_another_user_is_refused():
    with place_for_all() as folder:
        path = folder / "secret"
        path.write_text("hunter2")
        path.chmod(0o600)

        def attempt():
            with pytest.raises(ConfigurationError) as caught:
                of_postgres(path)
            return caught.value

        told = as_other_user(attempt)
        assert f"the file cannot be read by the user {UID}. Change its owner or its mode" in told


def test_a_secret_that_is_given_twice_is_refused(secret, monkeypatch):
    path = secret("hunter2")
    with pytest.raises(ConfigurationError, match=r"\['password_file'\] and .*\['password'\] set t"):
        of_postgres(path, password="x")
    monkeypatch.setenv("FLASK_CHEST_REDACT_KEY_FILE", path)
    with pytest.raises(ConfigurationError, match="FLASK_CHEST_REDACT_KEY_FILE and CHEST_REDACT_KE"):
        load_settings({}, {"CHEST_REDACT_KEY": "x"})


def test_the_environment_names_files(secret, monkeypatch):
    path = secret("hunter2\n")
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS__MAIN__PASSWORD_FILE", path)
    exporters = load_settings({}, {"CHEST_EXPORTERS": "postgresql://shop@db/x"}).exporters
    config = make_exporters(exporters, INSTALLED, "")["main"].config
    assert config.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr((exporters, config))
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS__MAIN__PASSWORD_FILE", "/no/such")
    exporters = load_settings({}, {"CHEST_EXPORTERS": "postgresql://shop@db/x"}).exporters
    with pytest.raises(
        ConfigurationError, match=r"^FLASK_CHEST_EXPORTERS__MAIN__PASSWORD_FILE='/no"
    ):
        make_exporters(exporters, INSTALLED, "")


def test_a_file_may_hold_a_url_or_all_exporters(secret, monkeypatch):
    url = "postgresql://shop:hunter2@db/x"
    made = make_exporters({"main": {"url_file": secret(f"{url}\n")}}, INSTALLED, "")["main"]
    assert made.config.password.get_secret_value() == "hunter2"
    for content in (url, f'{{"main": "{url}"}}'):
        monkeypatch.setenv("FLASK_CHEST_EXPORTERS_FILE", secret(content))
        assert load_settings({}, {}).exporters == {"main": url}
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS__COPY", "sqlite:////b")
    assert load_settings({}, {}).exporters == {"main": url, "copy": "sqlite:////b"}
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS_FILE", secret("hunter2"))
    with pytest.raises(ConfigurationError, match=r"EXPORTERS_FILE: .* neither a URL nor JSON$"):
        load_settings({}, {})
    with pytest.raises(ConfigurationError, match=r"\['url_file'\]='/.*': .* is no URL$"):
        make_exporters({"main": {"url_file": secret("hunter2")}}, INSTALLED, "")


def test_a_field_that_is_a_dict_is_json_in_its_file(secret):
    entry = {
        "type": "otlp",
        "url": "https://c:4318",
        "headers_file": secret('{"X-Key": "hunter2"}'),
    }
    made = make_exporters({"main": entry}, INSTALLED, "")["main"]
    assert made.config.headers["X-Key"].get_secret_value() == "hunter2"
    with pytest.raises(ConfigurationError, match="the content of the file is not JSON") as caught:
        make_exporters({"main": {**entry, "headers_file": secret("hunter2")}}, INSTALLED, "")
    assert "hunter2" not in str(caught.value)


def test_a_wrong_value_in_a_file_is_named_by_its_path(secret):
    path = secret("hunter2")
    for entry in ({"port_file": path}, {"host": "x/", "password_file": path}):
        with pytest.raises(ConfigurationError) as caught:
            make_exporters({"main": {"type": "postgres", **entry}}, INSTALLED, "")
        assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"no such field\. Did you mean 'password_file'\?"):
        make_exporters({"main": {"type": "postgres", "pasword_file": path}}, INSTALLED, "")


def test_only_secrets_of_the_settings_are_read_from_files(secret):
    class PluginSettings(BaseModel):
        topic_word: SecretStr | None = Field(None, min_length=16, description="A word")
        topic_file: str = Field("none", description="A file")

    config = {"CHEST_TOPIC_WORD_FILE": secret("hunter2hunter2hunter2"), "CHEST_TOPIC_FILE": "/x"}
    found = Given({}, config).of_plugins({"topic": PluginSettings})["topic"]
    assert found.topic_word.get_secret_value() == "hunter2hunter2hunter2"
    assert found.topic_file == "/x"
    with pytest.raises(
        ConfigurationError, match=r"CHEST_TOPIC_WORD_FILE='/.*': .* number of characters is 16"
    ) as caught:
        Given({}, {"CHEST_TOPIC_WORD_FILE": secret("hunter2")}).of_plugins(
            {"topic": PluginSettings}
        )
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="CHEST_SERVICE_FILE is not a setting"):
        load_settings({}, {"CHEST_SERVICE_FILE": secret("shop")})
