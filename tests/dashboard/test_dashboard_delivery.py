"""The page that shows whether records arrive, and what it does to dead letters."""

from __future__ import annotations

import html
import logging
import re
import threading
import time

import pytest
from flask import Flask, g
from flask_chest_dashboard.asking import Asker
from flask_chest_dashboard.troubles import Troubles
from playwright.sync_api import expect
from support.picky import Plugin
from werkzeug.security import generate_password_hash

from flask_chest.testing import RecordingExporter

HOSTILE = '<script>alert("x")</script> \u202e'


@pytest.fixture
def picky():
    return Plugin()


@pytest.fixture
def make(make_chest, picky, tmp_path):
    """Return a function that makes an application with an exporter that refuses bad records."""

    def make(*, exporters=None, testing=False, **settings):
        app = Flask("shop", instance_path=str(tmp_path))
        app.testing = testing
        chest = make_chest(
            track_all=True,
            exclude_paths=["/healthz"],
            exporters={
                "main": f"sqlite:///{tmp_path}/main.sqlite3",
                "picky": {"type": "picky", "path": str(tmp_path / "picky.sqlite3")},
                **(exporters or {}),
            },
            **{"dashboard_allow": lambda _request: True, **settings},
        )
        chest.register_plugin(picky)
        chest.init_app(app)

        @app.get("/items/<int:number>")
        def item(number):
            g.number = number
            g.password = "hunter2"
            if number % 2:
                g.bad = HOSTILE
            return "ok"

        app.add_url_rule("/healthz", "healthz", lambda: "ok")
        app.chest = chest
        return app

    return make


@pytest.fixture
def refused(make):
    """Return a function that makes such an application with three dead letters of six records."""

    def refused(**settings):
        app = make(**settings)
        for number in range(6):
            app.test_client().get(f"/items/{number}")
        with app.app_context():
            assert app.chest.flush(60)
        return app

    return refused


def get(app, path, status=200):
    answer = app.test_client().get(f"/chest{path}")
    assert answer.status_code == status, answer.text
    return html.unescape(answer.text)


def bare(page):
    """Return the text of a page in one line."""
    return " ".join(re.sub("<[^>]*>", "", page).split())


class Form:
    """A browser that has a page of ours open, and sends its forms."""

    def __init__(self, app):
        self.client = app.test_client()
        page = self.client.get("/chest/delivery").text
        self.token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]

    def send(self, path, **fields):
        fields = {"csrf_token": self.token, **fields}
        return self.client.post(f"/chest{path}", data=fields)

    def told(self, path, **fields):
        """Send a form, follow the redirect, and return what the page says."""
        answer = self.send(path, **fields)
        assert answer.status_code == 303, answer.text
        page = self.client.get(answer.headers["Location"]).text
        return html.unescape(re.search(r'class="told.*?<p>(.*?)</p>', page)[1])


