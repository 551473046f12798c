"""Who may look at the views, and what they tell."""

from __future__ import annotations

import logging

import pytest
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_chest import ConfigurationError
from flask_chest.journal.room import Room

TOKEN = "a-long-random-token-of-many"
VIEWS = ("live", "ready", "health", "metrics")


@pytest.fixture
def served(make_chest):
    """Return a function that makes an application with settings, and returns what asks it."""
    apps = []

    def make(*, before=None, proxy=None, **settings):
        app = Flask("shop")
        apps.append(app)
        if before:
            app.before_request(before)
        chest = make_chest(track_all=True, **{f"monitor_{k}": v for k, v in settings.items()})
        chest.init_app(app)
        app.get("/orders")(lambda: "")
        if proxy:
            app.wsgi_app = ProxyFix(app.wsgi_app, **proxy)

        def ask(view, *, address="203.0.113.7", prefix="/chest", **headers):
            return app.test_client().get(
                f"{prefix}/{view}",
                environ_base={"REMOTE_ADDR": address},
                headers={name.replace("_", "-"): value for name, value in headers.items()},
            )

        ask.app, ask.chest = app, chest
        return ask

    yield make
    apps.clear()


def statuses(ask, **options):
    return [ask(view, **options).status_code for view in VIEWS]


def test_without_configuration_there_are_no_views_and_the_log_says_so(served, caplog):
    caplog.set_level(logging.INFO, "flask_chest")
    ask = served()
    assert statuses(ask) == [404] * 4
    [said] = [r.getMessage() for r in caplog.records if r.name == "flask_chest.monitor"]
    assert "nobody may look: there are no views. Set CHEST_MONITOR_TOKEN" in said
    assert "chest_monitor" not in ask.app.blueprints


def test_open_probes_show_nothing_else(served):
    ask = served(open="probes")
    assert statuses(ask) == [200, 200, 403, 403]


def test_all_open_shows_all(served):
    assert statuses(served(open="all")) == [200] * 4


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN} ", 200),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        ("Bearer ", 401),
        ("Bearer", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        ("Bearer \u00fc", 401),
        ("", 401),
    ],
)
def test_a_token_opens_all(served, header, expected):
    ask = served(token=TOKEN)
    assert statuses(ask, Authorization=header) == [expected] * 4
    if expected == 401:
        answer = ask("health", Authorization=header)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert TOKEN not in answer.text


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.1.2.3", 200),
        ("::ffff:10.1.2.3", 200),
        ("fd00::7", 200),
        ("fd00::7%eth0", 200),
        ("11.0.0.1", 403),
        ("fe80::1", 403),
        ("", 403),
        ("/run/socket", 403),
    ],
)
def test_a_network_opens_all(served, address, expected):
    ask = served(networks="10.0.0.0/8, fd00::/8")
    assert statuses(ask, address=address) == [expected] * 4


@pytest.mark.parametrize(
    "header",
    ["X_Forwarded_For", "Forwarded", "X_Real_IP", "X_Forwarded_Proto", "X_Forwarded_Host", "Via"],
)
def test_a_forwarded_request_is_in_no_network_as_its_address_is_the_proxys(served, header):
    ask = served(networks=["127.0.0.0/8"])
    assert ask("health", address="127.0.0.1").status_code == 200
    assert ask("health", address="127.0.0.1", **{header: "203.0.113.7"}).status_code == 403


def test_with_proxy_fix_the_address_of_the_client_counts(served):
    ask = served(networks=["10.0.0.0/8"], proxy={"x_for": 1})
    near, far = "10.9.9.9", "203.0.113.7"
    assert ask("health", address="127.0.0.1", X_Forwarded_For=near).status_code == 200
    assert ask("health", address="127.0.0.1", X_Forwarded_For=far).status_code == 403
    # What the client itself claims stands further left, and is not believed.
    assert ask("health", address="1.2.3.4", X_Forwarded_For=f"{near}, {far}").status_code == 403


@pytest.mark.parametrize(
    "proxy", [{"x_for": 0, "x_proto": 1}, {"x_for": 2}], ids=["for the scheme", "not found"]
)
def test_an_address_that_proxy_fix_has_left_as_it_was_is_the_proxys(served, proxy):
    ask = served(networks=["10.0.0.0/8"], proxy=proxy)
    headers = {"X_Forwarded_For": "203.0.113.7", "X_Forwarded_Proto": "https"}
    assert ask("health", address="10.0.0.1", **headers).status_code == 403
    assert ask("health", address="10.0.0.1").status_code == 200  # a client of its own


