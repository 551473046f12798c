"""The dashboard where the store, the disk or the application itself misbehaves."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import time

import pytest
from flask import make_response
from flask_chest_dashboard.shared import Busy, Shared

from flask_chest import BatchRejected, ExporterUnavailable
from flask_chest.errors import QueryTimeout

PASSWORD = "hunter2"
ADDRESS = f"postgresql://chest:{PASSWORD}@db.example:5432/chest"


def panels(client):
    """Return the answers of all panels of all pages, by their address."""
    found = {}
    for page in ("", "explore?by=route&differ=failed", "requests", "route?route=x", "delivery"):
        for each in re.findall(r'data-panel="([^"]*)"', client.get(f"/chest/{page}").text):
            address = each.replace("&amp;", "&")
            found[address] = client.get(address)
    return found


def test_a_store_with_the_required_methods_alone_answers_every_panel(foreign):
    app, _ = foreign
    answers = panels(app.test_client())
    assert len(answers) > 12
    assert {address: each.status_code for address, each in answers.items()} == dict.fromkeys(
        answers, 200
    )


def test_no_error_of_a_store_shows_a_password(foreign):
    app, store = foreign
    for error in (
        ExporterUnavailable(f"cannot connect to {ADDRESS}: refused"),
        QueryTimeout(f"host=db.example password='{PASSWORD}' took too long"),
        ExporterUnavailable(f'{{"user": "chest", "password": "{PASSWORD}"}}'),
        RuntimeError(ADDRESS),
    ):
        store.error = error
        answers = panels(app.test_client())
        assert {each.status_code for each in answers.values()} >= {200}
        assert any(each.status_code >= 500 for each in answers.values())
        for address, each in answers.items():
            assert PASSWORD not in each.text, address


def test_no_error_of_a_delivery_shows_a_password(foreign, said):
    app, store = foreign
    client = app.test_client()
    for error in (ExporterUnavailable, BatchRejected):
        store.error = error(f"POST https://in.example/records?token={PASSWORD}")
        client.get("/items/1")
        with app.app_context():
            app.chest.flush(5)
        store.error = None
        assert any("?token=***" in each for each in _of_delivery(client))
    deadline, letter = time.monotonic() + 60, None
    while letter is None and time.monotonic() < deadline:  # answers are shared for two seconds
        text = "".join(_of_delivery(client))
        letter = re.search(r'href="(/chest/delivery/letter\?[^"]*)"', text)
        time.sleep(0.1)
    alone = client.get(letter[1].replace("&amp;", "&")).text
    assert "?token=***" in text
    assert "?token=***" in alone
    assert PASSWORD not in alone
    assert any("?token=***" in each for each in said())
    assert PASSWORD not in "".join(said())


def _of_delivery(client):
    """Return what the panels of the page of delivery show, in which there is no password."""
    answers = [client.get(f"/chest/delivery/{panel}").text for panel in ("now", "letters")]
    assert not any(PASSWORD in each for each in answers)
    return answers


# -- Threads of the application ------------------------------------------------------------------


def test_few_threads_wait_long_for_a_database_that_hangs():
    shared, release = Shared(patience_seconds=60), threading.Event()
    refused = []

    def ask(number):
        try:
            shared.ask(number, lambda: release.wait(60))
        except Busy:
            refused.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    try:
        for each in threads:
            each.start()
        deadline = time.monotonic() + 30
        while len(refused) < 14 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(refused) == 14  # two are asked, and four wait
    finally:
        release.set()
        for each in threads:
            each.join(60)
    assert len(refused) == 14


def test_few_threads_read_dead_letters(shop):
    app, release, waiting = shop(), threading.Event(), threading.Barrier(7)
    dashboard = app.view_functions["chest_dashboard.dead_letter"]
    asker = next(
        cell.cell_contents.asker
        for cell in dashboard.__closure__
        if hasattr(cell.cell_contents, "asker")
    )
    letters = asker._of_letters

    def ask(number):
        waiting.wait(60)
        letters.ask(number, lambda: release.wait(60))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    try:
        for each in threads:
            each.start()
        waiting.wait(60)
        deadline = time.monotonic() + 60
        while letters._waiting < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        answer = app.test_client().get("/chest/delivery/letter?exporter=main&id=1")
        assert answer.status_code == 503
        assert "Try again in a moment" in answer.text
    finally:
        release.set()
        for each in threads:
            each.join(60)
    assert app.test_client().get("/chest/delivery/letter?exporter=main&id=1").status_code == 404


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_does_not_wait_for_what_its_parent_asks():
    shared, asking, release = Shared(), threading.Event(), threading.Event()

    def hang():
        asking.set()
        release.wait(60)
        return "parent"

    threads = [threading.Thread(target=shared.ask, args=("same", hang))]
    threads.append(threading.Thread(target=shared.ask, args=("other", hang)))
    for each in threads:
        each.start()
    assert asking.wait(60)
    child = os.fork()
    if not child:
        status = 1
        try:
            began = time.monotonic()
            is_right = shared.ask("same", lambda: "child") == "child"
            status = 0 if is_right and time.monotonic() - began < 15 else 1
        finally:
            os._exit(status)
    release.set()
    for each in threads:
        each.join(60)
    assert os.waitpid(child, 0)[1] == 0


def test_answers_that_are_over_are_dropped_while_a_question_hangs():
    shared, asking, release = Shared(seconds=0.01), threading.Event(), threading.Event()

    def hang():
        asking.set()
        release.wait(60)

    thread = threading.Thread(target=shared.ask, args=("slow", hang))
    thread.start()
    assert asking.wait(60)
    for number in range(50):
        shared.ask(number, lambda: "x")
    time.sleep(0.05)
    shared.ask("last", lambda: "x")
    assert len(shared._known) == 2
    release.set()
    thread.join(60)


def test_pages_do_not_wait_for_a_locked_file(shop, tmp_path):
    client = shop().test_client()
    assert client.get("/chest/").status_code == 200
    path = tmp_path / "chest_dashboard.sqlite3"
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        for page, status in (
            ("", 200),
            ("views", 503),
            ("nothing", 404),
            ("delivery?told=retry.1.2..main&why=x", 200),
        ):
            began = time.monotonic()
            shown = client.get(f"/chest/{page}")
            assert time.monotonic() - began < 8  # a change waits for ten seconds
            assert shown.status_code == status
            assert status != 503 or "The saved views are locked" in shown.text
    connection.close()


# -- An application that meddles -----------------------------------------------------------------


def test_a_download_that_the_application_replaces_keeps_no_place(shop):
    app, replaced = shop(), []

    @app.after_request
    def replace(response):
        if response.is_streamed and len(replaced) < 3:
            replaced.append(response.status_code)
            return make_response("something else")
        return response

    client = app.test_client()
    for _ in range(3):
        assert client.get("/chest/requests.csv").text == "something else"
    assert client.get("/chest/requests.csv").status_code == 200


def test_a_saved_view_has_a_whole_address_where_all_addresses_have_an_argument(shop):
    app = shop()
    app.url_defaults(lambda _endpoint, values: values.setdefault("lang", "de"))
    client = app.test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/chest/").text)[1]
    view = {"name": "mine", "page": "explore", "query": "by=route"}
    client.post("/chest/views", data={"csrf_token": token, **view})
    assert 'href="/chest/explore?lang=de&amp;by=route"' in client.get("/chest/").text
