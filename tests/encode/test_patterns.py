"""What is taken from `flask.g` by name: names, `*` patterns, `!` exclusions."""

from __future__ import annotations

import enum
import fnmatch
import json
import re
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.values_page import names_and_patterns, refused_patterns

from flask_chest.encode.patterns import Patterns
from flask_chest.errors import ConfigurationError

pytestmark = pytest.mark.opens_nothing


def choose(variables, *patterns, app_wide=()):
    """Return the names taken from variables, in order."""
    if not isinstance(variables, dict):
        variables = dict.fromkeys(variables, 1)
    both = Patterns(patterns, setting="track").within([Patterns(app_wide, setting="app")])
    chosen = both.choose(variables)
    assert both.choose(variables) == chosen  # also from what it remembers
    assert all(chosen[name] is variables[name] for name in chosen)
    return list(chosen)


# -- Names, patterns and exclusions --------------------------------------------------------------


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


def test_an_exclusion_wins_wherever_it_stands():
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


def test_the_inclusions_of_the_application_are_not_added_to_a_route():
    assert choose(["a", "b"], "a", app_wide=["*"]) == ["a"]


def test_listed_names_come_first_and_the_rest_as_on_g():
    assert choose(["d", "c", "b", "a"], "*", "b", "c") == ["b", "c", "d", "a"]


def test_names_in_any_script_are_normalised_as_python_does():
    names = ["größe", "naïve", "नाम", "名前"]
    assert choose(names, "größe", "नाम", "名*") == ["größe", "नाम", "名前"]
    # Python itself composes the names in a program: `g.gro\u0308\u00dfe` is "größe".
    assert choose(["größe", "naïve"], "gro\u0308ße", "nai\u0308*") == ["größe", "naïve"]


def test_names_that_are_no_identifiers_are_caught_too():
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
    assert not patterns.catches("a" * 5_000)
    assert not patterns.excludes("a" * 5_000)
    assert time.process_time() - started < 10  # which would be years


def test_a_single_name_needs_no_list():
    assert Patterns("user_id", setting="track").names == ("user_id",)


def test_lists_may_be_any_iterable_and_repeat_themselves():
    assert Patterns(iter(["a", "a", "!b"]), setting="track").patterns == ("a", "!b")
    assert Patterns({"a": 1}, setting="track").names == ("a",)


def test_joined_patterns_take_what_either_takes_and_neither_excludes():
    def names(first, second):
        one, two = Patterns(first, setting="one"), Patterns(second, setting="two")
        return list(
            one.joined(two, setting="both").choose(dict.fromkeys(["a", "b", "c_secret", "_d"], 1))
        )

    assert names(["a"], ["b"]) == ["a", "b"]
    assert names(["*", "!b"], ["c_*"]) == ["a", "c_secret"]
    assert names(["!*_secret"], ["b"]) == ["b", "a"], "exclusions alone mean everything else"
    with pytest.raises(ConfigurationError, match=r"^both: 'a' can match nothing"):
        names(["a"], ["!a"])


# -- What can match nothing ----------------------------------------------------------------------


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
        Patterns(["fine", pattern], setting="track")
    assert str(refused.value).startswith(f"track: {pattern!r} can match no variable")
    assert refused.value.setting == "track"


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
def test_a_pattern_that_an_exclusion_covers_is_refused(patterns, pattern, exclusion):
    with pytest.raises(ConfigurationError) as refused:
        Patterns(patterns, setting="track")
    assert f"track: {pattern!r} can match nothing" in str(refused.value)
    assert f"because {exclusion!r} excludes" in str(refused.value)


@pytest.mark.parametrize("patterns", [None, 5, object()])
def test_a_value_that_is_not_a_list_is_refused(patterns):
    with pytest.raises(ConfigurationError, match=r"^CHEST_VARIABLES: .* is not a list of names"):
        Patterns(patterns, setting="CHEST_VARIABLES")


def test_a_pattern_that_an_exclusion_covers_in_part_is_accepted():
    for patterns in (["cart_*", "!cart_secret"], ["*", "!*_*"], ["a*", "!*a"], ["*a", "!a*"]):
        Patterns(patterns, setting="track")


# -- Against a plain reading of the rules --------------------------------------------------------


letters = st.text("ab_", min_size=1, max_size=5)
stars = st.text("ab_*", min_size=1, max_size=5)
lists = st.lists(stars | letters | stars.map("!{}".format), max_size=4)


def matches(pattern, name):
    """Return whether a pattern matches a name, character by character."""
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


@settings(max_examples=200, deadline=None)
@given(st.lists(letters, unique=True, max_size=12), lists, lists)
def test_the_choice_agrees_with_a_plain_reading_of_the_rules(names, patterns, app_wide):
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
def test_a_star_agrees_with_a_matcher_that_compares_single_characters(pattern, name):
    taken = Patterns([pattern], setting="track").catches(name)
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
def test_a_list_is_refused_exactly_when_a_pattern_in_it_matches_nothing(patterns, names):
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


# -- docs/reference/patterns.md -----------------------------------------------------------------


def test_the_examples_of_the_page_are_true():
    for patterns, names, chosen in names_and_patterns():
        assert choose(names, *map(json.loads, patterns)) == chosen


def test_the_page_names_lists_that_are_refused():
    lists = [patterns for patterns in refused_patterns() if not isinstance(patterns[0], dict)]
    assert len(lists) > 4
    for patterns in lists:
        with pytest.raises(ConfigurationError):
            Patterns(patterns, setting="track")
