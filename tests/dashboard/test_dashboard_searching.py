"""The list of requests where few fit: it says how far it has searched, and goes on."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import quote, urlsplit

from flask_chest_dashboard import searching

LIST = "/chest/requests/list"


def test_the_list_says_how_far_it_has_searched_and_goes_on(visited, monkeypatch):
    monkeypatch.setattr(searching, "SECONDS", 0)
    client = visited(items=40).test_client()
    where = quote("tenant == 'acme' and cost_usd > 0.1")
    address, seen, texts = f"{LIST}?where={where}&since=1h", [], []
    while address:
        page = client.get(address).text
        seen += re.findall(r"/chest/requests/([0-9a-f]{8}-[0-9a-f-]{27})", page)
        texts.append(unescape(re.sub(r"<[^>]*>", "", page)))
        found = re.search(r'href="([^"]*)">Go on</a>', page)
        address = found and f"{LIST}?{urlsplit(unescape(found[1])).query}"
    assert re.search(r"Searched back to \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\. Go on", texts[0])
    assert "No request found so far that fits" in texts[1]
    assert "The list has no request from here on" in texts[-1]
    assert len(seen) == len(set(seen)) == 10
    assert 30 < len(texts) <= 70
    back = re.search(r'rel="prev" href="([^"]*)"', page)
    newer = client.get(f"{LIST}?{urlsplit(unescape(back[1])).query}").text
    assert "Searched up to" in newer
    assert "tenant" in client.get(f"{LIST}?where={where}&order=-cost_usd").text
