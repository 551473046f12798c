"""Calls of hooks: their order, errors of plugins, and times."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import sys
import time
from types import SimpleNamespace

import pytest
from flask import g

from flask_chest import hookimpl
from flask_chest.errors import ConfigurationError
from flask_chest.plugins.hook_call import REQUEST_SAMPLE
from flask_chest.runtime.interrupts import is_interrupt

SECRET = "4111 1111 1111 1111"


def plugin(**functions):
    return SimpleNamespace(**{name: hookimpl(f) for name, f in functions.items()})


@pytest.fixture
def client(make_chest, app):
    """Return a function that makes a client of an application with plugins, given by name."""

    def make(**plugins):
        chest = make_chest()
        for name, each in plugins.items():
            chest.register_plugin(each, name)
        chest.init_app(app)

        @app.get("/")
        @chest.track
        def view():
            g.card, g.a = SECRET, 1
            return ""

        made = app.test_client()
        made.chest = chest
        return made

    return make


# -- Order -----------------------------------------------------------------------------------


def test_calls_follow_tryfirst_then_the_newest_registration_then_trylast(client):
    called = []

    def noting(name, **options):
        @hookimpl(**options)
        def chest_filter_variables():
            called.append(name)

        return SimpleNamespace(chest_filter_variables=chest_filter_variables)

    client(
        last=noting("last", trylast=True),
        first=noting("first", tryfirst=True),
        old=noting("old"),
        new=noting("new"),
    ).get("/")
    assert called == ["first", "new", "old", "last"]


def test_the_first_request_id_is_used(client, recorded):
    asked = []

    def giving(value):
        return plugin(chest_request_id=lambda request: asked.append(value) or value)

    made = client(c=giving("from-c"), b=giving("from-b"), a=giving(None))
    assert made.get("/").headers["X-Request-ID"] == "from-b"
    assert asked == [None, "from-b"]


def test_parameters_may_be_left_out_or_reordered_and_have_defaults(client, recorded):
    class Plugin:
        @hookimpl(specname="chest_filter_variables")
        def swap(self, request, variables, more=3):
            variables["swapped"] = (request.path, more)

        @hookimpl
        def chest_request_id(self):
            return "no-parameters"

    made = client(
        bound=Plugin(),
        one=plugin(chest_filter_variables=lambda request: request.environ["PATH_INFO"]),
    )
    made.get("/")
    [row] = recorded(made.chest, 1)
    assert row["variables"]["swapped"] == ["/", 3]
    assert row["request_id"] == "no-parameters"
    assert made.chest.stats().plugin_errors == {}


@pytest.mark.parametrize("kind", ["wrapper", "hookwrapper"])
def test_a_wrapper_is_refused(client, kind):
    @hookimpl(**{kind: True})
    def chest_filter_variables():
        yield

    with pytest.raises(ConfigurationError, match=r"'w' \(registered\).*is a wrapper"):
        client(w=SimpleNamespace(chest_filter_variables=chest_filter_variables))


def test_a_coroutine_is_refused(client):
    async def chest_request_id():
        return "never awaited"

    with pytest.raises(ConfigurationError, match=r"'w' \(registered\).*is a coroutine"):
        client(w=plugin(chest_request_id=chest_request_id))


def test_a_hook_of_a_later_version_may_be_marked_optional(client):
    @hookimpl(optionalhook=True)
    def chest_of_drawers():
        raise AssertionError

    made = client(later=SimpleNamespace(chest_of_drawers=chest_of_drawers))
    assert made.get("/").status_code == 200


# -- Errors ----------------------------------------------------------------------------------


def test_after_an_error_the_next_plugin_gives_the_id(client, said):
    made = client(
        good=plugin(chest_request_id=lambda: "good"),
        broken=plugin(chest_request_id=lambda: {}[SECRET]),
    )
    assert made.get("/").headers["X-Request-ID"] == "good"
    stats = made.chest.stats()
    assert stats.plugin_errors == {"broken: chest_request_id": 1}
    assert stats.request_ids_replaced == 1
    assert "The plugin 'broken' (registered) failed in chest_request_id: KeyError" in said()[0]


@pytest.mark.parametrize(
    ("given", "shown"), [("two words", "str of 9 characters"), (7, "int"), (b"x", "bytes")]
)
def test_after_a_malformed_id_the_next_plugin_gives_the_id(client, said, given, shown):
    made = client(
        good=plugin(chest_request_id=lambda: "good"), odd=plugin(chest_request_id=lambda: given)
    )
    assert made.get("/").headers["X-Request-ID"] == "good"
    assert made.chest.stats().request_ids_replaced == 1
    assert f"The plugin 'odd' (registered) returned a {shown} for a request ID" in said()[0]


def test_a_filter_that_raises_removes_all_variables_and_later_filters_are_called(client, recorded):
    seen = []

    def later(variables):
        seen.append(dict(variables))
        variables["added later"] = True

    def fail(variables):
        variables["half"] = "done"
        return variables["missing"]

    made = client(
        later=plugin(chest_filter_variables=later),
        broken=plugin(chest_filter_variables=fail),
        earlier=plugin(chest_filter_variables=lambda variables: variables.update(early=1)),
    )
    response = made.get("/")
    [row] = recorded(made.chest, 1)
    assert (response.status_code, row["status_code"]) == (200, 200)
    assert seen == [{}]
    assert row["variables"] == {"added later": True}
    assert made.chest.stats().plugin_errors == {"broken: chest_filter_variables": 1}


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
def test_the_log_of_an_error_has_its_place_and_no_value_of_the_request(client, caplog, level):
    def fail(variables):
        try:
            int(variables["card"])  # ValueError: ...: '4111 1111 1111 1111'
        except ValueError as error:
            raise RuntimeError(variables["card"]) from error

    made = client(broken=plugin(chest_filter_variables=fail))
    caplog.set_level(level, "flask_chest")
    caplog.clear()
    made.get("/")
    [record] = caplog.records
    line = fail.__code__.co_firstlineno + 4
    assert f"chest_filter_variables: RuntimeError at {__file__}:{line}" in record.getMessage()
    assert ("in fail" in record.getMessage()) == (level == logging.DEBUG)
    assert SECRET not in caplog.text


def test_the_place_of_an_error_is_in_the_plugin_not_in_a_library(client, said):
    def fail():
        return ipaddress.ip_address(SECRET)  # the library raises a ValueError with the secret

    client(broken=plugin(chest_request_id=fail)).get("/")
    assert f"ValueError at {__file__}:{fail.__code__.co_firstlineno + 1}\n" in said()[0]
    assert SECRET not in said()[0]


def test_each_plugin_is_logged_and_counted_separately(client, said):
    made = client(
        a=plugin(chest_filter_variables=lambda: 1 / 0, chest_request_id=lambda: 1 / 0),
        b=plugin(chest_filter_variables=lambda: 1 / 0),
    )
    for _ in range(3):
        made.get("/")
    assert len(said()) == 3
    assert made.chest.stats().plugin_errors == {
        "a: chest_filter_variables": 3,
        "a: chest_request_id": 3,
        "b: chest_filter_variables": 3,
    }


def test_system_exit_in_a_notification_neither_ends_nor_repeats_the_delivery(client, recorded):
    made = client(exits=plugin(chest_exported=lambda: sys.exit(3)))
    made.get("/")
    recorded(made.chest, 1)
    stats = made.chest.stats()
    assert stats.plugin_errors == {"exits: chest_exported": 1}
    assert (stats.exporters["main"].delivered, stats.exporters["main"].failures) == (1, 0)


class Odd(BaseException):
    """A class of a plugin's own, which `except Exception` does not catch."""


