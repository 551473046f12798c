"""The handler of docs/how-to/aws-lambda.md, in a process that is frozen after each answer."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from support.installing import install, make_environment
from support.pages import ROOT, write_files
from support.waiting import until

PAGE = "docs/how-to/aws-lambda.md"
RUNTIME = """
import json, sys
from {module} import {name} as handler

class Context:
    invoked_function_arn = "arn:aws:lambda:eu-1:1:function:shop"

answers, sys.stdout = sys.stdout, sys.stderr  # Zappa prints
for line in sys.stdin:
    print(json.dumps(handler(json.loads(line), Context())), file=answers, flush=True)
"""
ZAPPA_SETTINGS = """
APP_MODULE, APP_FUNCTION = "{app_function}".split(".")
PROJECT_NAME, API_STAGE, LOG_LEVEL = "shop", "production", "INFO"
DJANGO_SETTINGS = DOMAIN = BASE_PATH = EXCEPTION_HANDLER = None
DEBUG, BINARY_SUPPORT = False, True
ENVIRONMENT_VARIABLES = COGNITO_TRIGGER_MAPPING = AWS_EVENT_MAPPING = {{}}
AWS_BOT_EVENT_MAPPING = CONTEXT_HEADER_MAPPINGS = {{}}
"""


class Function:
    """A process of Lambda: one event at a time, and frozen in between."""

    def __init__(self, folder, url, handler, python=sys.executable):
        module, _, name = handler.rpartition(".")
        self.process = subprocess.Popen(
            [python, "-c", RUNTIME.format(module=module, name=name)],
            cwd=write_files(PAGE, folder),
            env={
                **os.environ,
                "FLASK_CHEST_EXPORTERS": url,
                "AWS_DEFAULT_REGION": "eu-central-1",
                "PYTHONPATH": str(folder),
            },
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
        event["isBase64Encoded"] = False
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(json.dumps({**event, "requestContext": {"http": http}}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.freeze()
        return answer

    def end(self):
        self.process.kill()
        self.process.communicate()


def test_every_answered_request_is_stored_when_the_process_is_frozen(postgres, tmp_path):
    function = Function(tmp_path, postgres, "shop.handler")
    try:
        ask(function, postgres)
    finally:
        function.end()


@pytest.mark.slow
@pytest.mark.packaging
def test_the_same_holds_for_the_handler_of_zappa(postgres, wheels, tmp_path):
    folder = make_environment(tmp_path / "venv")
    wanted = ("flask-chest[postgres]", "apig-wsgi", "zappa", "setuptools")
    install(folder, "--find-links", wheels, *wanted)
    [app_function] = re.findall(r'"app_function": "(.*?)"', (ROOT / PAGE).read_text("utf-8"))
    (tmp_path / "zappa_settings.py").write_text(ZAPPA_SETTINGS.format(app_function=app_function))
    function = Function(tmp_path, postgres, "zappa.handler.lambda_handler", folder / "python")
    try:
        ask(function, postgres)
    finally:
        function.end()


def ask(function, postgres):
    with psycopg.connect(postgres, autocommit=True) as connection:

        def stored():
            rows = connection.execute("SELECT variables FROM chest_records ORDER BY started_at, id")
            return [variables["number"] for (variables,) in rows]

        for number in range(5):
            answer = function.invoke(f"/orders/{number}")
            assert answer["statusCode"] == 200
            assert json.loads(answer["body"]) == {"order": number}
            assert stored() == list(range(number + 1))
            if number == 2:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
        function.process.kill()
        function.process.wait()
        assert stored() == list(range(5))
