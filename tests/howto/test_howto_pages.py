"""Each page in docs/how-to answers one question, which it begins with."""

from __future__ import annotations

import re

import pytest
from support.pages import ROOT

PAGES = [page for page in sorted(ROOT.glob("docs/how-to/*.md")) if page.name != "index.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_begins_with_its_question(page):
    title, first = re.sub(r"<!--.*?-->\n\n", "", page.read_text("utf-8"), flags=re.DOTALL).split(
        "\n\n"
    )[:2]
    assert title.startswith("# ")
    assert "?" in first
