"""Saved views: a page with all that was chosen on it, under a name."""

from __future__ import annotations

import html
import re
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from flask_chest_dashboard.file import MEMORY, DashboardFile
from flask_chest_dashboard.saved_views import SavedViews, ViewRefused, clean_name, clean_query
from playwright.sync_api import expect

HOSTILE = "<script>alert('x')</script> \"&' 'ä"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "dashboard.sqlite3"


@pytest.fixture
def saved(file):
    return SavedViews(DashboardFile(file))


@pytest.fixture
def app(shop, file):
    return shop(dashboard_file=str(file))


class Form:
    """A browser that has a page of ours open, and sends its forms."""

    def __init__(self, app):
        self.client = app.test_client()
        page = self.client.get("/chest/delivery").text
        self.token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]

    def send(self, path="", **fields):
        return self.client.post(f"/chest/views{path}", data={"csrf_token": self.token, **fields})

    def page(self):
        return self.client.get("/chest/views").text


# -- What is kept --------------------------------------------------------------------------------


def test_a_view_is_kept_for_other_processes_with_its_state(saved, file):
    number = saved.save("Slow", "explore", "since=7d&where=a+%3D%3D+%27b%26c%27&where=x&told=1")
    [view] = SavedViews(DashboardFile(file)).all()
    assert (view.id, view.name, view.page, view.title) == (number, "Slow", "explore", "Explore")
    assert view.arguments == [("since", "7d"), ("where", "a == 'b&c'"), ("where", "x")]
    assert saved.find(number) == view
    assert saved.find(number + 1) is None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_choice_of_nothing_is_kept(saved):
    number = saved.save("No columns", "requests", "columns=&since=7d")
    assert saved.find(number).arguments == [("columns", ""), ("since", "7d")]
    assert saved.find(number).query == "columns=&since=7d"


def test_names_are_unique_whatever_their_case_unless_one_is_replaced(saved):
    saved.save("Slow", "explore", "since=7d")
    with pytest.raises(ViewRefused, match="'SLOW' already") as error:
        saved.save(" SLOW ", "overview", "")
    assert error.value.is_taken
    saved.save("SLOW", "overview", "", replaces=True)
    assert [(view.name, view.page) for view in saved.all()] == [("SLOW", "overview")]
    other = saved.save("Other", "overview", "")
    with pytest.raises(ViewRefused, match="'slow' already"):
        saved.rename(other, "slow")
    assert saved.rename(other, "OTHER")
    assert [view.name for view in saved.all()] == ["OTHER", "SLOW"]


def test_views_are_renamed_and_deleted_once(saved):
    number = saved.save("Slow", "explore", "")
    assert saved.rename(number, "Slower")
    assert saved.newest()[0].name == "Slower"
    assert saved.delete(number)
    assert saved.all() == saved.newest() == []
    assert not saved.delete(number)
    assert not saved.rename(number, "Slow")


@pytest.mark.parametrize("name", ["", "  \n\t ", "\u202e\u200b", "x" * 101])
def test_a_name_has_something_to_see_and_an_end(saved, name):
    with pytest.raises(ViewRefused, match="1 to 100 characters"):
        saved.save(name, "explore", "")


def test_what_cannot_be_seen_is_left_out_of_a_name():
    assert clean_name(" Slow\r\nand\u202e failed\0 ") == "Slow and failed"
    assert clean_name("ä" * 100) == "ä" * 100


@pytest.mark.parametrize("page", ["", "log_in", "saved", "delete_view", "https://evil.example/"])
def test_only_pages_with_a_state_can_be_saved(saved, page):
    with pytest.raises(ViewRefused, match="cannot be saved"):
        saved.save("Slow", page, "")


@pytest.mark.parametrize("query", ["where=" + "x" * 8_000, "&".join(["a=b"] * 201)])
def test_an_address_without_end_is_refused(saved, query):
    with pytest.raises(ViewRefused, match="too long"):
        saved.save("Slow", "explore", query)


def test_the_query_string_cannot_leave_its_place():
    cleaned = clean_query("a=1#x&b=%0d%0aSet-Cookie:x&c=//evil.example&\x00d=\u202e")
    assert not set(cleaned) & set("#\r\n\0 <>\"'/:")
    assert clean_query("?") == "%3F="


def test_there_are_500_views_at_most(saved, file):
    saved.save("first", "overview", "")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executemany(
            "INSERT INTO saved_views (name, page, query) VALUES (?, 'overview', '')",
            [(f"view-{number}",) for number in range(499)],
        )
    with pytest.raises(ViewRefused, match="There are 500 views, the most"):
        saved.save("one more", "overview", "")
    saved.save("FIRST", "explore", "", replaces=True)
    assert len(saved.all()) == 500
    assert len(saved.newest()) == 10


def test_many_save_at_the_same_time_and_none_is_lost(file):
    def save(number):
        return SavedViews(DashboardFile(file)).save(f"view-{number}", "overview", "")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(save, range(24)))) == 24
    assert len(SavedViews(DashboardFile(file)).all()) == 24


def test_a_page_that_another_release_had_is_passed_over(saved, file):
    saved.save("Slow", "explore", "")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE saved_views SET page = 'flame_graph'")
    assert saved.all() == []


# -- The pages -----------------------------------------------------------------------------------


