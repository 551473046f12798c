"""Lines are written with time, process ID and level where no handler is configured, and once."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

LINE = (
    r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[%(pid)s\] \[WARNING\] flask_chest: "
    r"delivery waits"
)

SAY = """
from flask_chest.runtime.log import logger
logger.warning("delivery waits")
"""


def run(code, *, err=True):
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    out, shown = process.communicate(timeout=120)
    assert process.returncode == 0, shown
    return process.pid, shown if err else out


def test_without_configured_logging_a_line_has_time_process_and_level():
    pid, shown = run("import flask_chest, logging" + SAY + "logger.info('not shown')")
    assert re.fullmatch(LINE % {"pid": pid} + "\n", shown)


def test_a_logger_below_ours_has_the_same_format():
    pid, shown = run(
        "import flask_chest, logging; logging.getLogger('flask_chest.scheduler').error('late')"
    )
    assert re.fullmatch(rf"\[.+\] \[{pid}\] \[ERROR\] flask_chest\.scheduler: late\n", shown)


def test_a_level_that_was_asked_for_is_shown():
    _, shown = run(
        "import flask_chest, logging; logging.getLogger('flask_chest').setLevel('INFO')"
        + SAY
        + "logger.info('and this')"
    )
    assert shown.count("\n") == 2
    assert "[INFO] flask_chest: and this" in shown


CONFIGURED = {
    "root": "logging.basicConfig(format='mine: %(message)s')",
    "own": (
        "handler = logging.StreamHandler()\n"
        "handler.setFormatter(logging.Formatter('mine: %(message)s'))\n"
        "logging.getLogger('flask_chest').addHandler(handler)"
    ),
    "dictConfig": (
        "import logging.config\n"
        "logging.config.dictConfig({'version': 1, 'disable_existing_loggers': False,\n"
        "    'formatters': {'f': {'format': 'mine: %(message)s'}},\n"
        "    'handlers': {'h': {'class': 'logging.StreamHandler', 'formatter': 'f'}},\n"
        "    'root': {'handlers': ['h']}})"
    ),
    "dictConfig of the logger": (
        "import logging.config\n"
        "logging.config.dictConfig({'version': 1, 'disable_existing_loggers': False,\n"
        "    'formatters': {'f': {'format': 'mine: %(message)s'}},\n"
        "    'handlers': {'h': {'class': 'logging.StreamHandler', 'formatter': 'f'}},\n"
        "    'loggers': {'flask_chest': {'handlers': ['h'], 'propagate': False}}})"
    ),
    "Flask's default handler": (
        "from flask.logging import default_handler\n"
        "default_handler.setFormatter(logging.Formatter('mine: %(message)s'))\n"
        "logging.getLogger().addHandler(default_handler)"
    ),
    "last resort": (
        "logging.lastResort = logging.StreamHandler()\n"
        "logging.lastResort.setFormatter(logging.Formatter('mine: %(message)s'))"
    ),
}


@pytest.mark.parametrize(
    ("how", "when"),
    [
        *((how, "after a line") for how in CONFIGURED),
        *((how, when) for how in ("root", "own") for when in ("before", "after")),
    ],
)
def test_configured_logging_has_each_line_alone_whenever_it_is_configured(how, when):
    parts = ["import logging", CONFIGURED[how], "import flask_chest", SAY]
    if when != "before":
        parts[1:3] = ["import flask_chest", *([SAY] if when == "after a line" else []), parts[1]]
    _, shown = run("\n".join(parts))
    lines = shown.splitlines()
    assert lines[-1] == "mine: delivery waits"
    assert len(lines) == (2 if when == "after a line" else 1)


AS_IN_FLASKS_DOCUMENTATION = """
from logging.config import dictConfig
dictConfig({"version": 1,
    "formatters": {"default": {"format": "mine: %(message)s"}},
    "handlers": {"wsgi": {"class": "logging.StreamHandler", "formatter": "default",
        "stream": "ext://flask.logging.wsgi_errors_stream"}},
    "root": {"level": "INFO", "handlers": ["wsgi"]}})
"""
AS_ALEMBIC_DOES = """
import io
from logging.config import fileConfig
fileConfig(io.StringIO("[loggers]\\nkeys=root\\n[handlers]\\nkeys=h\\n[formatters]\\nkeys=f\\n"
    "[logger_root]\\nhandlers=h\\n[formatter_f]\\nformat=mine: %(message)s\\n"
    "[handler_h]\\nclass=StreamHandler\\nargs=()\\nformatter=f\\n"))
"""
WITH_A_LEVEL_ALONE = """
import logging.config
logging.config.dictConfig({"version": 1, "loggers": {"flask_chest": {"level": "INFO"}}})
"""
SAY_BY_THROTTLE = """
from flask_chest.runtime.log import Throttle
Throttle().log(30, "kind", "delivery waits")
"""


@pytest.mark.parametrize("how", [AS_IN_FLASKS_DOCUMENTATION, AS_ALEMBIC_DOES, WITH_A_LEVEL_ALONE])
def test_a_configuration_that_does_not_name_the_logger_loses_no_line(how):
    pid, shown = run("import flask_chest" + (how + SAY_BY_THROTTLE) * 2)
    [line] = set(shown.splitlines())
    assert shown.count("\n") == 2  # each time that logging is configured
    if how == WITH_A_LEVEL_ALONE:
        assert re.fullmatch(LINE % {"pid": pid}, line)
    else:
        assert line == "mine: delivery waits"


def test_a_logger_that_was_disabled_on_purpose_stays_so_when_logging_is_configured():
    code = "import flask_chest, logging\nlogging.getLogger('flask_chest').disabled = True"
    assert run(code + AS_IN_FLASKS_DOCUMENTATION + SAY_BY_THROTTLE)[1] == ""


@pytest.mark.parametrize(
    "silence",
    [
        "logging.getLogger('flask_chest').addHandler(logging.NullHandler())",
        "logging.getLogger().addHandler(logging.NullHandler())",
        "logging.lastResort = None",
        "logging.getLogger('flask_chest').disabled = True",
        "import sys; sys.stderr = None",
    ],
)
@pytest.mark.slow
def test_who_asks_for_silence_gets_it(silence):
    assert run(f"import flask_chest, logging\n{silence}\n{SAY}")[1] == ""


def test_importing_it_configures_nothing_that_others_would_see():
    code = """
import logging
import flask_chest
from flask import Flask
from flask.logging import default_handler
assert not logging.getLogger().handlers
app = Flask("shop")
app.logger.warning("of the shop")
assert app.logger.handlers == [default_handler]
logging.basicConfig(format="mine: %(message)s")
assert len(logging.getLogger().handlers) == 1
"""
    assert "of the shop" in run(code)[1]


def test_a_module_that_is_imported_twice_still_writes_each_line_once():
    code = """
import sys
import flask_chest
for name in [name for name in sys.modules if name.startswith("flask_chest")]:
    del sys.modules[name]
"""
    _, shown = run(code + SAY)
    assert shown.count("delivery waits") == 1


def test_caplog_sees_the_lines_and_stderr_does_not(caplog, capfd):
    from flask_chest.runtime.log import logger  # noqa: PLC0415 - as a test of an application has it

    logger.warning("delivery waits")
    assert caplog.messages == ["delivery waits"]
    assert capfd.readouterr().err == ""
