"""The handler of docs/how-to/aws-lambda.md, in a process that is frozen after each answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from support.pages import write_files
from support.waiting import until

RUNTIME = """
import json, sys
import shop

for line in sys.stdin:
    print(json.dumps(shop.handler(json.loads(line), None)), flush=True)
"""


class Function:
    """A process of Lambda: one event at a time, and frozen in between."""

    def __init__(self, folder, url):
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNTIME],
            cwd=write_files("docs/how-to/aws-lambda.md", folder),
            env={**os.environ, "FLASK_CHEST_EXPORTERS": url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.freeze()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)
        state = Path(f"/proc/{self.process.pid}/stat")
        until(lambda: state.read_text().rpartition(")")[2].split()[0] == "T")

    def invoke(self, path):
        http = {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7"}
        headers = {"host": "shop.example", "x-forwarded-port": "443", "x-forwarded-proto": "https"}
        event = {"version": "2.0", "rawPath": path, "rawQueryString": "", "headers": headers}
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(json.dumps({**event, "requestContext": {"http": http}}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.freeze()
        return answer


@pytest.fixture
def function(postgres, tmp_path):
    function = Function(tmp_path, postgres)
    yield function
    function.process.kill()
    function.process.communicate()


def test_every_answered_request_is_stored_when_the_process_is_frozen(function, postgres):
    with psycopg.connect(postgres, autocommit=True) as connection:

        def stored():
            rows = connection.execute("SELECT variables FROM chest_records ORDER BY started_at, id")
            return [variables["number"] for (variables,) in rows]

        for number in range(5):
            answer = function.invoke(f"/orders/{number}")
            assert (answer["statusCode"], answer["body"]) == (200, f'{{"order":{number}}}\n')
            assert stored() == list(range(number + 1))
            if number == 2:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
        function.process.kill()
        function.process.wait()
        assert stored() == list(range(5))
