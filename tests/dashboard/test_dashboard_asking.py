"""Whether the database could be reached, as the questions of pages tell it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from flask_chest_dashboard.asking import Asker

from flask_chest.errors import ExporterUnavailable


@pytest.fixture
def asker(chest):
    return Asker(chest)


def succeed():
    return "an answer"


def fail():
    raise ExporterUnavailable("connection timed out")


def ask(asker, question):
    """Ask a question; return whether the database could be reached, as it is known afterwards."""
    with suppress(ExporterUnavailable):
        asker.ask(object(), question)
    return asker.answered.is_reached


def while_it_is_asked(asker, *others, then):
    """Return a question during which others are asked and end."""

    def question():
        for other in others:
            ask(asker, other)
        return then()

    return question


def test_the_question_that_was_asked_last_says_it(asker):
    assert asker.answered is None
    assert [ask(asker, each) for each in (fail, succeed, fail, fail, succeed)] == [
        *(False, True, False, False, True)
    ]


def test_a_question_that_fails_after_a_newer_one_was_answered_says_nothing(asker):
    assert ask(asker, while_it_is_asked(asker, succeed, then=fail))
    reached = asker.answered
    assert ask(asker, while_it_is_asked(asker, fail, succeed, then=fail))
    assert asker.answered.at >= reached.at
    assert not ask(asker, fail)


def test_a_newer_question_that_fails_is_believed_though_an_older_one_was_answered(asker):
    assert not ask(asker, while_it_is_asked(asker, succeed, fail, then=fail))


def test_a_question_that_is_answered_after_a_newer_one_failed_says_so(asker):
    assert ask(asker, while_it_is_asked(asker, fail, then=succeed))


def test_a_connection_that_times_out_after_a_newer_question_was_answered_says_nothing(
    asker, monkeypatch
):
    monkeypatch.setattr(asker._chest, "store", while_it_is_asked(asker, succeed, then=fail))
    with pytest.raises(ExporterUnavailable):
        asker.records()
    assert asker.answered.is_reached
