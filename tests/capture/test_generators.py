"""Generators of request IDs: by name, by path, and what the headers of several systems give."""

from __future__ import annotations

import functools
import re
import secrets
import time
import uuid
from functools import partial
from types import SimpleNamespace
from unittest import mock

import pytest
from flask import request

from flask_chest.capture import generators
from flask_chest.capture.request_ids import is_well_formed
from flask_chest.errors import ConfigurationError
from flask_chest.runtime.clock import clock

FORMS = {
    "uuid7": r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "uuid4": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "ulid": r"[0-7][0-9A-HJKMNP-TV-Z]{25}",
    "short": r"[0-9a-hjkmnp-tv-z]{16}",
}


def by_path(_request):
    return "from-a-path"


@pytest.fixture
def ask(app, make_chest, recorded):
    """Return what asks an application with these settings, and returns the ID that it gave."""
    made = {}

    def one(headers=None, *, track=None, **options):
        if not made:
            chest = made["chest"] = make_chest(**options)
            chest.init_app(app)
            app.get("/")(chest.track(**(track or {}))(lambda: ""))
        response = app.test_client().get("/", headers=headers)
        rows = recorded(made["chest"])
        header = (made["chest"]._applications.states.copy().pop()).options.request_id_header
        if header:
            assert response.headers[header[0]] == rows[-1]["request_id"]
        return rows[-1]["request_id"]

    return one


class Odd(BaseException):
    """A class of a generator's own, which `except Exception` does not catch."""


@pytest.mark.parametrize("error", [Odd, GeneratorExit, ValueError])
@pytest.mark.parametrize("where", ["application", "route"])
def test_a_generator_that_raises_anything_costs_no_request(ask, error, where):
    def fail():
        raise error

    options = {"request_id_generator": fail} if where == "application" else {}
    track = {"request_id": fail} if where == "route" else None
    assert re.fullmatch(FORMS["uuid7"], ask(track=track, **options))


def test_every_named_generator_is_tested_here():
    assert set(FORMS) == set(generators.NAMED)


@pytest.mark.parametrize("name", FORMS)
def test_a_generator_is_chosen_by_name_for_the_application(ask, name):
    ids = [ask(request_id_generator=name) for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(re.fullmatch(FORMS[name], each) for each in ids)


@pytest.mark.parametrize("name", FORMS)
def test_a_generator_is_chosen_by_name_for_a_route_and_is_stronger_than_a_header(ask, name):
    given = ask({"X-Request-ID": "inbound"}, track={"request_id": name})
    assert re.fullmatch(FORMS[name], given)


@pytest.mark.parametrize("name", FORMS)
def test_a_hundred_thousand_ids_are_well_formed_and_all_different(name):
    make = generators.NAMED[name]
    ids = {make() for _ in range(100_000)}
    assert len(ids) == 100_000
    assert all(is_well_formed(each) for each in ids)
    assert all(re.fullmatch(FORMS[name], each) for each in list(ids)[:1_000])


@pytest.mark.parametrize("name", ["uuid7", "ulid", "short"])
def test_ids_that_carry_the_time_sort_by_it(name, monkeypatch):
    make, made = generators.NAMED[name], []
    now = time.time_ns()
    for step in range(0, 10**15, 10**13 // 3):
        monkeypatch.setattr(clock, "time_ns", lambda step=step: now + step)
        made.append(make())
    assert made == sorted(made)


def test_a_uuid4_is_one_to_other_programs():
    made = uuid.UUID(generators.uuid4())
    assert (made.version, made.variant) == (4, uuid.RFC_4122)


def test_a_ulid_has_the_milliseconds_in_front(monkeypatch):
    monkeypatch.setattr(clock, "time_ns", lambda: 1_469_918_176_385 * 1_000_000)
    assert generators.ulid().startswith("01ARYZ6S41")  # the example of the specification


@pytest.mark.parametrize("path", ["test_generators:by_path", "test_generators.by_path", by_path])
def test_a_generator_may_be_a_function_or_its_path(ask, path):
    assert ask(request_id_generator=path) == "from-a-path"


class Numbered:
    def __init__(self):
        self.made = 0

    def make(self):
        self.made += 1
        return f"n-{self.made}"

    def of_request(self, served):
        return f"{self.make()}{served.path}"

    __call__ = make


def new_id():
    return "new"


def with_prefix(prefix, served):
    return f"{prefix}{served.path}"


def request_if_wanted(request=None):
    return "nothing" if request is None else f"request{request.path}"


def of_the_first(*arguments):
    return f"{len(arguments)}-arguments"


GIVEN = [
    (new_id, "new"),
    (lambda: str(uuid.uuid4()), FORMS["uuid4"]),
    (uuid.uuid4, FORMS["uuid4"]),
    (uuid.uuid1, r"[0-9a-f-]{36}"),
    (secrets.token_hex, r"[0-9a-f]{64}"),
    ("uuid:uuid4", FORMS["uuid4"]),
    ("test_generators:new_id", "new"),
    (Numbered().make, "n-1"),
    (Numbered().of_request, "n-1/"),
    (Numbered(), "n-1"),
    (partial(with_prefix, "p"), "p/"),
    (partial(with_prefix, "p", SimpleNamespace(path="-x")), "p-x"),
    (partial(secrets.token_hex, 4), "[0-9a-f]{8}"),
    (lambda prefix="p": f"{prefix}-1", "p-1"),
    (lambda served: f"s{served.path}", "s/"),
    (lambda served, prefix="p": f"{prefix}{served.path}", "p/"),
    (lambda _request=None: str(_request is None), "False"),
    (request_if_wanted, "request/"),
    (of_the_first, "1-arguments"),
    (mock.Mock(return_value="mocked"), "mocked"),
    (functools.wraps(new_id)(lambda: "wrapped"), "wrapped"),
    (functools.lru_cache(new_id), "new"),
    ("c{0.path}".format, "c/"),  # written in C, without a signature
]


@pytest.mark.parametrize(("given", "form"), GIVEN)
@pytest.mark.parametrize("of_route", [False, True])
def test_a_generator_is_called_with_the_request_or_with_nothing(
    app, make_chest, recorded, given, form, of_route
):
    if isinstance(given, Numbered):
        given = Numbered()
    elif isinstance(getattr(given, "__self__", None), Numbered):
        given = getattr(Numbered(), given.__name__)
    chest = make_chest(**({} if of_route else {"request_id_generator": given}))
    chest.init_app(app)
    app.get("/")(chest.track(**({"request_id": given} if of_route else {}))(lambda: ""))
    assert re.fullmatch(form, app.test_client().get("/").headers["X-Request-ID"])
    assert re.fullmatch(form, recorded(chest, 1)[0]["request_id"])
    assert chest.stats().request_ids_replaced == 0


async def coroutine():
    return "awaited"


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (lambda one, two: "", "takes the request, or nothing"),
        (lambda *, served: "", "takes the request, or nothing"),
        (coroutine, "is a coroutine"),
    ],
)
def test_a_generator_that_cannot_be_called_is_refused_where_it_is_given(
    app, make_chest, chest, given, part
):
    with pytest.raises(ConfigurationError, match=part):
        make_chest(request_id_generator=given).init_app(app)
    with pytest.raises(ConfigurationError, match=part):
        chest.track(request_id=given)


