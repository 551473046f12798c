"""What is taken from `flask.g`: names, `*` patterns, `!` exclusions, per HTTP method."""

from __future__ import annotations

import enum
import fnmatch
import json
import re
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flask_chest.encode.patterns import HTTP_METHODS, NOTHING, Patterns, Selection
from flask_chest.encode.values import MAX_ITEMS
from flask_chest.encode.variables import Pick, VariableFilter
from flask_chest.errors import ConfigurationError
from flask_chest.redaction import Redactor, SecretKeys

PAGE = Path(__file__).parents[2] / "docs" / "values.md"


pytestmark = pytest.mark.opens_nothing


def choose(variables, *patterns, app_wide=(), method="GET"):
    """Return the names taken from variables, in order."""
    if not isinstance(variables, dict):
        variables = dict.fromkeys(variables, 1)
    exclusions = Selection(app_wide, setting="app").patterns(method)
    pick = Pick(Patterns(patterns, setting="track"), [exclusions])
    chosen = VariableFilter.choose(variables, pick)
    assert VariableFilter.choose(variables, pick) == chosen  # also from what it remembers
    assert all(chosen[name] is variables[name] for name in chosen)
    return list(chosen)


# -- Names, patterns and exclusions ----------------------------------------------------------


def test_a_name_takes_its_variable_and_no_other():
    names = ["user_id", "user", "user_id2", "USER_ID", "my_user_id"]
    assert choose(names, "user_id") == ["user_id"]


def test_a_name_that_is_not_set_is_left_out():
    assert choose(["total"], "user_id", "total") == ["total"]
    assert choose([], "user_id", "*") == []


def test_a_variable_may_be_none():
    assert choose({"user_id": None, "total": 0}, "user_id", "t*") == ["user_id", "total"]


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ("cart_*", ["cart_", "cart_id", "cart_my_id"]),
        ("*_id", ["cart_id", "cart_my_id", "Cart_id"]),
        ("c*_*d", ["cart_id", "cart_my_id"]),
        ("*", ["cart_", "cart_id", "cart_my_id", "Cart_id", "x"]),
        ("**", ["cart_", "cart_id", "cart_my_id", "Cart_id", "x"]),
        ("*x*", ["x"]),
        ("_*", ["_cart_id", "_", "__x"]),
        ("_*_id", ["_cart_id"]),
        ("__*", ["__x"]),
        ("C*", ["Cart_id"]),
    ],
)
def test_a_star_stands_for_any_characters(pattern, taken):
    names = ["cart_", "cart_id", "cart_my_id", "Cart_id", "x", "_cart_id", "_", "__x"]
    assert choose(names, pattern) == taken


def test_only_a_pattern_with_a_leading_underscore_takes_private_names():
    assert choose(["_a", "a", "__a"], "*", "*a") == ["a"]
    assert choose(["_a", "a", "__a"], "_a", "*") == ["_a", "a"]
    assert choose(["_a", "a", "__a"], "_*") == ["_a", "__a"]


def test_an_exclusion_takes_private_names_too():
    assert choose(["_my_secret", "_a", "a_secret"], "_*", "*", "!*_secret") == ["_a"]


def test_exclusions_win_wherever_they_stand():
    names = ["cart_id", "cart_secret", "total"]
    for patterns in (("!cart_secret", "cart_*"), ("cart_*", "!cart_secret")):
        assert choose(names, *patterns) == ["cart_id"]
    assert choose(names, "*", "!cart_*") == ["total"]


def test_exclusions_alone_mean_everything_else():
    assert choose(["a", "b_secret", "_c"], "!*_secret") == ["a"]


def test_the_exclusions_of_the_application_win_over_every_route():
    names = ["a", "b_secret", "total"]
    assert choose(names, "b_secret", "*", app_wide=["!*_secret"]) == ["a", "total"]
    assert choose(names, "b_secret", app_wide=["total", "!b_*"]) == []
    by_method = {"GET": ["!a"], "POST": ["!total"]}
    assert choose(names, "*", app_wide=by_method) == ["b_secret", "total"]
    assert choose(names, "*", app_wide=by_method, method="HEAD") == ["b_secret", "total"]
    assert choose(names, "*", app_wide=by_method, method="POST") == ["a", "b_secret"]
    assert choose(names, "*", app_wide=by_method, method="PUT") == names


def test_what_the_application_takes_is_not_added_to_a_route():
    assert choose(["a", "b"], "a", app_wide=["*"]) == ["a"]


def test_listed_names_come_first_and_the_rest_as_on_g():
    assert choose(["d", "c", "b", "a"], "*", "b", "c") == ["b", "c", "d", "a"]


