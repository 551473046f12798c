"""What the logged-in user buys."""

from __future__ import annotations

from flask import Blueprint, abort, g, request
from flask_login import login_required

from bookshop.extensions import chest

blueprint = Blueprint("orders", __name__, url_prefix="/orders")
chest.track("user_id")(blueprint)  # all its views, but for those with a rule of their own

_PRICES = {"emma": 900, "ulysses": 1_850}


@blueprint.post("/<title>")
@chest.track("user_id", "book", "total_cents")
@login_required
def buy(title: str) -> dict[str, int]:
    g.book = title
    if title not in _PRICES:
        abort(404)
    g.total_cents = _PRICES[title] * int(request.form.get("copies", "1"))
    return {"total_cents": g.total_cents}
