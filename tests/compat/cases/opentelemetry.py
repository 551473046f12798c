"""OpenTelemetry: `flask.Flask` is its subclass, before Flask-Chest is imported."""

from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider

DISTRIBUTIONS = ("opentelemetry-instrumentation-flask", "opentelemetry-sdk")


def run(folder):
    import sys

    assert "flask_chest" not in sys.modules
    import flask

    genuine = flask.Flask("genuine")
    trace.set_tracer_provider(TracerProvider())
    FlaskInstrumentor().instrument()

    from tests.compat.support import Case, check

    case = Case(folder)
    chest = case.make_chest()
    app = flask.Flask("shop")
    ids = []

    @app.get("/<what>")
    @chest.track("user_id")
    def index(what):
        flask.g.user_id = "u-1"
        ids.append(f"{trace.get_current_span().get_span_context().trace_id:032x}")
        if what == "fails":
            raise RuntimeError("no")
        return app.response_class(iter(["a", "b"])) if what == "stream" else "ok"

    chest.init_app(app)
    with case.client(app) as client:
        assert [client.get(f"/{w}").status_code for w in ("fine", "stream", "fails")] == [
            200,
            200,
            500,
        ]
    records = case.records(3)
    for record, status, error in zip(
        records, (200, 200, 500), (None, None, "RuntimeError"), strict=True
    ):
        check(record, status_code=status, error=error, variables={"user_id": "u-1"})
    assert [record["trace_id"] for record in records] == ids
    from flask_chest import FlaskChest

    FlaskChest(
        genuine, exporters={"main": f"sqlite:///{folder}/2.sqlite3"}, journal=str(folder / "2")
    ).close()
    return "`trace_id` is the span's; an application of either class is accepted"