def test_names_in_any_script_are_taken_as_python_writes_them():
    names = ["größe", "naïve", "नाम", "名前"]
    assert choose(names, "größe", "नाम", "名*") == ["größe", "नाम", "名前"]
    # Python itself composes the names in a program: `g.gro\u0308\u00dfe` is "größe".
    assert choose(["größe", "naïve"], "gro\u0308ße", "nai\u0308*") == ["größe", "naïve"]


def test_names_that_no_program_writes_are_caught_all_the_same():
    odd = ["user id", "a\nb", "", "1", "a\0", "\ud800", "x" * 1_000]
    assert choose(odd, "*") == odd
    assert choose({1: "number", None: 2, "a": 3}, "*") == ["a"]


def test_names_that_are_a_subclass_of_str_are_taken():
    class Name(str, enum.Enum):
        USER = "user_id"

    assert choose({Name.USER: 1}, "user_*") == ["user_id"]
    assert choose({Name.USER: 1}, "user_id") == ["user_id"]


def test_many_stars_take_no_exponential_time():
    started = time.process_time()
    patterns = Patterns(["*a" * 30 + "b", "!" + "*a" * 30 + "c"], setting="track")
    assert not patterns.takes("a" * 5_000)
    assert not patterns.excludes("a" * 5_000)
    assert time.process_time() - started < 10  # which would be years


# -- Whose value may be asked for its repr ----------------------------------------------------


def to_data(variables, *patterns):
    skipped = []
    data = VariableFilter(Redactor(SecretKeys()), skipped.append).to_data(
        variables, Pick(Patterns(patterns, setting="track"))
    )
    return data, skipped


def test_what_is_listed_is_stored_and_what_is_caught_must_be_data():
    variables = {"listed": object, "caught": object, "data": [1]}
    data, skipped = to_data(variables, "*", "listed")
    assert data == {"listed": "<class 'object'>", "data": [1]}
    assert skipped == [1]


def test_what_a_plugin_adds_counts_as_listed_unless_a_pattern_takes_it():
    assert to_data({"added": object}, "user_id", "cart_*") == ({"added": "<class 'object'>"}, [])
    assert to_data({"cart_x": object, "cart_y": len}, "cart_*") == ({}, [2])


def test_nothing_is_counted_when_nothing_is_skipped():
    assert to_data({"a": 1, "b": [object]}, "*") == ({"a": 1, "b": ["<type>"]}, [])


# -- By HTTP method --------------------------------------------------------------------------


def taken(selection, method):
    patterns = selection.patterns(method)
    return patterns.names, patterns.has_wildcards


def test_one_list_holds_for_all_methods():
    selection = Selection(["user_id", "cart_*"], setting="track")
    for method in (*HTTP_METHODS, "PROPFIND"):
        assert taken(selection, method) == (("user_id",), True)


def test_each_method_has_its_own_list():
    selection = Selection({"GET": ["a"], "post": ["b", "c_*"]}, setting="track")
    assert taken(selection, "GET") == (("a",), False)
    assert taken(selection, "POST") == (("b",), True)


def test_a_method_that_is_absent_records_no_variables():
    selection = Selection({"GET": ["a"]}, setting="track")
    assert selection.patterns("POST") is NOTHING
    assert Selection({}, setting="track").patterns("GET") is NOTHING
    assert taken(Selection({"GET": []}, setting="track"), "GET") == ((), False)


def test_head_follows_get_unless_it_has_a_list_of_its_own():
    assert taken(Selection({"get": ["a"]}, setting="track"), "HEAD") == (("a",), False)
    own = Selection({"GET": ["a"], "HEAD": ["b"]}, setting="track")
    assert taken(own, "HEAD") == (("b",), False)
    assert taken(own, "GET") == (("a",), False)
    assert taken(Selection({"HEAD": ["b"]}, setting="track"), "GET") == ((), False)


def test_a_single_name_needs_no_list():
    assert taken(Selection("user_id", setting="track"), "GET") == (("user_id",), False)
    assert taken(Selection({"GET": "user_id"}, setting="track"), "GET") == (("user_id",), False)


def test_lists_may_be_any_iterable_and_repeat_themselves():
    assert Patterns(iter(["a", "a", "!b"]), setting="track").patterns == ("a", "!b")
    assert Patterns({"a": 1}, setting="track").names == ("a",)