def test_metrics_may_be_switched_off_and_the_prefix_changed(served):
    ask = served(open="all", metrics=False, prefix="/ops/chest")
    assert statuses(ask, prefix="/ops/chest") == [200, 200, 200, 404]
    assert statuses(ask) == [404] * 4


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"token": "short"}, "CHEST_MONITOR_TOKEN=***: must be 16 or more"),
        ({"token": "with spaces in the middle"}, "CHEST_MONITOR_TOKEN=***"),
        ({"open": "everything"}, "CHEST_MONITOR_OPEN='everything'"),
        ({"networks": "10.0.0.1/8"}, "CHEST_MONITOR_NETWORKS"),
        ({"networks": "home"}, "CHEST_MONITOR_NETWORKS"),
        ({"prefix": "chest"}, "CHEST_MONITOR_PREFIX='chest': must begin with a slash"),
        ({"prefix": "/"}, "CHEST_MONITOR_PREFIX"),
        ({"max_lag_seconds": 0}, "CHEST_MONITOR_MAX_LAG_SECONDS=0"),
        ({"max_journal_share": 2}, "CHEST_MONITOR_MAX_JOURNAL_SHARE=2"),
        ({"max_lag": 5}, "Did you mean CHEST_MONITOR_MAX_LAG_SECONDS"),
    ],
)
def test_a_wrong_setting_stops_the_application_in_words(served, settings, text):
    with pytest.raises(ConfigurationError) as caught:
        served(**settings)
    assert text in str(caught.value)


