"""The documentation site works from a folder, without a network. Run by `make test-slow`."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap

import pytest
from playwright.sync_api import expect, sync_playwright
from support.docs_page import ROOT, commands
from support.searches import SEARCHES

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


def test_the_page_that_says_how_to_do_it_is_among_the_first_results(site, page):
    """One test for all of them, as a browser takes longer to start than to search."""
    page, _ = page
    others = {}
    for words, found in SEARCHES:
        search(page, site, words)
        expect(page.locator("#search-results .search-summary")).to_contain_text(
            re.compile("finished|No page"), timeout=30_000
        )
        first = page.locator("#search-results li > a").all_inner_texts()[:3]
        if not any(found in text for text in first):
            others[words, found] = first
    assert others == {}


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("503", "OpenTelemetry"),
        ("FlaskChestSQLite", "Names of 0.0.10"),
        ("flask_chest.decorator", "Names of 0.0.10"),
        ("no installed plugin exports to", "Troubleshooting"),
        ("Error: No such command 'chest'.", "Troubleshooting"),
        ("[redacted]", "Redaction"),
    ],
)
def test_the_page_that_has_it_word_for_word_comes_first(site, page, words, first):
    page, _ = page
    search(page, site, words)
    expect(page.locator("#search-results li > a").first).to_contain_text(first, timeout=30_000)


@pytest.mark.parametrize(
    ("words", "near"),
    [("celry", "celery"), ("garfana", "grafana"), ("postgress", "postgres"),
     ("dashbord login", "dashboard login"), ("CHEST_RETENTON", "chest_retention")],
)  # fmt: skip
def test_the_nearest_words_are_a_link_where_a_word_is_on_no_page(site, page, words, near):
    page, _ = page
    search(page, site, words)
    line = page.locator("#search-results .search-near")
    expect(line).to_contain_text("Did you mean", timeout=30_000)
    line.get_by_role("link", name=near, exact=True).click()
    expect(page.locator("#search-results li > a").first).to_be_visible(timeout=30_000)
    assert not line.count()


def test_a_search_that_finds_nothing_says_only_that(site, page):
    page, _ = page
    search(page, site, "xqzzyv")
    summary = page.locator("#search-results .search-summary")
    expect(summary).to_have_text("No page has this.", timeout=30_000)
    assert not page.locator("#search-results .search-near").count()


@pytest.mark.parametrize("words", ["cors", "graphql"])
def test_a_part_inside_of_other_words_finds_nothing(site, page, words):
    page, _ = page
    search(page, site, words)
    expect(page.locator("#search-results .search-summary")).to_contain_text(
        re.compile("finished|No page"), timeout=30_000
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


@pytest.mark.parametrize(
    ("name", "shown", "url"),
    [
        ("how-to/shutdown", "chest.close()", "flask_chest.html#flask_chest.FlaskChest.close"),
        ("reference/measures", "store.measure(", "store.html#flask_chest.store.Store.measure"),
        ("how-to/write-an-exporter", "ExporterUnavailable", "errors.ExporterUnavailable"),
    ],
)
def test_a_name_of_python_leads_to_its_description(site, page, name, shown, url):
    page, _ = page
    page.goto(f"file://{site}/docs/{name}.html")
    page.locator("main, article").locator("p a, li a, td a").filter(has_text=shown).first.click()
    assert page.url.endswith(url)
    expect(page.locator("dt:target")).to_be_visible()


def blocks(path, language):
    fence = re.compile(rf"^( *)```{language}\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
    found = fence.findall(path.read_text("utf-8"))
    return [textwrap.dedent(text).rstrip("\n") for _, text in found]


def copied(page, language):
    """Return what each copy button of a language puts on the clipboard."""
    return page.evaluate(
        """language => {
            const found = [];
            const listen = () => found.push(document.activeElement.value);
            document.addEventListener("copy", listen);
            const buttons = document.querySelectorAll(`.highlight-${language} .copybtn`);
            buttons.forEach(each => each.click());
            document.removeEventListener("copy", listen);
            return found;
        }""",
        language,
    )


def test_a_copy_button_copies_commands_alone_and_other_blocks_whole(site, page):
    page, _ = page
    number, others = 0, {}
    for path in sorted([*ROOT.glob("docs/[eht]*/*.md"), *ROOT.glob("examples/*/README.md")]):
        page.goto(f"file://{(site / path.relative_to(ROOT)).with_suffix('.html')}")
        for language in ("console", "python", "yaml", "text"):
            expected = blocks(path, language)
            if language == "console":
                expected = ["\n".join(line for line, _ in commands(each)) for each in expected]
            if not expected:
                continue
            page.locator(".copybtn").first.wait_for(state="attached")
            found = copied(page, language)
            number += len(found)
            if found != expected:
                others[path.name, language] = [found, expected]
    assert others == {}
    assert number > 100


def test_what_a_copy_button_copies_can_be_pasted(site, page):
    page, _ = page
    page.goto(f"file://{site}/docs/how-to/docker.html")
    button = page.locator(".highlight-console .copybtn").first
    button.locator("xpath=..").hover()
    button.click()
    page.evaluate("document.body.prepend(document.createElement('textarea'))")
    page.locator("textarea").first.focus()
    page.keyboard.press("Control+V")
    pasted = page.locator("textarea").first.input_value()
    assert pasted.startswith("mkdir secrets\n")
    assert "\ndocker build --tag shop .\ndocker run --read-only" in pasted
    assert pasted.endswith("\\\n    shop")


def test_no_page_is_wider_than_a_phone(site, page):
    page, _ = page
    page.set_viewport_size({"width": 390, "height": 800})
    wide = []
    for path in sorted(site.glob("docs/**/*.html")):
        page.goto(f"file://{path}")
        if page.evaluate("document.documentElement.scrollWidth") > 390:
            wide.append(path.name)
    assert wide == []


def test_no_code_is_cut_on_paper_and_the_navigation_is_not_printed(site, page):
    page, _ = page
    page.set_viewport_size({"width": 700, "height": 1000})  # A4 without its margins
    page.emulate_media(media="print")
    cut = []
    for path in sorted(site.glob("docs/**/*.html")):
        page.goto(f"file://{path}")
        if page.evaluate(
            "[...document.querySelectorAll('pre')].some(pre => pre.scrollWidth > pre.clientWidth)"
            " || document.documentElement.scrollWidth > innerWidth"
        ):
            cut.append(path.name)
    assert cut == []
    for shown in (".sidebar-drawer", ".toc-drawer", ".copybtn"):
        assert not page.locator(shown).first.is_visible()
