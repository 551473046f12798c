"""What a hostile record costs, in counted steps: no clock, no load of the machine.

`make bench-redaction` measures the same records in milliseconds. A step is a call of a function or
the next item of a generator, of Python or built in; and a character that a compiled expression is
given. A call and its work take 0.05 to 0.1 us on average, a character about 2 ns: the bounds are
some 5 ms.
"""

from __future__ import annotations

import functools
import gc
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from corpus import hostile
from corpus.door import Filter

pytestmark = pytest.mark.opens_nothing

# `make hostile` and `make test-long` measure each record both ways; `make test` one eighth by
# calls, another by what expressions are given.
IS_WHOLE = "CHEST_HOSTILE_EXAMPLES" in os.environ
PARTS = 4 if IS_WHOLE else 8
BY_CALLS, BY_CHARACTERS = (range(PARTS), range(PARTS)) if IS_WHOLE else ((0,), (1,))
STRANGERS = 10_000 if IS_WHOLE else 3_000  # who have more names than any memory keeps: 4,096
MOST_CALLS = 60_000
MOST_CALLS_OF_A_PATH = 2_000
MOST_CHARACTERS = 1_500_000
MOST_CHARACTERS_OF_A_PATH = 120_000


def calls(run):
    """Return how many calls a function makes."""
    count = 0

    def note(_frame, event, _argument):
        nonlocal count
        if event in {"call", "c_call"}:
            count += 1
            if count > 4 * MOST_CALLS:  # far too many: let it end soon
                sys.setprofile(None)

    gc.disable()
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
        gc.enable()
    return count


def worst(found, limit):
    beyond = sorted(((count, name) for name, count in found.items() if count > limit), reverse=True)
    assert not beyond, f"{len(beyond)} of {len(found)} make more than {limit}: {beyond[:12]}"


@pytest.mark.parametrize("part", BY_CALLS)
def test_no_hostile_record_makes_more_calls_than_its_budget_allows(part):
    found = {}
    for record in hostile.RECORDS[part::PARTS]:
        filtering = Filter("*", **record.settings)
        filtering.take({"a": 1})
        variables = record.make(1)
        found[record.name] = calls(functools.partial(filtering.take, variables))
    worst(found, MOST_CALLS)


def test_no_hostile_path_makes_more_calls_than_its_budget_allows():
    filtering = Filter("*")
    filtering.path("/a b/c")
    found = {
        name: calls(functools.partial(filtering.path, path))
        for name, path in hostile.paths(1).items()
    }
    worst(found, MOST_CALLS_OF_A_PATH)


def test_a_record_takes_no_more_calls_when_the_hostile_value_grows():
    def of(size):
        filtering = Filter("*")
        draw = random.Random(size)
        body = {
            f"{draw.getrandbits(48):x}": {f"{draw.getrandbits(48):x}": "x y"} for _ in range(size)
        }
        return calls(functools.partial(filtering.take, {"body": body}))

    assert of(100_000) <= 1.2 * of(20_000)


# -- Characters ------------------------------------------------------------------------------

COUNT = r"""
import re, sys, unicodedata

METHODS = {"search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split"}
WITHOUT_START = {"sub", "subn", "split"}
given = 0


class Counting:
    '''A compiled expression that counts the characters it is given.'''

    def __init__(self, compiled):
        self._compiled = compiled

    def __getattr__(self, name):
        method = getattr(self._compiled, name)
        if name not in METHODS:
            return method

        def counted(*arguments, **named):
            global given
            text = arguments[1] if name in {"sub", "subn"} else arguments[0]
            has_start = name not in WITHOUT_START and len(arguments) > 1
            start = arguments[1] if has_start else 0
            result = method(*arguments, **named)
            if name in {"search", "match", "fullmatch"} and result is not None:
                given += max(result.end() - start, 1)
            elif name in {"match", "fullmatch"}:
                given += 1  # it may have given up at once
            elif name == "finditer":
                return lazily(result, start, len(text))
            else:
                given += len(text) - start
            return result

        return counted


def lazily(matches, position, length):
    global given
    for match in matches:
        given += max(match.end() - position, 1)
        position = match.end()
        yield match
    given += length - position


def mine(frame):
    module = frame.f_globals.get("__name__", "")
    return module.startswith(("flask_chest.redaction", "flask_chest.encode"))


compiles, normalizes = re.compile, unicodedata.normalize


def compiling(*arguments, **named):
    compiled = compiles(*arguments, **named)
    return Counting(compiled) if mine(sys._getframe(1)) else compiled


def normalizing(form, text):
    global given
    result = normalizes(form, text)
    if mine(sys._getframe(1)):
        given += len(result)
    return result


def direct(name):
    function = getattr(re, name)

    def called(pattern, *arguments, **named):
        if not mine(sys._getframe(1)):
            return function(pattern, *arguments, **named)
        compiled = Counting(compiles(pattern, named.pop("flags", 0)))
        return getattr(compiled, name)(*arguments, **named)

    return called


re.compile, unicodedata.normalize = compiling, normalizing
for name in ("search", "match", "fullmatch", "finditer", "findall", "sub", "split"):
    setattr(re, name, direct(name))

from corpus import hostile
from corpus.door import Filter

# Counted at all: without this, a new way to compile would make the test blind.
Filter("*").take({"body": "password=x " * 100})
assert given >= 1_000, given

PART = slice(int(sys.argv[1]), None, int(sys.argv[2]))
for record in hostile.RECORDS[PART]:
    filtering = Filter("*", **record.settings)
    variables = record.make(1)
    given = 0
    filtering.take(variables)
    print(given, record.name.encode("unicode_escape").decode(), sep="\t")
filtering = Filter("*")
for name, path in list(hostile.paths(1).items())[PART]:
    given = 0
    filtering.path(path)
    print(given, name.encode("unicode_escape").decode(), sep="\t")
"""