def until(is_so):
    """Wait until something is so: no page waits for the number of problems."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ids(app):
    with app.app_context():
        return [letter.id for letter in app.chest.dead_letters("picky")]


# -- What it shows -------------------------------------------------------------------------------


def test_before_the_first_delivery_it_says_that_there_was_none(make):
    assert get(make(), "/delivery/now").count("<dt>Last delivery</dt><dd>none yet</dd>") == 2


def test_when_all_is_well_it_says_so_and_shows_every_number(make):
    app = make()
    client = app.test_client()
    for path in ("/items/2", "/items/4", "/healthz"):
        client.get(path)
    with app.app_context():
        assert app.chest.flush(60)
    now = get(app, "/delivery/now")
    assert "Nothing is known to be wrong. The journal takes records." in bare(now)
    assert "this page does not know whether a database is reached" in now
    assert re.search(r"of 1.00 GiB \(\S+ %\), \d\S* \w+ free on its disk", bare(now))
    assert 'class="tag bad"' not in get(app, "/explore")
    assert now.count("Nothing waits.") == 2
    with app.app_context():
        delivered = [each.last_delivery_at for each in app.chest.stats().exporters.values()]
    shown = re.findall(r'<dt>Last delivery</dt><dd><time datetime="(.*?)"', now)
    assert shown == [when.isoformat() for when in delivered]
    assert len(shown) == 2
    assert re.search(r"Process \d+ delivers, since <span class=.nowrap.>20", now)
    assert "KiB of 1.00 GiB" in now or "bytes of 1.00 GiB" in now
    assert "There are none" in get(app, "/delivery/letters")
    capture = get(app, "/delivery/capture")
    for name, number in (("Recorded", 2), ("Excluded", 1), ("Masked", 2)):
        assert re.search(rf'>{name}</th>\s*<td class="number">{number}</td>', capture), name
    assert "<code>password</code> <b>2</b>" in capture
    assert "<code>path</code> <b>1</b> By CHEST_EXCLUDE_PATHS." in capture
    assert "Zero: lost, sampled out, suppressed" in capture


def test_while_a_database_is_away_it_says_since_when_and_what_waits(make):
    away = "postgresql://shop:hunter2@127.0.0.1:1/shop"
    app = make(exporters={"away": away})
    app.test_client().get("/items/2")
    deadline = time.monotonic() + 60
    with app.app_context():
        while app.chest.stats().exporters["away"].failing_since is None:
            assert time.monotonic() < deadline
            app.chest.flush(0.2)
    now = get(app, "/delivery/now")
    assert re.search(r"away cannot deliver since 20\S+ \S+ \(\d+ s\). 1 record waits", now)
    assert re.search(r"away: <span[^>]*>Waiting for the database since .* attempt", now)
    assert "1 records, " not in now
    assert "Connection refused" in now
    assert "hunter2" not in now


def test_a_database_that_is_away_while_nothing_waits_is_said_once_a_page_has_asked_it(make):
    app = make(store="away", exporters={"away": "postgresql://shop@127.0.0.1:1/shop"})
    assert "does not know whether a database is reached" in get(app, "/delivery/now")
    get(app, "/overview/numbers", 503)
    now = get(app, "/delivery/now")
    assert "could not be reached at 20" in now
    assert "Nothing waits to be delivered now" in now
    assert "known to be wrong" not in now
    until(lambda: '<span class="tag bad">1<span class="hidden"> problem<' in get(app, "/delivery"))


def test_a_database_that_answers_the_pages_is_said_with_the_time(make):
    app = make(store="main")
    app.test_client().get("/items/2")
    with app.app_context():
        assert app.chest.flush(60)
    get(app, "/overview/numbers")
    assert re.search(
        r"that the pages ask answered at 20\S+ \S+ \(\d s ago\)", get(app, "/delivery/now")
    )


def test_an_exporter_that_cannot_be_read_is_shown_like_any_other(make_chest):
    app = Flask("shop")
    recording = RecordingExporter()
    chest = make_chest(
        dashboard_allow=lambda _request: True, track_all=True, exporters={"log": "recording://"}
    )
    chest.register_plugin(recording)
    chest.init_app(app)
    app.add_url_rule("/", "index", lambda: "ok")
    app.test_client().get("/")
    with app.app_context():
        assert chest.flush(60)
    assert "log: " in get(app, "/delivery/now")
    assert "There are none" in get(app, "/delivery/letters")


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"enabled": False}, "switched off by CHEST_ENABLED"), ({"testing": True}, "TESTING is on")],
)
def test_it_works_while_nothing_is_delivered_and_says_why(make_chest, settings, said):
    app = Flask("shop")
    app.testing = settings.pop("testing", False)
    make_chest(dashboard_allow=lambda _request: True, testing="memory", **settings).init_app(app)
    get(app, "/delivery")
    now = get(app, "/delivery/now")
    assert said in now
    assert 'main: <span class="">Nothing is delivered now.' in now
    assert "There are none" in get(app, "/delivery/letters")
    assert "Recorded" in get(app, "/delivery/capture")


def test_dead_letters_are_listed_and_each_is_shown_with_its_whole_record(refused, picky):
    picky.store.complaint = HOSTILE
    app = refused()
    assert "picky has 3 dead letters" in get(app, "/delivery/now")
    until(lambda: '<span class="tag bad">1<span class="hidden"> problem<' in get(app, "/explore"))
    assert "<title>Delivery (1)" in get(app, "/delivery")
    raw = app.test_client().get("/chest/delivery/letters").text
    assert "<script" not in raw
    rows = re.findall(r"letter\?exporter=picky&amp;id=([0-9a-f-]+)", raw)
    assert rows == ids(app)
    assert "BatchRejected: &lt;script&gt;" in raw
    assert "<form" not in raw
    assert "CHEST_DASHBOARD_MANAGE" in raw
    shown = get(app, f"/delivery/letter?exporter=picky&id={rows[0]}")
    assert '"number": 5' in shown
    assert '"bad": ' in shown
    for wrong in ("exporter=picky&id=nonsense", "exporter=mian&id=1", ""):
        assert "no such dead letter" in get(app, f"/delivery/letter?{wrong}", 404)


def test_dead_letters_that_cannot_be_read_are_said_to_be_so(refused, tmp_path):
    app = refused(dashboard_manage=True)
    file = tmp_path / "journal" / "dead-letter" / "picky.jsonl"
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert "The dead letters of picky cannot be read." in get(app, "/delivery/letters")
    said = Form(app).told("/delivery/retry", exporter="picky", id="some-id")
    assert "the dead letters cannot be changed" in said


# -- What it does --------------------------------------------------------------------------------


def test_who_may_only_look_can_neither_retry_nor_drop(refused):
    app = refused()
    form = Form(app)
    for path in ("/delivery/retry", "/delivery/drop"):
        assert form.send(path, exporter="picky", id=ids(app)[0]).status_code == 403
    assert form.client.get("/chest/delivery/drop?exporter=picky").status_code == 403
    assert len(ids(app)) == 3


def test_nothing_changes_without_the_token_or_by_get(refused):
    app = refused(dashboard_manage=True)
    form = Form(app)
    for path in ("/delivery/retry", "/delivery/drop"):
        given = {"exporter": "picky", "id": ids(app)[0]}
        assert form.client.post(f"/chest{path}", data=given).status_code == 400
        form.client.get(f"/chest{path}", query_string=given)
    assert len(ids(app)) == 3


def test_a_retry_says_what_was_stored_and_what_was_refused_again(refused, picky, caplog):
    app = refused(dashboard_manage=lambda request: request.remote_addr == "127.0.0.1")
    form, before = Form(app), ids(app)
    picky.store.complaint = "still not"
    said = form.told("/delivery/retry", exporter="picky")
    assert said == "picky: 0 dead letters stored, 3 refused again, with the error below."
    assert get(app, "/delivery/letters").count("BatchRejected: still not") == 3
    picky.store.is_down = True
    answer = form.send("/delivery/retry", exporter="picky")
    page = form.client.get(answer.headers["Location"]).text
    assert "The exporter failed, and the others were not sent." in page
    assert "<pre>it is down</pre>" in page
    elsewhere = answer.headers["Location"].partition("&why=")[0]
    assert "<pre>it is down" not in form.client.get(f"{elsewhere}&why=it+is+down").text
    assert "it is down" in caplog.text
    picky.store.is_down = picky.store.is_strict = False
    said = form.told("/delivery/retry", exporter="picky", id=before[1])
    assert said == "picky: 1 dead letter stored."
    assert ids(app) == [before[0], before[2]]
    assert form.told("/delivery/retry", exporter="picky") == "picky: 2 dead letters stored."
    assert ids(app) == []
    with app.app_context():
        assert app.chest.store("picky").count() == 6
    logged = [record.getMessage() for record in caplog.records if "Dashboard:" in record.msg]
    assert len(logged) == 4
    assert "retry of 1 dead letters of 'picky' by 127.0.0.1" in logged[2]
    assert before[1] in logged[2]


def test_the_log_names_who_has_logged_in(refused, caplog):
    hashed = generate_password_hash("a long enough one", "scrypt:1024:8:1")
    app = refused(
        dashboard_allow=None,
        dashboard_user="ada",
        dashboard_password_hash=hashed,
        dashboard_manage=True,
    )
    client = app.test_client()
    client.get("/chest/login")
    token = client.get_cookie("chest_csrf", path="/chest").value
    given = {"csrf_token": token, "user": "ada", "password": "a long enough one"}
    client.post("/chest/login", data=given)
    given = {"csrf_token": token, "exporter": "picky", "id": ids(app)[0]}
    assert client.post("/chest/delivery/drop", data=given).status_code == 303
    assert "drop of 1 dead letters of 'picky' by 'ada' at 127.0.0.1" in caplog.text


def test_dropping_asks_and_then_deletes_what_was_shown(refused, caplog):
    app = refused(dashboard_manage=True)
    form, before = Form(app), ids(app)
    asked = get(app, f"/delivery/drop?exporter=picky&id={before[0]}&id={before[1]}&id=nonsense")
    assert "Drop 2 dead letters of picky?" in asked
    assert len(ids(app)) == 3
    shown = re.findall(r'name="id" value="([^"]+)"', asked)
    assert shown == before[:2]
    caplog.set_level(logging.INFO)
    said = form.told("/delivery/drop", exporter="picky", id=[*shown, "nonsense"])
    assert said == "picky: 2 dead letters deleted. No longer there: 1."
    assert ids(app) == before[2:]
    assert "drop of 3 dead letters of 'picky' by 127.0.0.1" in caplog.text
    assert "nothing to drop" in get(app, f"/delivery/drop?exporter=picky&id={before[0]}")


def test_a_form_that_no_page_of_ours_has_is_refused(refused):
    app = refused(dashboard_manage=True)
    form = Form(app)
    assert form.send("/delivery/retry", exporter="mian").status_code == 400
    assert form.send("/delivery/drop", exporter="picky").status_code == 400
    assert len(ids(app)) == 3


def test_an_address_cannot_make_the_page_say_anything(make):
    client = make().test_client()
    for told in (HOSTILE, "retry.1.0.", "retry.x.0..picky", "eat.1.0..picky", "drop.1.0..mian"):
        page = client.get("/chest/delivery", query_string={"told": told}).text
        assert 'class="told' not in page, told
    page = client.get("/chest/delivery", query_string={"told": "drop.1.0..picky"}).text
    assert "picky: 1 dead letter deleted." in page


def test_a_dead_letter_that_is_no_record_is_shown_and_can_be_dropped(make, tmp_path):
    app = make(dashboard_manage=True)
    letters = tmp_path / "journal" / "dead-letter" / "picky.jsonl"
    letters.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    odd = '{"at": "soon", "error": "odd", "record": {"id": "odd", "route": ["<b>"], "x": NaN}}'
    deep = '{"error": "deep", "record": {"id": "deep", "x": ' + "[" * 500 + "]" * 500 + "}}"
    letters.write_text(f"<script>garbage\n{odd}\n{deep}\n")
    letters.chmod(0o600)
    shown = app.test_client().get("/chest/delivery/letters").text
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert html.unescape(shown).count("not known") == 3
    garbage = ids(app)[2]
    assert garbage.startswith("line-")
    page = get(app, f"/delivery/letter?exporter=picky&id={garbage}")
    assert "This is no record" in page
    assert "garbage" in page
    assert "[[[[[[" in re.sub(r"\s", "", get(app, "/delivery/letter?exporter=picky&id=deep"))
    assert Form(app).told("/delivery/drop", exporter="picky", id=garbage).endswith("deleted.")
    assert ids(app) == ["deep", "odd"]


def test_it_answers_while_questions_to_the_database_hang(make):
    app = make()
    asker, released = Asker(app.chest), threading.Event()
    hanging = [
        threading.Thread(target=asker.ask, args=(number, released.wait)) for number in range(2)
    ]
    try:
        for thread in hanging:
            thread.start()
        assert asker.stats().recorded == 0
        assert asker.journal_fault() is None
    finally:
        released.set()
        for thread in hanging:
            thread.join()


def test_on_a_phone_dead_letters_are_retried_and_dropped(browse, refused, picky):
    app = refused(dashboard_manage=True)
    before = ids(app)
    with browse(app, viewport={"width": 390, "height": 800}) as browser:
        page = browser.go("/chest/delivery")
        expect(page.get_by_text("picky has 3 dead letters")).to_be_visible()
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390
        page.get_by_role("link", name=f"Record of {before[0]}").click()
        expect(page.get_by_text('"number": 5')).to_be_visible()
        page.get_by_role("link", name="Drop…").click()
        page.get_by_role("button", name="Drop for good").click()
        expect(page.locator(".told")).to_have_text("picky: 1 dead letter deleted.")
        browser.settle()
        picky.store.is_strict = False
        page.get_by_role("button", name="Retry all 2").click()
        expect(page.locator(".told")).to_have_text("picky: 2 dead letters stored.")
        browser.settle()
        expect(page.get_by_text("There are none")).to_be_visible()
    assert ids(app) == []


def test_no_page_waits_for_the_number_of_problems(make):
    app = make()
    asker, released = Asker(app.chest), threading.Event()
    troubles = Troubles(asker)
    slow = threading.Thread(
        target=asker._of_host.ask, args=(("stats",), lambda: released.wait() and app.chest.stats())
    )
    try:
        slow.start()
        assert [troubles.number(), troubles.number()] == [0, 0]
    finally:
        released.set()
        slow.join()