def test_two_selections_join_to_what_either_takes_and_neither_excludes():
    def names(first, second, method="GET"):
        one, two = Selection(first, setting="one"), Selection(second, setting="two")
        patterns = one.joined(two, setting="both").patterns(method)
        variables = dict.fromkeys(["a", "b", "c_secret", "_d"], 1)
        return list(VariableFilter.choose(variables, Pick(patterns)))

    assert names(["a"], ["b"]) == ["a", "b"]
    assert names(["a"], ["b"], "PROPFIND") == ["a", "b"]
    assert names(["*", "!b"], ["c_*"]) == ["a", "c_secret"]
    assert names(["!*_secret"], ["b"]) == ["b", "a"], "exclusions alone mean everything else"
    assert names({"GET": ["a"]}, ["b"]) == ["a", "b"]
    assert names({"GET": ["a"]}, ["b"], "POST") == ["b"]
    assert names({"GET": ["a"]}, {"POST": ["b"]}, "HEAD") == ["a"]
    assert names({"GET": ["a"]}, {"POST": ["b"]}, "PUT") == []
    with pytest.raises(ConfigurationError, match=r"^both: 'a' can match nothing"):
        names(["a"], ["!a"])


@pytest.mark.parametrize(
    ("methods", "culprit", "hint"),
    [
        ({"GETT": ["a"]}, "'GETT'", "Did you mean 'GET'?"),
        ({"gett": ["a"]}, "'gett'", "Did you mean 'GET'?"),
        ({"GET": ["a"], "POSTS": ["a"]}, "'POSTS'", "Did you mean 'POST'?"),
        ({"XYZZY": ["a"]}, "'XYZZY'", "Known: "),
        ({"": ["a"]}, "''", "Known: "),
        ({None: ["a"]}, "None", "Known: "),
        ({"get": ["a"], "GET": ["b"]}, "'GET'", "Make one list"),
    ],
)
def test_an_unknown_method_is_refused_and_the_nearest_named(methods, culprit, hint):
    with pytest.raises(ConfigurationError) as refused:
        Selection(methods, setting="CHEST_VARIABLES")
    assert str(refused.value).startswith(f"CHEST_VARIABLES: {culprit}")
    assert hint in str(refused.value)
    assert refused.value.setting == "CHEST_VARIABLES"


# -- What can match nothing ------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        *("", "!", "!!a", "a!", "user id", "user-id", " a", "a\n", "1st", "1*", "cart.*", "cart_?"),
        *("[a]", "a\0", "\ud800", "*-id", "!user-id", None, 5, b"a", ["a"], ("a",), object),
    ],
    ids=repr,
)
def test_a_pattern_that_no_name_can_match_is_refused(pattern):
    with pytest.raises(ConfigurationError) as refused:
        Selection({"GET": ["fine", pattern]}, setting="track")
    assert str(refused.value).startswith(f"track['GET']: {pattern!r} can match no variable")
    assert refused.value.setting == "track['GET']"


@pytest.mark.parametrize(
    ("patterns", "pattern", "exclusion"),
    [
        (["user_id", "!user_id"], "user_id", "!user_id"),
        (["!user_id", "user_id"], "user_id", "!user_id"),
        (["a", "user_id", "!b", "!user_*"], "user_id", "!user_*"),
        (["cart_*", "!cart_*"], "cart_*", "!cart_*"),
        (["cart_x*", "!cart_*"], "cart_x*", "!cart_*"),
        (["cart_*_id", "!c*_*d"], "cart_*_id", "!c*_*d"),
        (["*", "!*"], "*", "!*"),
        (["*", "!**"], "*", "!**"),
        (["!*"], "*", "!*"),
        (["_a", "!*a"], "_a", "!*a"),
        (["größe", "!gro\u0308ße"], "größe", "!größe"),
    ],
)
def test_a_pattern_that_is_wholly_excluded_is_refused(patterns, pattern, exclusion):
    with pytest.raises(ConfigurationError) as refused:
        Selection(patterns, setting="track")
    assert f"track: {pattern!r} can match nothing" in str(refused.value)
    assert f"because {exclusion!r} excludes" in str(refused.value)


@pytest.mark.parametrize("patterns", [None, 5, object()])
def test_what_is_no_list_is_refused(patterns):
    with pytest.raises(ConfigurationError, match=r"^CHEST_VARIABLES: .* is not a list of names"):
        Selection(patterns, setting="CHEST_VARIABLES")


def test_a_pattern_that_is_excluded_in_part_is_not_refused():
    for patterns in (["cart_*", "!cart_secret"], ["*", "!*_*"], ["a*", "!*a"], ["*a", "!a*"]):
        Selection(patterns, setting="track")


# -- Against a plain reading of the rules ----------------------------------------------------

letters = st.text("ab_", min_size=1, max_size=5)
stars = st.text("ab_*", min_size=1, max_size=5)
lists = st.lists(stars | letters | stars.map("!{}".format), max_size=4)


