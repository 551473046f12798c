"""The shop's exceptions, and the responses that they become."""

from __future__ import annotations

from flask import Flask, g
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from examples.shop.data import Product


class OutOfStock(Exception):
    def __init__(self, product: Product, wanted: int) -> None:
        super().__init__(f"{product.name}: {wanted} wanted, {product.stock} in stock")
        self.product = product
        self.wanted = wanted


class PaymentDeclined(Exception):
    pass


class PaymentTimeout(Exception):
    """Not handled: Flask answers 500, and the record has its name."""


def install(app: Flask) -> None:
    @app.errorhandler(OutOfStock)
    def out_of_stock(error: OutOfStock) -> ResponseReturnValue:
        # What an error handler puts on `g` is recorded too.
        g.out_of_stock = {"product_id": error.product.id, "wanted": error.wanted}
        return {"error": str(error)}, 409

    @app.errorhandler(PaymentDeclined)
    def payment_declined(_error: PaymentDeclined) -> ResponseReturnValue:
        g.payment_state = "declined"
        return {"error": "The card was declined"}, 402

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> ResponseReturnValue:
        return {"error": error.description}, error.code or 500
