"""The files of docs/how-to/alerts.md, with a real Prometheus."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import httpx
from support.needed_programs import needs_program
from support.pages import files_of
from support.waiting import until

PAGE = "docs/how-to/alerts.md"
TOKEN = "0123456789abcdef"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def answers(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@needs_program("prometheus", "prometheus")
def test_prometheus_scrapes_and_has_an_alert_for_a_database_that_is_away(tmp_path):
    files = files_of(PAGE)
    shop, prometheus = free_port(), free_port()
    (tmp_path / "shop.py").write_text(files["shop.py"])
    (tmp_path / "token").write_text(TOKEN)
    config = (
        files["prometheus.yml"].replace("15s", "1s").replace("shop-1:8000", f"127.0.0.1:{shop}")
    )
    config = config.replace("global:", "global:\n  evaluation_interval: 1s")
    (tmp_path / "prometheus.yml").write_text(config)
    rules = subprocess.run(
        [sys.executable, "-m", "flask_chest_monitor", "alerts"], capture_output=True, check=True
    )
    (tmp_path / "flask-chest.yml").write_bytes(rules.stdout)
    subprocess.run(["promtool", "check", "config", "prometheus.yml"], cwd=tmp_path, check=True)
    environment = {
        **os.environ,
        "FLASK_CHEST_MONITOR_TOKEN": TOKEN,
        "FLASK_CHEST_EXPORTERS": f"postgresql://shop:x@127.0.0.1:{free_port()}/nowhere",
        "FLASK_CHEST_EXPORT_INTERVAL_SECONDS": "0.5",
    }
    quiet = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    serving = [sys.executable, "-m", "flask", "--app", "shop", "run", "--port", str(shop)]
    scraping = [
        *("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"),
        f"--web.listen-address=127.0.0.1:{prometheus}",
    ]
    with (
        subprocess.Popen(serving, env=environment, **quiet) as application,
        subprocess.Popen(scraping, **quiet) as server,
    ):
        try:
            until(lambda: answers(shop) and answers(prometheus))
            assert httpx.get(f"http://127.0.0.1:{shop}/").text == "hello"
            assert httpx.get(f"http://127.0.0.1:{shop}/chest/metrics").status_code >= 400

            def asked(expression):
                address = f"http://127.0.0.1:{prometheus}/api/v1/query"
                found = httpx.get(address, params={"query": expression}).json()
                return [each["value"][1] for each in found["data"]["result"]]

            until(lambda: asked("chest_records_total") == ["1"])
            until(lambda: asked("chest_export_failing == 1"))

            def alerts():
                found = httpx.get(f"http://127.0.0.1:{prometheus}/api/v1/alerts").json()
                return {each["labels"]["alertname"] for each in found["data"]["alerts"]}

            until(lambda: "ChestExportFailing" in alerts())
            assert "ChestCannotRecord" not in alerts()
        finally:
            application.terminate()
            server.terminate()
