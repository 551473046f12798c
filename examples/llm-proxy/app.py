"""A proxy to a language model. It records tokens and cost by model and tenant."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import httpx
from flask import Flask, Response, abort, g, request, stream_with_context

from flask_chest import FlaskChest, outbound_headers

UPSTREAM = os.environ.get("LLM_UPSTREAM", "http://localhost:11434")
UPSTREAM_KEY = os.environ.get("LLM_UPSTREAM_KEY", "none")
TENANTS: dict[str, str] = json.loads(os.environ.get("LLM_TENANTS", "{}"))  # key to tenant
PRICES: dict[str, list[float]] = json.loads(os.environ.get("LLM_PRICES", "{}"))
"""Dollars for a million tokens of input and of output, by model."""

app = Flask(__name__)
chest = FlaskChest(
    app,
    service="llm-proxy",
    # These questions are answered at once, however many requests there were.
    rollups={
        "dimensions": ["tenant", "model"],
        "measures": ["cost_usd", "tokens_in", "tokens_out"],
    },
)
client = httpx.Client(base_url=UPSTREAM, timeout=httpx.Timeout(600, connect=5))


@app.post("/v1/chat/completions")
@chest.track("tenant", "model", "tokens_in", "tokens_out", "cost_usd")  # and nothing of the texts
def complete() -> Response:
    key = request.headers.get("Authorization", "").removeprefix("Bearer ")
    g.tenant = TENANTS.get(key) or abort(401)
    asked = request.get_json()
    g.model = asked["model"]
    if asked.get("stream"):
        asked["stream_options"] = {"include_usage": True}  # else the answer has no count
    headers = {"Authorization": f"Bearer {UPSTREAM_KEY}", **outbound_headers()}
    sent = client.build_request("POST", "/v1/chat/completions", json=asked, headers=headers)
    answer = client.send(sent, stream=True)
    kind = answer.headers["content-type"]
    if asked.get("stream") and answer.is_success:
        return Response(stream_with_context(_passed_on(answer)), content_type=kind)
    body = answer.read()
    if answer.is_success:
        _count(json.loads(body).get("usage"))
    return Response(body, answer.status_code, content_type=kind)


def _passed_on(answer: httpx.Response) -> Iterator[str]:
    """Pass a stream on as it comes. Its end says how many tokens it had."""
    try:
        for line in answer.iter_lines():
            yield f"{line}\n"
            if line.startswith("data: {"):
                _count(json.loads(line.removeprefix("data: ")).get("usage"))
    finally:
        answer.close()


def _count(usage: dict[str, Any] | None) -> None:
    if usage:
        g.tokens_in, g.tokens_out = usage["prompt_tokens"], usage["completion_tokens"]
        if price := PRICES.get(g.model):  # a cost that nobody knows is not recorded as 0
            g.cost_usd = (g.tokens_in * price[0] + g.tokens_out * price[1]) / 1_000_000
