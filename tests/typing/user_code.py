"""User code as it is meant to be written. `make check` type-checks it; nothing runs it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, MutableMapping
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from flask import Blueprint, Flask, Request, g
from pydantic import BaseModel
from typing_extensions import assert_type

from flask_chest import (
    Batch,
    BatchRejected,
    ChestError,
    ConfigurationError,
    DeliveryBusy,
    Exporter,
    ExporterStats,
    ExporterUnavailable,
    FlaskChest,
    HookTime,
    Job,
    Record,
    RequestIdFilter,
    SchemaMismatch,
    Stats,
    Store,
    add_request_id,
    current_request_id,
    hookimpl,
    open_store,
    outbound_headers,
    signals,
    with_request_id,
)
from flask_chest.query import Filter, parse
from flask_chest.store import RouteSummary, ValueCount
from flask_chest.testing import Collector, RecordingExporter, collect
from flask_chest.upkeep.copying import CopyReport, copy
from flask_chest.upkeep.dead_letters import DeadLetter, RetryReport
from flask_chest.upkeep.erasure import ErasureReport

app = Flask(__name__)
chest = FlaskChest(app, track_all=False, variables=["*"])


def my_id(request: Request) -> str:
    return request.headers["X-My-ID"]


@app.get("/")
@chest.track
def bare(order_id: int) -> str:
    g.user_id = 7
    return str(order_id)


@app.get("/named")
@chest.track("user_id", "cart_*", "!cart_secret", request_id=my_id)
async def named() -> tuple[str, int]:
    return "", 201


@app.get("/sampled")
@chest.track("user_id", request_id="ulid", sample_rate=0.5)
@chest.track(request_id=uuid4)
@chest.track(request_id=lambda: "new")
def sampled() -> str:
    with chest.suppressed():
        g.note = "not recorded"
    chest.drop_request()
    assert_type(outbound_headers(), dict[str, str])
    return ""


shop = Blueprint("shop", __name__)
assert_type(chest.track("user_id", "!note")(shop), Blueprint)
logging.StreamHandler().addFilter(RequestIdFilter())


@app.route("/by-method", methods=["GET", "POST"])
@chest.track({"GET": ["user_id"], "POST": ["user_id", "total"]})
def by_method() -> str:
    return ""


@chest.job
def tidy(days: int) -> bool:
    return days > 1


@app.cli.command("report")
@chest.job("rows", "cost_*", "!cost_secret", name="nightly-report", sample_rate=0.5)
def report() -> None:
    g.rows = 7


@chest.job("rows")
async def report_later(number: int) -> float:
    async with chest.record("part", number=number) as part:
        part.update({"rows": 1}, odd=2)
    return 1.0


def jobs() -> None:
    with chest.continued({"X-Request-ID": "r-1"}), chest.record("block", rows=0) as job:
        job["rows"] = 512
        assert_type(job["rows"], object)
        assert_type(job.request_id, str)
        assert_type(job, Job)
        job.drop()
    assert_type(tidy(7), bool)
    assert_type(with_request_id(tidy)(days=7), bool)


async def jobs_later() -> None:
    assert_type(await report_later(1), float)
    assert_type(await with_request_id(report_later)(1), float)


assert_type(bare(7), str)
assert_type(current_request_id(), "str | None")
assert_type(chest.flush(timeout=1.0), bool)
assert_type(chest.stats(), Stats)
assert_type(chest.stats(process=True), Stats)
assert_type(chest.stats().exporters, dict[str, ExporterStats])
assert_type(chest.journal_fault(), str | None)
assert_type(chest.service, str)

store = chest.store("main")
assert_type(store, Store)
yesterday = datetime.now(timezone.utc) - timedelta(days=1)
assert_type(store.query(limit=10, since=yesterday, variables={"user_id": 7}), list[Record])
assert_type(store.count(route="/"), int)
assert_type(store.routes(), list[RouteSummary])
assert_type(store.top_values("user_id"), list[ValueCount])
slowest = store.records("tenant == 'acme'", since="24h", order_by="-duration_ms", limit=20)
assert_type(slowest, Iterator[Record])
hours = store.measure("count", "p95(duration_ms)", by=["route"], every="1h", since=yesterday)
assert_type(hours, list[dict[str, Any]])
assert_type(store.differences("status_code >= 500", since="24h"), list[dict[str, Any]])
chosen = parse("user_id == 'u-17'", now=yesterday)
assert_type(chosen, Filter)
assert_type(chosen.matches({"variables": {}}), bool)
steps: list[int] = []
assert_type(store.erase(chosen, progress=steps.append), int)
assert_type(chest.erase("user_id == 'u-17'", timeout=5.0), ErasureReport)
try:
    chest.erase("user_id == 'u-17'")
except DeliveryBusy as busy:
    assert_type(str(busy), str)
assert_type(add_request_id(None, "info", {}), MutableMapping[str, Any])
letters = chest.dead_letters("main", limit=20)
assert_type(letters, list[DeadLetter])
assert_type(letters[0].since, datetime | None)
assert_type(letters[0].route, str | None)
assert_type(chest.retry_dead_letters("main", [letters[0].id], timeout=5.0), RetryReport)
assert_type(chest.drop_dead_letters("main", {each.id for each in letters}), int)
assert_type(open_store("sqlite:///chest.sqlite3"), Store)
assert_type(copy(store, open_store({"type": "sqlite", "path": "copy"})), CopyReport)


class WebhookConfig(BaseModel):
    url: str


class WebhookExporter(Exporter):
    type = "webhook"
    schemes = ("https",)
    config_model = WebhookConfig

    def open(self) -> None:
        raise ExporterUnavailable("the endpoint is away")

    def export(self, batch: Batch) -> None:
        assert_type(batch.to_json(), bytes)
        assert_type(len(batch), int)
        assert_type(batch.records()[0]["request_id"], str)
        raise BatchRejected("a record is at fault")

    def close(self) -> None: ...


class Plugin:
    @hookimpl
    def chest_request_id(self, request: Request) -> str | None:
        return request.headers.get("X-My-ID")

    @hookimpl
    def chest_filter_variables(self, variables: dict[str, object], request: Request | None) -> None:
        variables.pop("secret", None)

    @hookimpl
    def chest_exporters(self) -> list[type[Exporter]]:
        return [WebhookExporter]


late = FlaskChest()
late.register_plugin(Plugin(), "mine")

try:
    late.init_app(app)
except SchemaMismatch as error:
    assert_type(error.setting, "str | None")
except ConfigurationError as error:
    assert_type(error.setting, "str | None")
except ChestError:
    pass

recording = RecordingExporter()
late.register_plugin(recording)
assert_type(recording.wait_for(1, timeout_seconds=2.0), list[Record])
assert_type(chest.stats().hook_times, dict[str, HookTime])


def test_it(chest_records: Callable[[Flask], Collector]) -> None:
    assert_type(chest_records(app)[0], Record)
    with collect(app) as records:
        assert_type(records.wait_for(1), list[Record])


@app.get("/healthz")
@chest.exclude
def healthz() -> str:
    return ""


assert_type(healthz(), str)
assert_type(chest.exclude(Blueprint("probes", __name__)), Blueprint)


@signals.exporter_failing.connect_via(app)
def page(sender: Flask, exporter: str, error: Exception, **_: object) -> None: ...


@signals.exporter_recovered.connect
def recovered(sender: Flask, exporter: str, seconds: float, **_: object) -> None: ...


@signals.records_dropped.connect
@signals.drops_ended.connect
def dropped(
    sender: Flask, dropped: dict[str, int], exporters: dict[str, dict[str, int]], **_: object
) -> None: ...
