"""The store of MongoDB fulfils every contract, on a real server."""

from __future__ import annotations

import pytest
from support.backends import Mongo

from flask_chest.testing import ExporterContract, SchemaContract, ServerContract, StoreContract


class TestMongo(ExporterContract, ServerContract, StoreContract, SchemaContract):
    moments = 1  # more: test_interrupted_stores.py

    @pytest.fixture
    def backend(self, mongo):
        return Mongo(mongo)

    # The server of the tests is in Python, and takes seconds for thousands of documents.

    @pytest.mark.slow
    def test_erase_goes_through_many_pages_and_reports_its_progress(self, store):
        super().test_erase_goes_through_many_pages_and_reports_its_progress(store)

    @pytest.mark.slow
    def test_erase_deletes_what_satisfies_the_filter_and_nothing_else(self, store):
        super().test_erase_deletes_what_satisfies_the_filter_and_nothing_else(store)

    @pytest.mark.slow
    def test_every_restriction_gives_the_answers_of_the_reference(self, store):
        super().test_every_restriction_gives_the_answers_of_the_reference(store)

    @pytest.mark.slow
    def test_every_question_has_the_answer_of_the_reference(self, store, odd):
        super().test_every_question_has_the_answer_of_the_reference(store, odd)

    @pytest.mark.slow
    def test_what_the_progress_raises_ends_the_erasure(self, store):
        super().test_what_the_progress_raises_ends_the_erasure(store)
