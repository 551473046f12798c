"""examples/llm-proxy, as its README.md says, in front of a real HTTP server."""

from __future__ import annotations

import csv
import io
import re
import shlex
import shutil
import socket
from pathlib import Path

import pytest

UPSTREAM = Path(__file__).with_name("upstream.py")
ENVIRONMENT = {
    "LLM_UPSTREAM_KEY": "upstream-key",
    "LLM_TENANTS": '{"key-of-acme": "acme", "key-of-globex": "globex"}',
    "LLM_PRICES": '{"small-1": [0.25, 2.0], "large-1": [5.0, 25.0]}',
}
SMALL, LARGE = 0.00125, 0.0175  # dollars of 1,000 tokens of input and 500 of output


@pytest.fixture
def proxy(example, port):
    """Return the example while it serves, and a function that asks it."""
    made = example("llm-proxy")
    shutil.copy(UPSTREAM, made.folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        upstream = free.getsockname()[1]
    made.serve("upstream", upstream, port=upstream)[0].close()
    made.environment.update(ENVIRONMENT, LLM_UPSTREAM=f"http://127.0.0.1:{upstream}")
    client, _ = made.serve("flask", "run", "--port", port, port=port)

    def ask(key, model, **more):
        asked = {"model": model, "messages": [{"content": "a secret question"}], **more}
        headers = {"Authorization": f"Bearer {key}"}
        return client.post("/v1/chat/completions", json=asked, headers=headers)

    with client:
        made.client = client
        yield made, ask


@pytest.mark.slow
def test_tokens_and_cost_are_recorded_by_tenant_and_model(proxy):
    made, ask = proxy
    answer = ask("key-of-acme", "small-1")
    assert answer.json()["usage"]["total_tokens"] == 1_500
    assert answer.json()["seen"] == answer.headers["X-Request-ID"]
    streamed = ask("key-of-acme", "large-1", stream=True)
    assert streamed.headers["Content-Type"] == "text/event-stream"
    assert streamed.text.count("a secret answer") == 2
    assert streamed.text.endswith("data: [DONE]\n\n")
    assert ask("key-of-globex", "large-1").status_code == 200
    assert ask("key-of-globex", "unknown-1").status_code == 200
    assert ask("key-of-globex", "broken-1").status_code == 503
    assert ask("stolen", "small-1").status_code == 401
    _leave_in_a_stream(made)
    counted = {"tokens_in": 1_000, "tokens_out": 500}
    acme, globex = {"tenant": "acme"}, {"tenant": "globex"}
    records = made.records(7)
    assert [(each.status_code, each.variables) for each in records] == [
        (200, {**acme, "model": "small-1", **counted, "cost_usd": SMALL}),
        (200, {**acme, "model": "large-1", **counted, "cost_usd": LARGE}),
        (200, {**globex, "model": "large-1", **counted, "cost_usd": LARGE}),
        (200, {**globex, "model": "unknown-1", **counted}),
        (503, {**globex, "model": "broken-1"}),
        (401, {}),
        (200, {**acme, "model": "endless-1"}),
    ]
    for secret in ("a secret", "key-of", "upstream-key", "stolen"):
        assert secret not in repr(records)
    _answers_of_the_page(made)


def _leave_in_a_stream(made):
    asked = {"model": "endless-1", "messages": [], "stream": True}
    key = {"Authorization": "Bearer key-of-acme"}
    with made.client.stream("POST", "/v1/chat/completions", json=asked, headers=key) as answer:
        next(answer.iter_lines())


def _answers_of_the_page(made):
    """Ask what the README asks."""
    page = (made.folder / "README.md").read_text("utf-8")
    flush, *commands = re.findall(r"^\$ flask (chest .*)$", page, re.MULTILINE)
    assert len(commands) == 3
    made.flask(*shlex.split(flush))
    first, by_day, slow = (
        list(csv.DictReader(io.StringIO(made.flask(*shlex.split(each), "--format", "csv"))))
        for each in commands
    )
    costs = {(row["tenant"], row["model"]): row["sum(cost_usd)"] for row in first}
    assert float(costs["acme", "small-1"]) == pytest.approx(SMALL)
    assert float(costs["globex", "large-1"]) == pytest.approx(LARGE)
    assert {row["tenant"] for row in by_day} >= {"acme", "globex"}
    assert {row["model"]: float(row["error_rate"]) for row in slow}["broken-1"] == 1.0
