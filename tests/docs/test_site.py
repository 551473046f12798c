"""The documentation site works from a folder, without a network. Run by `make test-slow`."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect, sync_playwright
from support.docs_page import ROOT

from tools.chromium import launch

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    command = ["-m", "sphinx", "--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"]
    subprocess.run([sys.executable, *command, "-c", "docs", ".", folder], cwd=ROOT, check=True)
    return folder


@pytest.fixture
def page(site):
    """Return a page of a browser, and the addresses of all that it loads."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()
        loaded = []
        page.on("request", lambda request: loaded.append(request.url))
        yield page, loaded
        browser.close()


def search(page, site, words):
    page.goto(f"file://{site}/docs/index.html")
    page.locator("input.sidebar-search").fill(words)
    page.keyboard.press("Enter")


def test_every_page_of_the_docs_is_in_the_site(site):
    pages = [path for path in ROOT.glob("docs/**/*.md") if not path.name.startswith("_")]
    assert len(pages) > 60
    for path in pages:
        assert (site / path.relative_to(ROOT)).with_suffix(".html").is_file(), path


def test_the_start_leads_to_the_tutorial(site, page):
    page, loaded = page
    page.goto(f"file://{site}/index.html")
    page.get_by_role("main").get_by_role("link", name="Tutorial").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("From an empty folder")
    assert page.get_by_role("img", name="Explore").evaluate("image => image.naturalWidth") > 1000
    assert {url.partition(":")[0] for url in loaded} <= {"file", "data"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("CHEST_RETENTION", "Settings"),
        ("kubernetes", "Kubernetes"),
        ("dead letters", "Operat"),
        ("hash-password", "flask-chest-dashboard"),
        ("GDPR", "Forget a person"),
        ("migrate", "From 0.0.10"),
        ("ModuleNotFoundError", "Errors"),
    ],
)
def test_the_search_needs_no_network(site, page, words, found):
    page, loaded = page
    search(page, site, words)
    results = page.locator("#search-results")
    expect(results.get_by_role("link", name=found).first).to_be_visible(timeout=30_000)
    assert {url.partition(":")[0] for url in loaded} <= {"file", "data"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("alert", "Alerts with Prometheus"),
        ("csv exporter", "Append records to one file"),
        ("CHEST_FSYNC", "Settings"),
        ("celery", "Celery, RQ"),
        ("csv", "Files and spreadsheets"),
        ("dashboard empty", "Troubleshooting"),
        ("delete user", "Forget a person"),
        ("exporter", "Write an exporter"),
        ("factory", "Application factories"),
        ("gunicorn", "Servers"),
        ("install", "Install"),
        ("nothing recorded", "Troubleshooting"),
        ("open_store", "flask_chest.open_store"),
        ("overhead", "What it costs"),
        ("postgres", "PostgreSQL"),
        ("pytest", "Test an application"),
        ("request id", "Request IDs"),
        ("retention", "Keep records for a time"),
        ("SIGTERM", "End a process"),
        ("turn off", "Switch it off"),
        ("upgrade", "Upgrade"),
        ("user id", "Flask-Login"),
        # What people search for.
        ("CHEST_JOURNAL_MAX_BYTES", "Settings"),
        ("cost of a request", "What it costs"),
        ("masked", "Redaction"),
        ("disk full", "Delivery"),
        ("disable", "Switch it off"),
        ("disable in tests", "Test an application"),
        ("nothing is recorded", "Troubleshooting"),
        ("two applications", "Two applications"),
        ("CREATE DATABASE", "PostgreSQL"),
        ("rollback", "Upgrade"),
        ("export to csv", "Files and spreadsheets"),
        ("multi tenant", "Flask-Login"),
        ("multi-tenant", "LLM costs"),
        ("tenant", "LLM costs"),
        ("multitenancy", "LLM costs"),
        ("nginx", "Request IDs"),
        ("reverse proxy", "Request IDs"),
        ("reverse proxy request id", "Request IDs"),
        ("rotate password", "Change exporters"),
        # What somebody types who was paged.
        ("permission denied", "Permissions"),
        ("grant permissions postgres", "PostgreSQL"),
        ("healthcheck", "flask-chest-monitor"),
        ("database down", "When you are paged"),
        ("database outage", "When you are paged"),
        ("connection refused", "When you are paged"),
        ("too many connections", "pgbouncer"),
        ("lag", "When you are paged"),
        ("backlog", "When you are paged"),
        ("lost records after deploy", "End a process"),
        ("no leader", "When you are paged"),
        ("cron", "Servers"),
        ("unauthorized", "flask-chest-monitor"),
        ("unreachable", "When you are paged"),
        # What has a name of two words or one, and words for the same.
        ("timezone", "Asking on the command line"),
        ("time zone", "Asking on the command line"),
        ("web hook", "flask-chest-webhook"),
        ("pre-fork", "Servers"),
        ("quick start", "From an empty folder"),
        ("two workers", "Servers"),
        ("multiple workers", "Servers"),
        ("number of workers", "Servers"),
        ("cost per tenant", "LLM costs"),
        ("cost per customer", "LLM costs"),
        ("most expensive customer", "LLM costs"),
        ("cors", "Compatibility"),
        # What is slow, and who comes.
        ("slow endpoint", "The dashboard"),
        ("slow endpoint", "Asking on the command line"),
        ("which endpoint is slow", "Asking on the command line"),
        ("slow requests", "The dashboard"),
        ("response time", "Asking on the command line"),
        ("requests per minute", "Asking on the command line"),
        ("failed requests", "The dashboard"),
        ("unique users", "Asking on the command line"),
        ("active users", "Asking on the command line"),
        ("count distinct", "Records, measures"),
        # What somebody types who starts.
        ("getting started", "From an empty folder"),
        ("hello world", "From an empty folder"),
        ("tutorial", "From an empty folder"),
        ("async views", "Record"),
        ("asyncio", "Record"),
        ("request body", "Record"),
        ("send to http", "Write an exporter"),
        ("send to http", "flask-chest-webhook"),
        ("management command", "Work that is no request"),
        ("schema migration", "Upgrade"),
        ("anonymize", "Privacy"),
        ("data retention policy", "Keep records for a time"),
        # Somebody was paged.
        ("wrong password", "When you are paged"),
        ("authentication failed", "When you are paged"),
        ("invalid credentials", "When you are paged"),
        ("no space left", "When you are paged"),
        ("clock skew", "When you are paged"),
        ("mysql server has gone away", "MySQL and MariaDB"),
        ("duplicate records", "Delivery"),
        ("memory usage", "What it costs"),
        # No page has all of the words.
        ("psycopg frobnicate grant", "PostgreSQL"),
        # Names of code.
        ("flask chest erase", "flask chest erase"),
        ("ExporterContract", "flask_chest.testing.ExporterContract"),
        ("Batch", "flask_chest.exporter.Batch"),
        ("partition_by_day", "Settings of exporters"),
    ],
)
def test_the_page_that_says_how_to_do_it_is_among_the_first_results(site, page, words, found):
    page, _ = page
    search(page, site, words)
    first = page.locator("#search-results li > a").filter(has_text=found).first
    expect(first).to_be_visible(timeout=30_000)
    before = page.locator("#search-results li > a").all_inner_texts()[:3]
    assert any(found in text for text in before), before


