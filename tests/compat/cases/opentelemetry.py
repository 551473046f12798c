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

    from tests.compat.support import Case, add_routes, ask

    case = Case(folder)
    chest = case.make_chest()
    app = flask.Flask("shop")
    ids = []

    @app.before_request
    def note_trace():
        ids.append(f"{trace.get_current_span().get_span_context().trace_id:032x}")

    add_routes(app, chest)
    chest.init_app(app)
    records = ask(case, app)
    assert [record["trace_id"] for record in records] == ids
    from flask_chest import FlaskChest

    FlaskChest(
        genuine, exporters={"main": f"sqlite:///{folder}/2.sqlite3"}, journal=str(folder / "2")
    ).close()
    return "`trace_id` is the span's; an application of either class is accepted"