@pytest.mark.slow
@pytest.mark.parametrize("part", BY_CHARACTERS)
def test_no_hostile_record_gives_expressions_more_characters_than_its_budget(part):
    done = subprocess.run(
        [sys.executable, "-c", COUNT, str(part), str(PARTS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        cwd=Path(__file__).parent,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t", 1) for line in done.stdout.splitlines()]
    found = {name: int(count) for count, name in lines}
    assert len(found) >= (len(hostile.RECORDS) + len(hostile.paths(1))) // PARTS
    is_path = {name: name.startswith("path of ") for name in found}
    worst({name: n for name, n in found.items() if not is_path[name]}, MOST_CHARACTERS)
    worst({name: n for name, n in found.items() if is_path[name]}, MOST_CHARACTERS_OF_A_PATH)


# -- What strangers leave behind -------------------------------------------------------------


def ordinary(number):
    return {
        "user_id": 17,
        "tenant": "acme",
        "query": f"red shoes size {number}",
        "basket": [{"sku": f"B-{n}", "price": 9.95, "name": "red shoes"} for n in range(5)],
        "usage": {"prompt_tokens": 512, "model": "large-2"},
    }


def strangers(seed, count):
    draw = random.Random(seed)

    def word():
        return f"{draw.getrandbits(48):012x}"

    for _ in range(count):
        yield {
            "body": {word(): [word(), {word(): word()}], word(): {f"{word()}_token": word()}},
            "query": f"{word()} {word()}={word()}",
            f"v{word()}": word(),
            f"request.query.{word()}": word(),
            "pairs": [[word(), word()], [f"x-{word()}", 1]],
        }


PATTERNS = {
    "by name": (*ordinary(0), "body", "pairs", "request.query.*"),
    "by *": ("*", "request.query.*"),
}


def steady(filtering):
    """Return how many calls an ordinary record makes once it has been seen."""
    for number in range(20):
        filtering.take(ordinary(number))
    return calls(lambda: filtering.take(ordinary(20)))


@pytest.mark.parametrize("patterns", PATTERNS.values(), ids=PATTERNS)
@pytest.mark.parametrize("first", [True, False], ids=["strangers first", "strangers later"])
def test_an_ordinary_record_costs_after_hostile_requests_what_it_cost_before(patterns, first):
    expected = steady(Filter(*patterns))
    filtering = Filter(*patterns)
    if not first:
        steady(filtering)
    for variables in strangers(1, STRANGERS):
        filtering.take(variables)
    assert steady(filtering) <= expected + 5


@pytest.mark.parametrize(
    "patterns",
    [pytest.param(PATTERNS["by name"], marks=pytest.mark.slow), PATTERNS["by *"]],
    ids=PATTERNS,
)
@pytest.mark.slow
def test_hostile_requests_leave_nothing_more_in_memory(patterns):
    filtering = Filter(*patterns)
    for variables in strangers(1, STRANGERS):  # what may be remembered has been
        filtering.take(variables)
    gained = []
    for seed in range(2, 5):
        gc.collect()
        before = sys.getallocatedblocks()
        for variables in strangers(seed, 2_000):
            filtering.take(variables)
        del variables
        gc.collect()
        gained.append(sys.getallocatedblocks() - before)
    # A memory that is emptied when it is full may gain and lose.
    assert sorted(gained)[1] < 2_000, gained


def test_the_names_that_strangers_send_do_not_slow_down_secret_names():
    plain = Filter("user_id", "password", "token")
    variables = {"user_id": 17, "password": "abc", "token": "abc"}
    plain.take(variables)
    assert calls(lambda: plain.take(variables)) <= 25
