"""The load: clients that note the request ID of each complete response."""

from __future__ import annotations

import http.client
import random
import threading
import time
from dataclasses import dataclass

from tests.storm.host import until

HEADER = "X-Request-ID"
_PATIENCE_SECONDS = 60.0
_REQUESTS_PER_CONNECTION = 60  # then a new one, else all would end up at the oldest worker

ERASED, STAYING, REFUSED = "customer-17-erased", "customer-18-staying", "customer-19-refused"
CUSTOMERS = [STAYING, ERASED, REFUSED]
SHARES = [16, 3, 1]
CUSTOMERS_ROUTE = "/plain"  # the only one that records the customer

ROUTES = {"/plain": 200, "/stream": 200, "/raise": 500, "/large": 201}
WEIGHTS = [12, 4, 2, 1]


@dataclass(frozen=True)
class Answer:
    """A complete response."""

    request_id: str
    route: str
    began: float
    seconds: float
    customer: str = ""


@dataclass(frozen=True)
class Failure:
    """A request without a complete and expected response."""

    route: str
    began: float
    ended: float
    what: str
    is_final: bool = False  # also wrong when a worker was killed


class Client(threading.Thread):
    """One client with one connection at a time.

    Args:
        number: Its number, which names it.
        port: Port of the server on the loopback interface.
        rate: Most requests per second.
        seed: Seed of its random choices.
        stop: Event that ends it.
        left: Event after which the customer who is to be erased sends nothing any more.
    """

    def __init__(self, number, port, rate, seed, stop, left):
        super().__init__(name=f"storm-client-{number}")
        self.number = number
        self.answers = []
        self.failures = []
        self.reconnects = 0  # connections found closed when the next request was to be sent
        self._port = port
        self._pause = 1 / rate
        self._random = random.Random(f"{seed} client {number}")
        self._stop_event = stop
        self._left_event = left
        self.is_asking_for = ""
        self._connection = None
        self._requests_left = 0
        self._asked = 0

    def run(self):
        due = time.monotonic()
        while not self._stop_event.is_set():
            self._ask()
            # After an outage, the missed requests are not sent in one burst.
            due = max(due + self._pause, time.monotonic() - 5 * self._pause)
            self._stop_event.wait(max(due - time.monotonic(), 0))
        self._disconnect()

    def _disconnect(self):
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _ask(self):
        if self._requests_left == 0:
            self._disconnect()
        is_new = self._connection is None
        if is_new:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._port, timeout=_PATIENCE_SECONDS
            )
            self._requests_left = self._random.randrange(1, _REQUESTS_PER_CONNECTION)
        self._requests_left -= 1
        self._asked += 1
        route = self._random.choices(list(ROUTES), WEIGHTS)[0]
        headers = {}
        if self._random.random() < 0.2:  # as through a proxy that sets request IDs
            headers[HEADER] = f"proxy-{self.number}-{self._asked}"
        method = "POST" if route == "/large" else "GET"
        # Said before the event is looked at, so that whoever has set it can wait for the last one.
        self.is_asking_for = customer = self._random.choices(CUSTOMERS, SHARES)[0]
        if customer == ERASED and self._left_event.is_set():
            self.is_asking_for = customer = STAYING
        target = f"{route}?number={self._random.randrange(10**6)}&customer={customer}"
        try:
            self._send(method, route, target, headers, customer, is_new=is_new)
        finally:
            self.is_asking_for = ""

    def _send(self, method, route, target, headers, customer, *, is_new):
        began, response = time.time(), None
        try:
            self._connection.request(method, target, headers=headers)
            response = self._connection.getresponse()
            response.read()  # raises when it is incomplete
        except (OSError, http.client.HTTPException) as error:
            self._disconnect()
            if not is_new and response is None and isinstance(error, ConnectionError):
                self.reconnects += 1
            else:
                what = f"{type(error).__name__}: {error}"
                is_hanging = isinstance(error, TimeoutError)
                self.failures.append(Failure(route, began, time.time(), what, is_hanging))
            return
        ended = time.time()
        request_id = response.headers[HEADER]
        if response.status != ROUTES[route] or not request_id:
            what = f"status {response.status}, {HEADER} {request_id}"
            self.failures.append(Failure(route, began, ended, what, is_final=True))
        elif headers and request_id != headers[HEADER]:
            what = f"{HEADER} {request_id} in place of {headers[HEADER]}"
            self.failures.append(Failure(route, began, ended, what, is_final=True))
        if request_id:
            self.answers.append(Answer(request_id, route, began, ended - began, customer))
        if response.will_close:
            self._disconnect()


class Load:
    """All clients together.

    Args:
        rate: Most requests per second of all clients together.
    """

    def __init__(self, port, rate, seed, clients=8):
        self._stop = threading.Event()
        self._left = threading.Event()
        self._clients = [
            Client(number, port, rate / clients, seed, self._stop, self._left)
            for number in range(clients)
        ]

    def __enter__(self):
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for client in self._clients:
            client.join()

    def let_customer_leave(self):
        """Wait until no request of the customer who is to be erased is under way, or comes."""
        self._left.set()
        until(
            lambda: not any(client.is_asking_for == ERASED for client in self._clients),
            "the customer has left",
        )

    @property
    def answers(self):
        return [answer for client in self._clients for answer in list(client.answers)]

    @property
    def failures(self):
        return [failure for client in self._clients for failure in list(client.failures)]

    @property
    def reconnects(self):
        return sum(client.reconnects for client in self._clients)
