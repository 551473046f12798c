"""examples/kubernetes, of which README.md says what was run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import yaml
from support.installing import install, make_environment, run
from support.other_user import UID, needs_root, place_for_all
from support.pods import Pod
from support.processes import children
from support.waiting import until

from flask_chest import open_store

EXAMPLES = Path(__file__).parents[2] / "examples"
MANIFESTS = {path.stem: path for path in (EXAMPLES / "kubernetes").glob("*.yaml")}
WORKLOADS = ("deployment", "statefulset")
UNITS = {"Mi": 2**20, "Gi": 2**30}
SCHEMA = "1.37"


def read(name):
    return yaml.safe_load(MANIFESTS[name].read_text("utf-8"))


@pytest.fixture(params=WORKLOADS)
def pod(request):
    """Return the pod of each workload."""
    return read(request.param)["spec"]["template"]["spec"]


@pytest.fixture
def container(pod):
    [container] = pod["containers"]
    return container


@pytest.mark.slow
@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_what_the_schema_of_kubernetes_says(name, schemas, tmp_path):
    run(schemas, "--strict", "--kubernetes-version", SCHEMA, MANIFESTS[name])
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(MANIFESTS[name].read_text("utf-8") + "spek: {}\n")
    with pytest.raises(AssertionError, match="spek"):
        run(schemas, "--strict", "--kubernetes-version", SCHEMA, wrong)


@pytest.fixture(scope="module")
def schemas(tmp_path_factory):
    folder = make_environment(tmp_path_factory.mktemp("schemas") / "venv")
    install(folder, f"kubernetes-validate=={SCHEMA}.*")
    return folder / "kubernetes-validate"


def test_the_container_may_do_and_write_nothing_else(pod, container):
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    may = container["securityContext"]
    assert may["readOnlyRootFilesystem"]
    assert not may["allowPrivilegeEscalation"]
    assert may["capabilities"] == {"drop": ["ALL"]}
    writable = [each for each in container["volumeMounts"] if not each.get("readOnly")]
    assert [each["name"] for each in writable] == ["journal"]


def test_the_end_fits_into_the_grace_period(pod, container):
    stopped = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    [graceful] = re.findall(r"--graceful-timeout=(\d+)", " ".join(container["command"]))
    assert stopped + int(graceful) + 2 <= pod["terminationGracePeriodSeconds"]


def test_the_journal_is_a_folder_in_its_volume_and_below_its_size(pod, container):
    settings = environment(container)
    [mount] = [each for each in container["volumeMounts"] if each["name"] == "journal"]
    assert settings["FLASK_CHEST_JOURNAL"].startswith(f"{mount['mountPath']}/")
    sizes = [each["emptyDir"]["sizeLimit"] for each in pod["volumes"] if "emptyDir" in each]
    claims = read("statefulset")["spec"]["volumeClaimTemplates"]
    sizes = sizes or [each["spec"]["resources"]["requests"]["storage"] for each in claims]
    [size] = (int(each[:-2]) * UNITS[each[-2:]] for each in sizes)
    assert int(settings["FLASK_CHEST_JOURNAL_MAX_BYTES"]) + 16 * 2**20 < size


def test_every_secret_is_a_file_of_the_secret(pod, container):
    secret = read("secret")
    [mount] = [each for each in container["volumeMounts"] if each["name"] == "secrets"]
    [volume] = [each for each in pod["volumes"] if each["name"] == "secrets"]
    assert volume["secret"]["secretName"] == secret["metadata"]["name"]
    files = {name: path for name, path in environment(container).items() if "_FILE" in name}
    assert len(files) == 2
    for path in files.values():
        folder, _, name = path.rpartition("/")
        assert folder == mount["mountPath"]
        assert name in secret["stringData"]
    assert not [name for name in environment(container) if name.endswith(("PASSWORD", "TOKEN"))]


def test_the_service_finds_the_pods(container):
    service = read("service")["spec"]
    for name in WORKLOADS:
        spec = read(name)["spec"]
        assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
        assert service["selector"] == spec["template"]["metadata"]["labels"]
    assert service["ports"][0]["targetPort"] in [port["name"] for port in container["ports"]]


def environment(container):
    return {each["name"]: each["value"] for each in container["env"]}


@pytest.mark.slow
@needs_root
def test_it_runs_on_a_read_only_root_answers_its_probes_and_delivers_at_its_end(postgres, port):
    [shop] = read("deployment")["spec"]["template"]["spec"]["containers"]
    grace = read("deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    with place_for_all() as place:
        (place / "app").mkdir(mode=0o755)
        shutil.copy(EXAMPLES / "compose" / "app.py", place / "app")
        (place / "journal").mkdir()
        settings = real_settings(environment(shop), postgres, place)
        with psycopg.connect(postgres) as connection:
            connection.execute("CREATE SCHEMA chest")
        words = [word.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for word in shop["command"]]
        with Pod(empty_dir=place / "journal", empty_dir_bytes=2**24) as pod:
            given = [f"{name}={value}" for name, value in settings.items()]
            nowhere = ("--unset=HOME", "--unset=XDG_RUNTIME_DIR")  # as a user without an entry
            command = ("env", *nowhere, *given, sys.executable, "-m", *words)
            with (place / "log").open("wb") as log:
                process = subprocess.Popen(pod.command(*command), cwd=place / "app", stderr=log)
            try:
                use(f"http://127.0.0.1:{port}", shop, process)
                began = time.monotonic()
                os.kill(children(process.pid)[0], signal.SIGTERM)
                assert process.wait(90) == 0
                assert time.monotonic() - began < grace
                assert "ERROR" not in (place / "log").read_text()
            finally:
                process.kill()
                process.wait()
    with closing(open_store(f"{postgres}?table_schema=chest")) as store:
        [record] = store.records()
    assert record.variables == {"app.release": "1.0.0", "tenant": "acme", "total_cents": 700}
    assert record.service == "shop"


def real_settings(settings, postgres, place):
    """Return the settings for a database and a folder of the test."""
    server = urlsplit(postgres)
    settings["FLASK_CHEST_EXPORTERS__MAIN__HOST"] = server.hostname
    settings["FLASK_CHEST_EXPORTERS__MAIN__PORT"] = str(server.port)
    settings["FLASK_CHEST_EXPORTERS__MAIN__DATABASE"] = server.path.lstrip("/")
    settings["FLASK_CHEST_EXPORTERS__MAIN__USER"] = server.username
    settings["FLASK_CHEST_EXPORT_INTERVAL_SECONDS"] = "3600"  # the end delivers
    secrets = {"db-password": server.password or "none", "monitor-token": "a-token-of-the-monitor"}
    for name, text in secrets.items():
        (place / name).write_text(text)
        os.chown(place / name, UID, UID)
        (place / name).chmod(0o440)
    places = {"/run/secrets/shop": str(place), "/var/lib/journal": str(place / "journal")}
    for shown, real in places.items():
        settings = {name: value.replace(shown, real) for name, value in settings.items()}
    return settings


def use(url, container, process):
    """Ask both probes, and for one order."""

    def ready():
        assert process.poll() is None
        try:
            return httpx.get(url + container["readinessProbe"]["httpGet"]["path"], timeout=60)
        except httpx.TransportError:
            return None

    assert until(ready).status_code == 200
    live = httpx.get(url + container["livenessProbe"]["httpGet"]["path"], timeout=60)
    assert live.status_code == 200
    assert httpx.get(f"{url}/orders/7", timeout=60).json() == {"order": 7}
    token = {"Authorization": "Bearer a-token-of-the-monitor"}
    assert (
        "chest_records_total" in httpx.get(f"{url}/chest/metrics", headers=token, timeout=60).text
    )
