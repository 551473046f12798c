"""Shipping quotes, in an async view that asks two carriers at the same time."""

from __future__ import annotations

import asyncio

from flask import Blueprint, abort, g, request
from flask.typing import ResponseReturnValue

from examples.shop.catalogue import find
from examples.shop.extensions import chest

bp = Blueprint("shipping", __name__)

_ZONES = {"de": 1, "fr": 2, "us": 5}
_CARRIERS = {"swiftpost": (390, 0.002), "snailmail": (250, 0.004)}


async def ask(carrier: str, zone: int, weight: int) -> tuple[int, str]:
    base_cents, seconds = _CARRIERS[carrier]
    await asyncio.sleep(seconds)
    return base_cents * zone + weight * 40 // zone, carrier


@bp.get("/products/<int:product_id>/shipping")
@chest.track("user_id", "product_id", "shipping_*")
async def quote(product_id: int) -> ResponseReturnValue:
    product = find(product_id)
    g.shipping_country = request.args.get("country", "de")
    zone = _ZONES.get(g.shipping_country)
    if zone is None:
        abort(400, f"No carrier goes to {g.shipping_country!r}")
    quotes = await asyncio.gather(*(ask(carrier, zone, product.id) for carrier in _CARRIERS))
    g.shipping_cents, g.shipping_carrier = min(quotes)
    return {"carrier": g.shipping_carrier, "cents": g.shipping_cents}
