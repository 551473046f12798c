"""The public part: products, search, recommendations."""

from __future__ import annotations

from flask import Blueprint, abort, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from examples.shop.data import PRODUCTS, Product, search
from examples.shop.extensions import chest

bp = Blueprint("catalogue", __name__)


def find(product_id: int) -> Product:
    g.product_id = product_id
    product = PRODUCTS.get(product_id)
    if product is None:
        abort(404, f"There is no product {product_id}")
    return product


@bp.get("/products")
@chest.track("user_id", "tenant", "search_*")
def products() -> ResponseReturnValue:
    g.search_term = request.args.get("q", "").strip().lower()
    found = search(g.search_term)
    g.search_hits = len(found)
    return [{"id": product.id, "name": product.name} for product in found]


@bp.get("/products/<int:product_id>")
@chest.track("user_id", "product_*")
def product(product_id: int) -> ResponseReturnValue:
    found = find(product_id)
    g.product_name = found.name
    return {"id": found.id, "name": found.name, "price_cents": found.price_cents}


# Bare: everything on `g` is recorded.
@bp.get("/p/<int:product_id>")
@chest.track
def short_link(product_id: int) -> ResponseReturnValue:
    return redirect(url_for("catalogue.product", product_id=find(product_id).id))


# An exclusion alone: everything but the features, which are long.
@bp.get("/products/<int:product_id>/similar")
@chest.track("!model_features")
def similar(product_id: int) -> ResponseReturnValue:
    last_word = find(product_id).name.split()[-1]
    g.model_version = "2.1-canary" if product_id % 5 == 0 else "2.0"
    g.model_features = {"product": product_id, "weights": [0.1] * 64}
    found = [product for product in search(last_word) if product.id != product_id]
    g.cost_cents = 0.02 + 0.01 * len(found)
    g.recommended = [product.id for product in found]
    return [{"id": product.id, "name": product.name} for product in found]
