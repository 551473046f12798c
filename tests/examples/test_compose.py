"""examples/compose, of which README.md says what was run."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

EXAMPLE = Path(__file__).parents[2] / "examples" / "compose"
CHECKER = Path(importlib.util.find_spec("check_jsonschema").origin)
FILES = CHECKER.parent / "builtin_schemas" / "vendor"
TOKEN = "a-token-of-the-monitor"
SERVERS = {"postgres": "postgres", "mariadb": "mysql", "mongo": "mongo", "clickhouse": "clickhouse"}
"""Each service with a database, and the fixture that takes its place."""


def read(name):
    return yaml.safe_load((EXAMPLE / name).read_text("utf-8"))


@pytest.fixture(scope="module")
def compose():
    return read("compose.yaml")


@pytest.mark.slow
def test_it_is_what_the_specification_of_compose_says(compose):
    import jsonschema  # noqa: PLC0415 - takes 1.5 s, which each process of the tests would spend

    schema = json.loads((FILES / "compose-spec.json").read_text("utf-8"))
    jsonschema.validate(compose, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**compose, "servces": {}}, schema)


def test_all_that_is_mounted_or_built_is_there(compose):
    app = compose["services"]["app"]["build"]
    context = EXAMPLE / app["context"]
    dockerfile = (context / app["dockerfile"]).read_text("utf-8")
    for name in re.findall(r"plugins/\w+|examples/\S+\.py", dockerfile):
        assert (context / name).exists(), name
    ignored = (EXAMPLE / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    for line in ignored[1:]:
        assert (context / line.removeprefix("!")).exists(), line
    for service in compose["services"].values():
        assert set(service.get("secrets", ())) <= set(compose["secrets"])
        for volume in service.get("volumes", ()):
            place = volume.partition(":")[0]
            assert place in compose["volumes"] or (EXAMPLE / place).is_file(), volume


def test_every_plugin_with_a_store_is_installed(compose):
    dockerfile = (EXAMPLE / "Dockerfile").read_text("utf-8")
    for name in ("sqlite", "postgres", "mysql", "mongo", "clickhouse", "parquet", "monitor"):
        assert f"plugins/flask_chest_{name}" in dockerfile


def test_grafana_and_prometheus_find_what_they_show(compose):
    services = compose["services"]
    grafana = mounts(services["grafana"])
    [provider] = read("grafana/dashboards.yaml")["providers"]
    [dashboard] = [to for to in grafana if to.startswith(provider["options"]["path"] + "/")]
    shown = json.loads((EXAMPLE / grafana[dashboard]).read_text("utf-8"))
    [source] = read("grafana/datasources.yaml")["datasources"]
    kinds = {each["query"] for each in shown["templating"]["list"] if each["type"] == "datasource"}
    assert kinds == {source["type"]}
    assert urlsplit(source["url"]).hostname in services
    prometheus = read("prometheus.yml")
    assert set(prometheus["rule_files"]) <= set(mounts(services["prometheus"]))
    [scraped] = prometheus["scrape_configs"]
    [target] = scraped["static_configs"][0]["targets"]
    assert target.partition(":")[0] in services
    assert secret(scraped["authorization"]["credentials_file"]) in services["prometheus"]["secrets"]
    expressions = re.findall(r"\bchest_\w+", json.dumps(shown))
    assert "chest_records_total" in expressions


def mounts(service):
    """Return what is mounted from the folder of the example, by its place in the container."""
    pairs = (volume.split(":") for volume in service["volumes"] if volume.startswith("."))
    return {place: source for source, place, _ in pairs}


def secret(path):
    return path.removeprefix("/run/secrets/")


@pytest.mark.slow
def test_a_record_arrives_in_every_database(compose, example, port, tmp_path, request):
    shop = example("compose")
    settings = dict(compose["services"]["app"]["environment"])
    (tmp_path / "monitor_token").write_text(TOKEN)
    (tmp_path / "chest" / "lake").mkdir(parents=True)
    urls = {name: request.getfixturevalue(fixture) for name, fixture in SERVERS.items()}
    for name, url in urls.items():
        point_at(settings, name, url, tmp_path)
    chest = str(tmp_path / "chest")
    settings = {
        name: value.replace("/run/secrets", str(tmp_path)).replace("/var/lib/chest", chest)
        for name, value in settings.items()
    }
    urls["sqlite"] = settings["FLASK_CHEST_EXPORTERS__sqlite__URL"]
    urls["lake"] = settings["FLASK_CHEST_EXPORTERS__lake__URL"]
    [command] = re.findall(r"^CMD (\[.*\])$", (EXAMPLE / "Dockerfile").read_text(), re.MULTILINE)
    words = [word.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for word in json.loads(command)]
    client, gunicorn = shop.serve(*words, port=port, **settings)
    with client:
        assert client.get("/orders/7").json() == {"order": 7}
        assert client.get("/chest/ready").status_code == 200
        assert client.get("/chest/metrics").status_code in (401, 403, 404)
        metrics = client.get("/chest/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert metrics.status_code == 200
        assert 'chest_export_records_total{exporter="clickhouse"}' in metrics.text
    gunicorn.terminate()
    assert gunicorn.wait(90) == 0
    assert "postgres: 0 delivered, 0 bytes" in shop.flask("chest", "flush", **settings)
    for name, url in urls.items():
        [record] = shop.records(1, url)
        assert (record.service, record.route) == ("shop", "/orders/<int:number>")
        assert record.variables == {"tenant": "acme", "total_cents": 700}, name


def point_at(settings, name, url, folder):
    """Let the exporter of a service deliver to another server of its kind."""
    begin = f"FLASK_CHEST_EXPORTERS__{name}__"
    assert settings[f"{begin}HOST"] == name
    there = urlsplit(url)
    fields = {
        "HOST": there.hostname,
        "PORT": there.port,
        "DATABASE": there.path.lstrip("/"),
        "USER": there.username,
    }
    password = folder / f"{name}_password"
    password.write_text(there.password or "")
    fields["PASSWORD_FILE"] = str(password) if there.password else None
    if there.username is None:
        fields["AUTH_SOURCE"] = None  # which goes with a user
    for field, value in fields.items():
        settings.pop(f"{begin}{field}", None)
        if value is not None:
            settings[f"{begin}{field}"] = str(value)
