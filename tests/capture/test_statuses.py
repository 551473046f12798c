"""Status and error of a record, for each way in which a view can end early."""

from __future__ import annotations

import pytest
from flask import Request, abort, g


class OutOfStockError(Exception):
    pass


def test_abort_is_recorded_with_its_status_and_without_error(chest, tracked, serve, recorded):
    @tracked.get("/")
    @chest.track("looked_for")
    def view():
        g.looked_for = 7
        abort(404)

    response = serve(tracked).get("/")
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"], row["variables"]) == (404, None, {"looked_for": 7})
    assert response.headers["X-Request-ID"] == row["request_id"]


def test_a_handled_exception_has_the_handlers_status_and_variables(chest, tracked, serve, recorded):
    @tracked.errorhandler(OutOfStockError)
    def handle(error):
        g.handled = type(error).__name__
        return "sold out", 409

    @tracked.get("/")
    @chest.track
    def view():
        g.item = 1
        raise OutOfStockError

    assert serve(tracked).get("/").status_code == 409
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"]) == (409, None)
    assert row["variables"] == {"item": 1, "handled": "OutOfStockError"}


def test_an_unhandled_exception_is_a_500_with_its_class_named(chest, tracked, serve, recorded):
    @tracked.get("/")
    @chest.track
    def view():
        g.item = 1
        raise OutOfStockError("secret text of the exception")

    response = serve(tracked).get("/")
    assert response.status_code == 500
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["variables"]) == (500, {"item": 1})
    assert row["error"] == f"{__name__}.OutOfStockError"
    assert response.headers["X-Request-ID"] == row["request_id"]
    assert "secret text" not in str(row)


def test_a_handler_for_500_keeps_the_error_in_the_record(chest, tracked, serve, recorded):
    @tracked.errorhandler(500)
    def handle(error):
        return "sorry", 503

    @tracked.get("/")
    @chest.track
    def view():
        raise ZeroDivisionError

    assert serve(tracked).get("/").status_code == 503
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"]) == (503, "ZeroDivisionError")


def test_a_tracked_handler_records_the_error_of_a_view_that_is_not_tracked(
    chest, tracked, serve, recorded
):
    @tracked.errorhandler(500)
    @chest.track
    def handle(error):
        return "sorry", 503

    @tracked.get("/")
    def view():
        raise ZeroDivisionError

    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    assert serve(tracked).get("/", headers=headers).status_code == 503
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"]) == (503, "ZeroDivisionError")
    assert row["trace_id"] == trace


def test_a_propagated_exception_has_no_status_of_the_application(chest, tracked, serve, recorded):
    tracked.config["PROPAGATE_EXCEPTIONS"] = True

    @tracked.get("/")
    @chest.track
    def view():
        g.item = 1
        raise ZeroDivisionError

    assert serve(tracked).get("/").status_code == 500  # the server's own
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["error"], row["variables"]) == (
        None,
        "ZeroDivisionError",
        {"item": 1},
    )


def test_an_exit_from_a_view_is_recorded(chest, tracked, recorded):
    @tracked.get("/")
    @chest.track
    def view():
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        tracked.test_client().get("/")
    assert recorded(chest, 1)[0]["error"] == "SystemExit"


def test_a_fault_in_capture_never_costs_the_request(make_chest, app, serve, recorded, said):
    chest = make_chest(raise_errors=False)

    class Broken(Request):
        path = property(lambda self: 1 / 0, lambda self, value: None)

    app.request_class = Broken
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def view():
        return "fine"

    assert serve(app).get("/").text == "fine"
    recorded(chest, 0)
    assert "Capture failed: ZeroDivisionError" in said()[0]
    assert chest.stats().dropped == {"capture": 1}


def test_debug_and_testing_modes_raise_what_the_view_raised(chest, tracked, recorded):
    @tracked.get("/")
    @chest.track("a")
    def view():
        g.a = 1
        raise ZeroDivisionError

    tracked.testing = True
    with pytest.raises(ZeroDivisionError):
        tracked.test_client().get("/")
    assert recorded(chest, 1)[0]["error"] == "ZeroDivisionError"
