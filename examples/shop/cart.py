"""The cart, which is in the session cookie, and the checkout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import uuid4

from flask import Blueprint, Request, abort, g, request, session
from flask.typing import ResponseReturnValue
from flask.views import MethodView

from examples.shop.auth import require_user
from examples.shop.catalogue import find
from examples.shop.data import PRODUCTS
from examples.shop.errors import OutOfStock, PaymentDeclined, PaymentTimeout
from examples.shop.extensions import chest

bp = Blueprint("cart", __name__)


def read_cart() -> dict[str, int]:
    """Return product ID to quantity, and put the size and price of the cart on `g`."""
    cart: dict[str, int] = session.get("cart", {})
    g.cart_items = sum(cart.values())
    g.cart_total = sum(PRODUCTS[int(key)].price_cents * number for key, number in cart.items())
    return cart


class Cart(MethodView):
    decorators: ClassVar[list[Callable[..., Any]]] = [
        chest.track(
            {
                "GET": ["user_id", "cart_items"],
                "POST": ["user_id", "tenant", "product_id", "cart_*", "out_of_stock"],
                "DELETE": ["user_id"],
            }
        )
    ]

    def get(self) -> ResponseReturnValue:
        require_user()
        return {"cart": read_cart(), "total_cents": g.cart_total}

    def post(self) -> ResponseReturnValue:
        require_user()
        product = find(request.form.get("product_id", 0, type=int))
        quantity = request.form.get("quantity", 1, type=int)
        if quantity < 1:
            abort(400, "quantity must be at least 1")
        cart = read_cart()
        total = cart.get(str(product.id), 0) + quantity
        if total > product.stock:
            raise OutOfStock(product, total)
        session["cart"] = {**cart, str(product.id): total}
        return {"cart": read_cart(), "total_cents": g.cart_total}, 201

    def delete(self) -> ResponseReturnValue:
        require_user()
        session.pop("cart", None)
        return "", 204


bp.add_url_rule("/cart", view_func=Cart.as_view("cart"))


def checkout_id(request: Request) -> str:
    """Use the client's key as the request ID, so that its retries are found together."""
    return f"checkout-{request.headers.get('Idempotency-Key') or uuid4().hex}"


@bp.post("/checkout")
@chest.track(request_id=checkout_id)
def checkout() -> ResponseReturnValue:
    require_user()
    cart = read_cart()
    if not cart:
        abort(400, "The cart is empty")
    g.card_number = request.form["card"]
    g.payment_provider = "examplepay"
    g.payment_state = "started"
    pay(g.card_number)
    g.payment_state = "paid"
    session.pop("cart")
    return {"paid_cents": g.cart_total}, 201


def pay(card: str) -> None:
    if card.endswith("0002"):
        raise PaymentDeclined
    if card.endswith("0119"):
        raise PaymentTimeout("examplepay did not answer within 10 s")