@pytest.mark.parametrize("words", ["cors", "graphql"])
def test_a_part_inside_of_other_words_finds_nothing(site, page, words):
    page, _ = page
    search(page, site, words)
    expect(page.locator("#search-results .search-summary")).to_contain_text(
        re.compile("finished|did not match"), timeout=30_000
    )
    found = page.locator("#search-results li > a").all_inner_texts()
    assert len(found) < 12, found


@pytest.mark.parametrize("words", ["retention", "export", "deliver records", "test", "dashboard"])
def test_history_and_lists_of_pages_are_not_among_the_first_results(site, page, words):
    page, _ = page
    search(page, site, words)
    links = page.locator("#search-results li > a")
    expect(links.nth(4)).to_be_visible(timeout=30_000)
    first = [link.get_attribute("href") for link in links.all()[:3]]
    assert not [url for url in first if re.search("CHANGELOG|CONTRIBUTING|decisions/|/index", url)]


def test_a_result_of_the_search_has_the_question_that_its_page_answers(site, page):
    page, _ = page
    search(page, site, "gunicorn")
    result = page.locator("#search-results li").filter(has_text="What does each WSGI server need?")
    expect(result.first).to_contain_text("Servers", timeout=30_000)


def test_a_setting_leads_to_its_row_from_a_page_and_from_the_search(site, page):
    page, _ = page
    page.goto(f"file://{site}/docs/how-to/sampling.html")
    page.get_by_role("main").get_by_role("link", name="CHEST_KEEP_ERRORS").click()
    assert page.url.endswith("reference/settings.html#chest-keep-errors")
    search(page, site, "FLASK_CHEST_FSYNC")
    page.locator("#search-results").get_by_role("link", name="Settings").first.click()
    assert page.url.endswith("reference/settings.html#chest-fsync")
    assert page.locator("tr:has(a:target)").inner_text().startswith("CHEST_FSYNC")


def test_no_page_is_wider_than_a_phone(site, page):
    page, _ = page
    page.set_viewport_size({"width": 390, "height": 800})
    wide = []
    for path in sorted(site.glob("docs/**/*.html")):
        page.goto(f"file://{path}")
        if page.evaluate("document.documentElement.scrollWidth") > 390:
            wide.append(path.name)
    assert wide == []