@pytest.mark.parametrize("given", [lambda: None, lambda: 7, lambda: b"x", lambda: "two words"])
def test_what_is_no_id_is_replaced_and_the_generator_named(app, make_chest, said, given):
    chest = make_chest(request_id_generator=given)
    chest.init_app(app)
    app.get("/")(chest.track(lambda: ""))
    assert re.fullmatch(FORMS["uuid7"], app.test_client().get("/").headers["X-Request-ID"])
    assert chest.stats().request_ids_replaced == 1
    assert any(f"the generator {given!r} returned" in line for line in said())


def test_the_applications_generator_comes_after_an_inbound_header(ask):
    assert ask({"X-Request-ID": "in"}, request_id_generator="test_generators:by_path") == "in"
    assert ask() == "from-a-path"


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ("uuid8", "Did you mean 'uuid"),
        ("xyz", "There are uuid7, uuid4, ulid, short"),
        ("shop.nowhere:new", "cannot be imported"),
        ("os.sep", "is not a function"),
        (7, "CHEST_REQUEST_ID_GENERATOR=7"),
    ],
)
def test_a_wrong_generator_stops_the_application(app, make_chest, given, part):
    with pytest.raises(ConfigurationError) as caught:
        make_chest(request_id_generator=given).init_app(app)
    assert "CHEST_REQUEST_ID_GENERATOR" in str(caught.value)
    assert part in str(caught.value)


@pytest.mark.parametrize("given", ["uuid8", 7, "os.sep"])
def test_a_wrong_generator_of_a_route_is_refused_where_it_stands(chest, given):
    with pytest.raises(ConfigurationError, match="track.*request_id=" + re.escape(repr(given))):
        chest.track("user_id", request_id=given)


# -- Inbound headers -------------------------------------------------------------------------

SEVERAL = {"request_id_header": "X-Request-ID, X-Correlation-ID, X-Amzn-Trace-Id"}


def test_the_first_well_formed_header_of_several_gives_the_id(ask):
    headers = {"X-Correlation-ID": "c", "X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a9"}
    assert ask({**headers, "X-Request-ID": "r"}, **SEVERAL) == "r"
    assert ask({**headers, "X-Request-ID": "no good"}) == "c"
    assert ask(headers) == "c"


def test_of_amazons_header_only_the_part_that_all_hops_share_is_taken(ask):
    root = "Root=1-67891233-abcdef012345678912345678"
    own = "Self=1-67891234-12456789abcdef012345678"
    for given in (root, f"{own};{root}", f"{root};Parent=463ac35c9f6413ad;Sampled=1"):
        assert ask({"X-Amzn-Trace-Id": given}, **SEVERAL) == root


def test_a_header_that_is_not_named_is_not_taken(ask):
    assert ask({"X-Correlation-ID": "c"}) != "c"


def test_no_header_is_taken_when_none_is_trusted_or_none_is_named(ask):
    assert ask({"X-Request-ID": "r"}, trust_request_id=False) != "r"


def test_without_a_header_none_is_sent(ask, app):
    assert ask({"X-Request-ID": "r"}, request_id_header="") != "r"
    assert "X-Request-ID" not in app.test_client().get("/").headers


@pytest.mark.parametrize(
    "hostile",
    [
        *("two words", "x" * 256, "tab\there", "bell\x07", "del\x7f", "zoë", "a\x1b[31m", "\x85"),
        *("a\x00b", ""),
    ],
)
def test_a_hostile_header_is_refused_replaced_and_counted_and_never_logged(
    app, chest, said, recorded, hostile
):
    chest.init_app(app)
    app.get("/")(chest.track(lambda: request.environ["HTTP_X_REQUEST_ID"] and ""))
    response = app.test_client().get("/", environ_overrides={"HTTP_X_REQUEST_ID": hostile})
    assert response.headers.getlist("X-Request-ID") == [recorded(chest, 1)[0]["request_id"]]
    assert re.fullmatch(FORMS["uuid7"], response.headers["X-Request-ID"])
    assert chest.stats().request_ids_replaced == 1
    [message] = said()
    assert f"{len(hostile)} characters" in message
    assert not hostile or hostile not in message
