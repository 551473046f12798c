"""Applications that deliver to a collector: nothing is lost, and IDs tell what is double."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
from flask import Flask, abort, g
from support.otlp_receiver import answer
from support.waiting import until

from flask_chest import FlaskChest

PROGRAM = """
import sys
from flask import Flask, g
from flask_chest import FlaskChest

app = Flask("shop")
chest = FlaskChest(app, exporters=sys.argv[1], journal=sys.argv[2], export_interval_seconds=0.1)

@app.get("/orders/<int:number>")
@chest.track
def order(number):
    g.number = number
    return ""

for number in range(50):
    app.test_client().get(f"/orders/{number}")
print("served", flush=True)
"""


@pytest.fixture
def shop(receiver, tmp_path):
    """Return an application, and its FlaskChest, that delivers when it is told to."""
    app = Flask("shop")
    chest = FlaskChest(
        app,
        exporters={"otel": {"type": "otlp", "url": receiver.url}},
        journal=str(tmp_path / "journal"),
        shutdown_seconds=0,
        export_interval_seconds=60.0,
        retry_seconds=0.05,
        retry_max_seconds=0.1,
    )

    @app.get("/orders/<int:number>")
    @chest.track
    def order(number):
        g.number = number
        if number == 13:
            abort(404)
        return ""

    yield app, chest
    chest.close()


def serve(app, numbers):
    for number in numbers:
        app.test_client().get(f"/orders/{number}")


def test_every_request_arrives_with_its_variables(shop, receiver):
    app, chest = shop
    serve(app, range(20))
    assert chest.flush()
    found = {record.attributes["number"]: record for record in receiver.records()}
    assert sorted(found) == list(range(20))
    assert found[13].log.severity_text == "WARN"
    assert found[7].attributes["url.path"] == "/orders/7"
    assert found[7].attributes["http.route"] == "/orders/<int:number>"
    assert found[7].resource["process.pid"] == os.getpid()


def test_a_record_that_the_collector_refuses_is_dead_lettered_alone(shop, receiver):
    app, chest = shop
    receiver.refuses = lambda log: any(
        each.key == "number" and each.value.int_value == 7 for each in log.attributes
    )
    serve(app, range(20))
    assert chest.flush()
    numbers = [record.attributes["number"] for record in receiver.records()]
    assert sorted(numbers) == [n for n in range(20) if n != 7]
    stats = chest.stats().exporters["otel"]
    assert (stats.rejected, stats.dead_letters) == (1, 1)
    assert "bad data" in stats.last_rejection
    receiver.refuses = None
    assert chest.retry_dead_letters("otel").delivered == 1
    assert len(receiver.ids()) == 20


def test_a_batch_that_is_too_large_for_the_collector_arrives_in_parts(shop, receiver):
    app, chest = shop
    receiver.max_bytes = 5_000
    serve(app, range(40))
    assert chest.flush()
    assert len(receiver.ids()) == 40
    assert max(len(request.body) for request in receiver.data()) > 5_000
    assert chest.stats().exporters["otel"].rejected == 0


def test_a_wrong_token_loses_nothing(shop, receiver):
    app, chest = shop
    receiver.token = "Bearer other"
    serve(app, range(5))
    assert not chest.flush(timeout=1)
    assert receiver.data() == []
    assert (
        "401 Unauthorized: who are you?. Check `token`"
        in chest.stats().exporters["otel"].last_error
    )
    receiver.token = None
    until(chest.flush)
    assert len(receiver.ids()) == 5


def test_a_collector_that_is_throttled_is_left_alone_and_gets_all_in_the_end(shop, receiver):
    app, chest = shop
    receiver.script += [answer(429, "slow down", after=1)]
    serve(app, range(10))
    assert not chest.flush(timeout=0.3)
    [refused] = receiver.data()
    assert "asked for a pause of 1 s" in chest.stats().exporters["otel"].last_error
    until(chest.flush)
    later = receiver.requests[receiver.requests.index(refused) + 1 :]
    assert min(request.at for request in later) - refused.at >= 1.0
    assert len(receiver.records()) == len(receiver.ids()) == 10


def test_check_asks_the_collector_with_an_empty_request(shop, receiver):
    app, _ = shop
    done = app.test_cli_runner().invoke(args=["chest", "check"])
    assert f"otel: collector: {receiver.url} accepts requests" in done.output
    assert done.exit_code == 0
    receiver.to_empty = answer(404)
    done = app.test_cli_runner().invoke(args=["chest", "check"])
    assert "Check the path in `url`" in done.output
    assert done.exit_code == 1
    assert receiver.data() == []


def test_after_a_kill_while_the_answer_is_awaited_nothing_is_lost_and_ids_tell_doubles(
    receiver, tmp_path, warm_python
):
    release = threading.Event()
    receiver.script += [answer(200, body=b"", wait=release)]
    url = receiver.url.replace("http", "otlp+http")
    journal = str(tmp_path / "journal")
    program = tmp_path / "shop.py"
    program.write_text(PROGRAM + "import time; time.sleep(60)\n")
    with subprocess.Popen(
        [sys.executable, program, url, journal], stdout=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdout.readline() == b"served\n"
        receiver.wait_for(receiver.data)  # it has taken a batch, and does not answer
        process.send_signal(signal.SIGKILL)
    release.set()
    program.write_text(PROGRAM.replace("range(50)", "range(50, 60)") + "assert chest.flush()\n")
    done = warm_python.run([str(program), url, journal], cwd=tmp_path, timeout=60)
    assert (done.stdout, done.stderr) == ("served\n", "")
    assert len(receiver.records()) > 60
    assert len(receiver.ids()) == 60
    numbers = {record.attributes["number"] for record in receiver.records()}
    assert numbers == set(range(60))