def test_a_view_is_saved_listed_renamed_and_deleted(app):
    form = Form(app)
    answer = form.send(name="Slow ones", page="explore", query="since=7d&by=route")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/chest/views?told=saved")
    assert "The view is saved." in form.client.get(answer.headers["Location"]).text
    assert 'href="/chest/explore?since=7d&amp;by=route">Slow ones</a>' in form.page()
    assert form.send("/1/rename", name="Slower ones").status_code == 303
    asked = form.client.get("/chest/views/1/delete").text
    assert "Delete the view “Slower ones”?" in asked
    assert "Slower ones" in form.page()
    assert form.send("/1/delete").headers["Location"] == "/chest/views?told=deleted"
    assert "There is no saved view." in form.page()
    assert form.send("/1/delete").headers["Location"] == "/chest/views?told=gone"
    assert form.send("/1/rename", name="x").headers["Location"] == "/chest/views?told=gone"
    assert form.client.get("/chest/views/1/delete").status_code == 404


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 10**40])
def test_a_number_larger_than_that_of_any_view_is_of_none(app, number):
    form = Form(app)
    assert form.client.get(f"/chest/views/{number}/delete").status_code == 404
    assert form.send(f"/{number}/delete").headers["Location"] == "/chest/views?told=gone"
    assert form.send(f"/{number}/rename", name="x").headers["Location"] == "/chest/views?told=gone"


def test_a_name_that_is_taken_can_be_replaced(app):
    form = Form(app)
    form.send(name="Slow", page="explore", query="since=7d")
    refused = form.send(name="slow", page="requests", query="since=1h")
    assert refused.status_code == 409
    text = html.unescape(refused.text)
    assert "There is a view with the name 'slow' already." in text
    assert 'name="page" value="requests"' in text
    assert 'name="query" value="since=1h"' in text
    assert "Replace the other one" in text
    form.send(name="slow", page="requests", query="since=1h", replaces="yes")
    assert 'href="/chest/requests?since=1h">slow</a>' in form.page()
    form.send(name="Other", page="requests", query="")
    [other] = re.findall(r'"view-(\d+)">\s*<th scope="row"><a [^>]*>Other<', form.page())
    renamed = form.send(f"/{other}/rename", name="SLOW")
    assert renamed.status_code == 409
    assert "The view keeps its name" in renamed.text
    assert "Replace the other one" not in renamed.text


def test_nothing_is_saved_without_the_token_by_get_or_for_another_address(app):
    form = Form(app)
    given = {"name": "Slow", "page": "explore", "query": ""}
    assert form.client.post("/chest/views", data=given).status_code == 400
    form.client.get("/chest/views", query_string=given)
    for page in ("https://evil.example/", "//evil.example", "javascript:alert(1)", "log_out"):
        answer = form.send(name="Slow", page=page, query="")
        assert answer.status_code == 400
        assert "This page cannot be saved." in answer.text
    assert "There is no saved view." in form.page()


def test_hostile_names_and_values_are_text(app):
    form = Form(app)
    form.send(name=HOSTILE, page="overview", query='where=%3Cscript%3Ealert%281%29&"><i>=1')
    for page in (form.page(), form.client.get("/chest/views/1/delete").text):
        assert "<script>alert" not in page
        assert "<i>" not in page
    refused = form.send(name=HOSTILE, page='"><i>', query='"><i>').text
    assert "<i>" not in refused
    assert "<script>alert" not in refused


def test_a_state_that_cannot_be_read_any_more_opens_with_its_error(app):
    form = Form(app)
    form.send(name="Old", page="overview", query="tz=Atlantis%2FMain")
    address = html.unescape(re.search(r'href="(/chest/\?tz[^"]+)"', form.page())[1])
    answer = form.client.get(address)
    assert answer.status_code == 400
    assert "Atlantis/Main" in html.unescape(answer.text)


def test_when_the_file_cannot_be_written_the_page_says_what_to_set(shop, tmp_path):
    (tmp_path / "a-file").touch()
    app = shop(dashboard_file=str(tmp_path / "a-file" / "dashboard.sqlite3"))
    form = Form(app)
    form.send(name="Slow", page="explore", query="")
    page = form.page()
    assert "Views are not kept on the disk:" in page
    assert "Set CHEST_DASHBOARD_FILE" in page
    assert ">Slow</a>" in page


def test_in_memory_the_page_says_so(shop):
    page = Form(shop(dashboard_file=MEMORY)).page()
    assert "it is kept in memory only" in page


def test_pages_are_shown_without_the_views_when_these_cannot_be_read(app, file):
    Form(app).send(name="Slow", page="explore", query="")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript("DROP TABLE saved_views; CREATE VIEW saved_views AS SELECT 1")
    page = app.test_client().get("/chest/delivery")
    assert page.status_code == 200
    assert "Save this view as" in page.text
    assert ">Slow</a>" not in page.text


@pytest.mark.slow
def test_a_view_is_saved_and_opened_in_the_browser(browse, app):
    with browse(app) as browser:
        page = browser.go("/chest/delivery?since=7d&where=tenant+%3D%3D+'acme'")
        page.get_by_text("Views ▾").click()
        page.get_by_label("Save this view as").fill(HOSTILE)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator(".told")).to_have_text("The view is saved.")
        page.get_by_role("table").get_by_role("link", name=HOSTILE, exact=True).click()
        browser.settle()
        assert page.url.endswith("/chest/delivery?since=7d&where=tenant+%3D%3D+%27acme%27")
        page.get_by_text("Views ▾").click()
        page.get_by_role("link", name=HOSTILE).click()
        browser.settle()
        page.get_by_text("Views ▾").click()
        page.get_by_role("link", name="All views").click()
        page.locator("summary", has_text="Rename").click()
        page.get_by_label("New name of").fill("Of acme")
        page.get_by_role("button", name="Rename").click()
        expect(page.locator(".told")).to_have_text("The view has another name.")
        page.get_by_role("link", name="Delete Of acme").click()
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_text("There is no saved view.")).to_be_visible()