def test_settings_come_from_the_environment(served, monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_MONITOR_TOKEN", TOKEN)
    monkeypatch.setenv("FLASK_CHEST_MONITOR_NETWORKS", '["10.0.0.0/8"]')
    monkeypatch.setenv("FLASK_CHEST_MONITOR_MAX_DROPPED", "7")
    ask = served()
    assert ask("health", Authorization=f"Bearer {TOKEN}").status_code == 200
    assert ask("health", address="10.0.0.1").status_code == 200


def test_readiness_fails_when_the_journal_takes_no_record(served, tmp_path):
    ask = served(open="probes", token=TOKEN)
    (tmp_path / "journal" / ".probe").mkdir()  # no file can be made of that name
    answer = ask("ready")
    assert answer.status_code == 503
    assert answer.json == {"ready": False}  # the path is for those who may see all
    assert "cannot be used" in ask("ready", Authorization=f"Bearer {TOKEN}").json["reason"]
    health = ask("health", Authorization=f"Bearer {TOKEN}")
    assert health.status_code == 503
    assert health.json["findings"][0]["subject"] == "journal"
    assert ask("live").status_code == 200


def test_many_probes_ask_the_disk_once_in_a_second(served, monkeypatch):
    ask = served(open="probes")
    asked = []
    kind = type(ask.app.extensions["flask_chest"].journal)
    monkeypatch.setattr(kind, "fault", lambda _self: asked.append(1))
    clock = [0.0]
    monkeypatch.setattr("flask_chest_monitor.views.time.monotonic", lambda: clock[0])
    for _ in range(10):
        assert ask("ready").status_code == 200
        clock[0] += 0.3
    assert len(asked) == 3


def test_liveness_touches_nothing(served, monkeypatch):
    ask = served(open="all")
    state = ask.app.extensions["flask_chest"]

    def refuse(*_args, **_kwargs):
        raise AssertionError

    with monkeypatch.context() as patched:
        for name in ("fault", "host", "append", "reader", "start"):
            patched.setattr(type(state.journal), name, refuse)
        assert ask("live").json == {"live": True}


@pytest.mark.parametrize(
    ("settings", "status", "code"),
    [
        ({}, "ok", 200),
        ({"max_lag_seconds": 1e-9}, "error", 503),
        ({"max_journal_share": 1e-9}, "error", 503),
        ({"max_journal_share": None, "max_lag_seconds": None}, "ok", 200),
        ({"max_dropped": 0}, "error", 503),
        ({"max_dropped": 5}, "ok", 200),
    ],
)
def test_thresholds_decide_the_status(served, settings, status, code):
    ask = served(open="all", **settings)
    ask.app.test_client().get("/orders")
    ask.app.extensions["flask_chest"].counters.add("dropped", "disk_full", 2)
    ask.app.extensions["flask_chest"].counters.add("dropped main", "journal_full", 3)
    health = ask("health")
    assert (health.json["status"], health.status_code) == (status, code)
    assert health.json["recorded"] == 1
    assert health.json["exporters"]["main"]["pending_records"] == 1
    assert health.json["dropped"] == {"disk_full": 2}


def room(monkeypatch, free):
    """Let the disk of every journal have so much free."""
    monkeypatch.setattr(
        "flask_chest.journal.process_counters.room_of", lambda _path: Room(free_bytes=free)
    )


@pytest.mark.parametrize(
    ("free", "level", "told"),
    [
        (None, None, ""),
        (2**20, None, ""),
        (2**20 - 2**16, "error", "Records are dropped soon"),
        (0, "error", "Records are dropped now"),
    ],
)
def test_a_disk_with_less_room_than_a_small_journal_may_take_is_found(
    served, make_chest, monkeypatch, free, level, told
):
    app = Flask("small")
    make_chest(monitor_open="all", journal_max_bytes=2**20).init_app(app)
    room(monkeypatch, free)
    found = app.test_client().get("/chest/health").json["findings"]
    assert [finding["level"] for finding in found] == [level] * (level is not None)
    assert not told or told in found[0]["text"]


@pytest.mark.parametrize("share", [0.9, None])
def test_a_disk_that_is_full_before_the_journal_is_at_its_limit_is_a_warning_in_time(
    served, monkeypatch, share
):
    ask = served(open="all", max_journal_share=share)
    room(monkeypatch, 10**9)  # the default limit is 2**30
    health = ask("health")
    assert (health.json["status"], health.status_code) == ("warning", 200)
    [finding] = health.json["findings"]
    assert finding["subject"] == "disk"
    assert finding["text"].startswith("1,000,000,000 bytes are free on the disk of the journal")
    assert finding["text"].endswith("or lower CHEST_JOURNAL_MAX_BYTES")
    assert "chest_journal_disk_free_bytes 1e+09" in ask("metrics").text
    room(monkeypatch, 28 * 1024)
    assert ask("health").status_code == 503
    room(monkeypatch, None)
    assert "\nchest_journal_disk_free_bytes " not in ask("metrics").text
    assert ask("health").json["status"] == "ok"


def test_what_a_full_journal_has_dropped_is_said_with_its_number(served):
    ask = served(open="all", max_journal_share=1e-9)
    ask.app.test_client().get("/orders")
    [finding] = ask("health").json["findings"]
    assert finding["text"].endswith("Records are dropped at 100%")
    counters = ask.app.extensions["flask_chest"].counters
    counters.add("dropped", "journal_full", 400)
    counters.add("dropped main", "journal_full", 78)
    counters.add("dropped main", "malformed", 9)
    [finding] = ask("health").json["findings"]
    assert finding["level"] == "error"
    assert finding["text"].endswith("478 records have been dropped")


def test_what_is_lost_while_the_journal_takes_nothing_is_said_with_its_number(served, tmp_path):
    ask = served(open="all")
    (tmp_path / "journal" / ".probe").mkdir()  # no file can be made of that name
    ask.app.extensions["flask_chest"].counters.add("dropped", "disk_full", 229)
    [finding] = ask("health").json["findings"]
    assert finding["text"].startswith("No record can be kept, and 229 have been dropped: ")


@pytest.mark.parametrize(("most", "status"), [(None, "warning"), (1, "warning"), (0, "error")])
def test_dead_letters_are_found(served, most, status):
    ask = served(open="all", max_dead_letters=most)
    reader = ask.app.extensions["flask_chest"].journal.reader("main")
    with reader.lease():
        reader.dead_letter(b'{"n":1}\n', ValueError("does not fit"))
    health = ask("health").json
    assert health["status"] == status
    assert health["exporters"]["main"]["dead_letters"] == 1
    assert "does not fit" in health["findings"][-1]["text"]


@pytest.mark.parametrize(("name", "value"), [("TESTING", True), ("CHEST_ENABLED", False)])
def test_health_says_what_keeps_records_from_being_delivered(make_chest, name, value):
    """As where TESTING was set by mistake, and no database ever gets a record."""
    app = Flask("shop")
    app.config[name] = value
    make_chest(monitor_open="all", testing="memory").init_app(app)
    health = app.test_client().get("/chest/health")
    assert (health.json["status"], health.status_code) == ("warning", 200)
    [finding] = health.json["findings"]
    assert finding["subject"] == "settings"
    assert name in finding["text"]


def test_answers_are_not_cached(served):
    ask = served(open="all")
    assert {ask(view).headers["Cache-Control"] for view in VIEWS} == {"no-store"}


def test_two_applications_have_their_own(served):
    one, other = served(open="all", prefix="/one"), served()
    assert one("live", prefix="/one").status_code == 200
    assert other("live").status_code == 404