ODD = [Odd, GeneratorExit, asyncio.CancelledError]


def raising(error):
    """Return a function without parameters that raises."""

    def fail():
        raise error(SECRET)

    return fail


@pytest.mark.parametrize("error", ODD)
@pytest.mark.parametrize(
    "hook", ["chest_request_id", "chest_filter_variables", "chest_drop_record", "chest_exported"]
)
def test_no_exception_of_a_plugin_costs_a_request_or_a_record(client, recorded, said, hook, error):
    made = client(odd=plugin(**{hook: raising(error)}))
    assert made.get("/").status_code == 200
    assert len(recorded(made.chest, 1)) == 1
    assert made.chest.stats().plugin_errors == {f"odd: {hook}": 1}
    assert SECRET not in "".join(said())


@pytest.mark.parametrize("error", ODD)
def test_a_failure_of_an_exporter_of_any_class_is_told_to_all_plugins(client, error, recorded):
    told = []
    made = client(
        listens=plugin(chest_export_failed=lambda exporter, error: told.append(exporter)),
        odd=plugin(chest_export_failed=raising(error)),
    )
    app_state = made.application.extensions["flask_chest"]
    app_state.plugins.export_failed("main", RuntimeError("away"))
    assert told == ["main"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize(
    "hook", ["chest_request_id", "chest_filter_variables", "chest_drop_record"]
)
def test_what_ends_the_process_passes_through_a_hook(client, hook, error):
    made = client(ends=plugin(**{hook: raising(error)}))
    with pytest.raises(error):
        made.get("/")
    assert made.chest.stats().plugin_errors == {}


def test_a_timeout_of_gevent_belongs_to_the_application():
    gevent = pytest.importorskip("gevent")
    assert is_interrupt(gevent.Timeout(1))
    assert is_interrupt(gevent.GreenletExit())
    assert not is_interrupt(Odd())
    assert not is_interrupt(TimeoutError())


@pytest.mark.parametrize("error", [*ODD, ZeroDivisionError, SystemExit])
def test_an_exporter_type_that_cannot_be_announced_stops_init_app(client, error):
    expected = SystemExit if error is SystemExit else ConfigurationError
    with pytest.raises(expected):
        client(odd=plugin(chest_exporters=raising(error)))


# -- Time ------------------------------------------------------------------------------------


def test_one_of_61_calls_in_requests_is_timed(client):
    made = client(
        quick=plugin(chest_filter_variables=lambda: None, chest_request_id=lambda: None),
        other=plugin(chest_filter_variables=lambda: None),
    )
    for _ in range(REQUEST_SAMPLE + 1):
        made.get("/")
    times = made.chest.stats().hook_times
    assert set(times) == {
        "quick: chest_filter_variables",
        "quick: chest_request_id",
        "other: chest_filter_variables",
    }
    for taken in times.values():
        assert taken.calls_timed == 2
        assert 0 < taken.mean_ms <= taken.max_ms < 5_000


def test_a_slow_plugin_is_logged_once_a_minute_with_its_time(client, said):
    made = client(
        slow=plugin(chest_filter_variables=lambda: time.sleep(0.06)),
        quick=plugin(chest_filter_variables=lambda: None),
    )
    for _ in range(REQUEST_SAMPLE + 1):
        made.get("/")
    [message] = [line for line in said() if "masked in records" not in line]
    assert message.startswith("The plugin 'slow' (registered) is slow: a call of chest_filter_")
    taken = made.chest.stats().hook_times["slow: chest_filter_variables"]
    assert 60 <= taken.mean_ms <= taken.max_ms


def test_every_notification_is_timed_and_may_take_a_second(client, recorded, said):
    made = client(slow=plugin(chest_exported=lambda: time.sleep(0.06)))
    for number in (1, 2):
        made.get("/")
        recorded(made.chest, number)
    taken = made.chest.stats().hook_times["slow: chest_exported"]
    assert (taken.calls_timed, taken.max_ms >= 60) == (2, True)
    assert [line for line in said() if "masked in records" not in line] == []


def test_a_call_that_raises_is_timed(client):
    made = client(broken=plugin(chest_request_id=lambda: 1 / 0))
    made.get("/")
    assert made.chest.stats().hook_times["broken: chest_request_id"].calls_timed == 1


def test_a_forked_child_starts_with_no_times_and_no_errors(client):
    made = client(broken=plugin(chest_request_id=lambda: 1 / 0))
    made.get("/")
    child = os.fork()
    if not child:
        stats = made.chest.stats()
        os._exit(len(stats.hook_times) + len(stats.plugin_errors))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(made.chest.stats().hook_times) == 1


def test_a_hook_that_nobody_implements_is_not_called(client, app):
    client(listener=plugin(chest_exported=lambda: None))
    plugins = app.extensions["flask_chest"].plugins
    assert plugins.request_id() is None
    assert plugins.filter_variables() is None
