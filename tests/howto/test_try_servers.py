"""The servers of docs/how-to/databases.md that Docker starts, without Docker."""

from __future__ import annotations

import re
import shlex
from urllib.parse import urlsplit

import pytest
import yaml
from flask import Flask
from support.docs_page import commands
from support.pages import ROOT

from flask_chest import FlaskChest

PAGE = (ROOT / "docs" / "how-to" / "databases.md").read_text("utf-8")
BLOCKS = re.findall(r"^### (\w+)\n.*?^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMPOSE = yaml.safe_load((ROOT / "examples" / "compose" / "compose.yaml").read_text("utf-8"))


def test_there_are_four_servers_to_try():
    assert [name for name, _ in BLOCKS] == ["PostgreSQL", "MariaDB", "MongoDB", "ClickHouse"]


@pytest.mark.parametrize("block", [block for _, block in BLOCKS], ids=[name for name, _ in BLOCKS])
def test_the_url_is_that_of_the_server_that_the_command_starts(block, tmp_path):
    [(command, _), (export, _)] = commands(block)
    *options, image = shlex.split(command)
    variables = dict(each.split("=") for each in options if re.match("[A-Z_]+=", each))
    [service] = [each for each in COMPOSE["services"].values() if each.get("image") == image]
    known = {name.removesuffix("_FILE") for name in service["environment"]}
    assert set(variables) <= known | {"CLICKHOUSE_PASSWORD"}

    [(name, _, url)] = [each.partition("=") for each in shlex.split(export)[1:]]
    assert name == "FLASK_CHEST_EXPORTERS"
    parts = urlsplit(url)
    assert (parts.username, parts.password, parts.path) == ("shop", "secret", "/shop")
    assert set(variables.values()) <= {"shop", "secret", "1"}
    assert f"127.0.0.1:{parts.port}:{parts.port}" in options

    app = Flask("shop", instance_path=str(tmp_path))
    FlaskChest(app, exporters=url, journal="memory").close()