def matches(pattern, name):
    """Tell whether a pattern matches a name, character by character."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return matches(pattern[1:], name) or (bool(name) and matches(pattern, name[1:]))
    return name[:1] == pattern[0] and matches(pattern[1:], name[1:])


def reference(names, patterns, app_wide):
    """Return the names that the rules take, as a set."""
    excluded = [p[1:] for p in (*patterns, *app_wide) if p[0] == "!"]
    included = [p for p in patterns if p[0] != "!"] or (["*"] if patterns else [])
    return {
        name
        for name in names
        if any(
            fnmatch.fnmatchcase(name, pattern)
            and ("*" not in pattern or name[0] != "_" or pattern[0] == "_")
            for pattern in included
        )
        and not any(fnmatch.fnmatchcase(name, pattern) for pattern in excluded)
    }


@settings(max_examples=500, deadline=None)
@given(st.lists(letters, unique=True, max_size=12), lists, lists)
def test_the_filter_agrees_with_a_plain_reading_of_the_rules(names, patterns, app_wide):
    try:
        chosen = choose(names, *patterns, app_wide=app_wide)
    except ConfigurationError:
        assume(False)
    assert set(chosen) == reference(names, patterns, app_wide)
    assert len(chosen) == len(set(chosen))
    listed = [name for name in dict.fromkeys(patterns) if name in chosen]
    assert chosen == listed + [name for name in names if name in chosen and name not in listed]


@settings(max_examples=300, deadline=None)
@given(stars, letters)
def test_a_star_agrees_with_a_matcher_of_one_character_at_a_time(pattern, name):
    taken = Patterns([pattern], setting="track").takes(name)
    private = name[0] == "_" != pattern[0]
    assert taken is ("*" in pattern and not private and matches(pattern, name))


def refused(patterns):
    try:
        Patterns(patterns, setting="track")
    except ConfigurationError as error:
        return re.search(r"'(\S+)' can match nothing", str(error))[1]
    return None


@settings(max_examples=500, deadline=None)
@given(lists, st.lists(letters, max_size=20))
def test_what_is_refused_matches_nothing_and_what_is_accepted_matches_something(patterns, names):
    culprit = refused(patterns)
    included = [p for p in patterns if p[0] != "!"] or ["*"]
    excluded = [p for p in patterns if p[0] == "!"]
    if culprit is not None:
        assert culprit in included
        # Its own instances, with every star short or long, are the ones to try.
        own = [culprit.replace("*", filling) for filling in ("", "a", "b", "_", "ab", "zzz", "a_b")]
        assert not reference([name for name in (*names, *own) if name], [culprit, *excluded], [])
    elif patterns:
        for pattern in included:
            # "z" stands in no exclusion: only a star can take it.
            instance = pattern.replace("*", "z")
            assert instance.isidentifier()
            assert choose([instance], pattern, *excluded) == [instance]


# -- Other threads ---------------------------------------------------------------------------


def test_another_thread_may_write_to_g_meanwhile():
    variables = {f"v{number}": number for number in range(50)}
    done = threading.Event()

    def write():
        number = 50
        while not done.is_set():
            variables[f"v{number}"] = number
            variables.pop(f"v{number - 50}")
            number += 1

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        every = Pick(Patterns(["*", "v7"], setting="track"))
        variable_filter = VariableFilter(Redactor(SecretKeys()), pytest.fail)
        for _ in range(500):
            chosen = variable_filter.choose(variables, every)
            assert 49 <= len(chosen) <= 52
            assert variable_filter.to_data(chosen, every) == chosen
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)


def test_a_record_of_very_many_variables_ends():
    variables = {f"v{number}": number for number in range(100_000)}
    data, _ = to_data(dict.fromkeys(choose(variables, "*"), 1), "*")
    assert len(data) == MAX_ITEMS + 1


# -- The page --------------------------------------------------------------------------------


def rows(heading):
    """Yield the cells of the table in one section of the page."""
    section = PAGE.read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| ") and "`" in line:
            yield [re.findall(r"`([^`]*)`", cell) for cell in line.strip("|").split(" | ")]


def test_the_examples_of_the_page_are_true():
    examples = list(rows("Names and patterns"))[1:]
    assert len(examples) > 5
    for patterns, names, chosen in examples:
        assert choose(names, *map(json.loads, patterns)) == chosen


def test_what_the_page_says_is_refused_is_refused():
    count = 0
    for cells in list(rows("What is refused"))[1:]:
        for example in cells[0]:
            patterns = eval(f"[{example}]")
            with pytest.raises(ConfigurationError):
                Selection(patterns[0] if type(patterns[0]) is dict else patterns, setting="track")
            count += 1
    assert count > 5
