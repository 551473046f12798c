"""The requests of the shop's customers: the same in every run."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from examples.shop.data import USERS

SHOPPERS = 8
REQUESTS_EACH = 50
THREADS = 4

_TERMS = ("lamp", "mug", "oak", "wool", "sofa")
_CARDS = ("4242", "4242", "4242", "4242", "0002", "0119")


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    status: int
    request_id: str


class Shopper:
    """One customer with a session. Each public method but `run` sends one request."""

    def __init__(self, base_url: str, number: int, on_sent: Callable[[], None]) -> None:
        self.sent: list[Sent] = []
        self._random = random.Random(f"shopper {number}")
        self._name = list(USERS)[number % len(USERS)]
        self._on_sent = on_sent
        # A proxy from the environment could not reach the loopback address.
        self._client = httpx.Client(base_url=base_url, timeout=10.0, trust_env=False)

    def run(self) -> None:
        often = [self.search, self.look, self.add, self.quote, self.recommend, self.show_cart]
        rare = [
            self.mistype,
            self.short_link,
            self.look_in_vain,
            self.head,
            self.options,
            self.add_too_many,
            self.pay,
            self.download,
            self.download_and_leave,
            self.empty_cart,
        ]
        rest = REQUESTS_EACH - len(rare) - 1  # the login comes first
        steps = [*rare, *self._random.choices([*often, self.pay], k=rest)]
        self._random.shuffle(steps)
        with self._client:
            for step in (self.log_in, *steps):
                step()
                self._on_sent()

    def _send(self, method: str, path: str, **fields: str | int) -> None:
        if method == "POST":
            response = self._client.request(method, path, data=fields)
        else:
            response = self._client.request(method, path, params=fields)
        self._note(response)

    def _note(self, response: httpx.Response) -> None:
        asked = response.request
        if response.is_server_error and asked.url.path != "/checkout":
            response.raise_for_status()  # only payments are meant to fail
        request_id = response.headers.get("X-Request-ID", "none")
        self.sent.append(Sent(asked.method, asked.url.path, response.status_code, request_id))

    def _product(self) -> int:
        return self._random.randint(1, 11)

    def log_in(self) -> None:
        self._send("POST", "/login", user=self._name, pin=USERS[self._name].pin)

    def mistype(self) -> None:
        self._send("POST", "/login", user=self._name, pin="0000")

    def search(self) -> None:
        self._send("GET", "/products", q=self._random.choice(_TERMS))

    def look(self) -> None:
        self._send("GET", f"/products/{self._product()}")

    def look_in_vain(self) -> None:
        self._send("GET", "/products/404")

    def short_link(self) -> None:
        self._send("GET", f"/p/{self._product()}")

    def head(self) -> None:
        self._send("HEAD", f"/products/{self._product()}")

    def options(self) -> None:
        self._send("OPTIONS", "/cart")

    def recommend(self) -> None:
        self._send("GET", f"/products/{self._product()}/similar")

    def quote(self) -> None:
        country = self._random.choice(("de", "fr", "us", "aq"))
        self._send("GET", f"/products/{self._product()}/shipping", country=country)

    def show_cart(self) -> None:
        self._send("GET", "/cart")

    def add(self) -> None:
        self._send("POST", "/cart", product_id=self._product(), quantity=1)

    def add_too_many(self) -> None:
        self._send("POST", "/cart", product_id=12, quantity=1)

    def empty_cart(self) -> None:
        self._send("DELETE", "/cart")

    def pay(self) -> None:
        self._send("POST", "/checkout", card=f"424242424242{self._random.choice(_CARDS)}")

    def download(self) -> None:
        self._send("GET", "/exports/sales.csv", days=30)

    def download_and_leave(self) -> None:
        with self._client.stream("GET", "/exports/sales.csv", params={"days": 3_650}) as response:
            next(response.iter_raw())
            self._note(response)


def send_all(base_url: str, on_sent: Callable[[], None]) -> list[Sent]:
    """Send the requests of all shoppers on a few threads, and return them."""
    shoppers = [Shopper(base_url, number, on_sent) for number in range(SHOPPERS)]
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(Shopper.run, shoppers))  # `list` raises a shopper's exception
    return [sent for shopper in shoppers for sent in shopper.sent]
