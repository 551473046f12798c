"""The contract of every exporter."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from flask_chest.exporter import Batch, Batching, Exporter
from flask_chest.record import encode
from flask_chest.testing.backend import Backend
from flask_chest.testing.batches import deliver
from flask_chest.testing.interruption_contract import InterruptionContract
from flask_chest.testing.programs import export_from_parent_and_child, export_twice
from flask_chest.testing.records import make_batch, make_record

_LEAK_SECONDS = 5.0


class ExporterContract(InterruptionContract):
    """Tests for any exporter. A subclass defines the fixture `backend`."""

    @pytest.fixture
    def backend(self) -> Backend:
        """Return an empty destination."""
        raise NotImplementedError(
            "A subclass of ExporterContract must define the fixture `backend`"
        )

    @pytest.fixture
    def exporter(self, backend: Backend) -> Iterator[Exporter]:
        """Return an open exporter to the destination."""
        exporter = backend.new()
        exporter.open()
        yield exporter
        exporter.close()

    def test_exported_records_are_stored(self, backend: Backend, exporter: Exporter) -> None:
        records = [make_record(variables={"n": n}) for n in range(10)]
        exporter.export(make_batch(*records[:1]))
        assert backend.ids() == [records[0]["id"]]
        deliver(exporter, *records[1:])
        assert sorted(backend.ids()) == sorted(record["id"] for record in records)

    def test_a_repeated_record_is_stored_once(self, backend: Backend, exporter: Exporter) -> None:
        first = [make_record() for _ in range(10)]
        deliver(exporter, *first)
        deliver(exporter, *first)
        new = [make_record() for _ in range(3)]
        if exporter.batching.fixed:  # they come again in the same batch, and in no other
            deliver(exporter, *new)
            deliver(exporter, *new)
        else:
            deliver(exporter, *first[5:], *new, *first[:2], *new)
        assert sorted(backend.ids()) == sorted(record["id"] for record in first + new)

    def test_a_batch_that_comes_again_without_erased_records_is_stored_once(
        self, backend: Backend, exporter: Exporter
    ) -> None:
        number = min(10, exporter.batching.max_records or 10)
        records = [make_record() for _ in range(number)]
        left = records[3:] or records[-1:]
        batch = make_batch(*records)
        exporter.export(batch)
        exporter.close()
        again = backend.new()
        again.open()
        again.export(Batch(make_batch(*left).lines, len(left), batch.token))
        again.close()
        assert sorted(backend.ids()) == sorted(record["id"] for record in records)

    def test_its_policy_for_batches_can_be_read_before_it_is_opened(self, backend: Backend) -> None:
        assert isinstance(backend.new().batching, Batching)

    def test_a_big_batch_and_big_records_are_stored(
        self, backend: Backend, exporter: Exporter
    ) -> None:
        records = [make_record(variables={"n": n, "text": "x" * 300}) for n in range(5_000)]
        records += [make_record(variables={"text": "é😀\\'\"\n" * 60_000}) for _ in range(3)]
        deliver(exporter, *records)
        assert sorted(backend.ids()) == sorted(record["id"] for record in records)

    def test_an_exporter_may_be_closed_and_opened_again(self, backend: Backend) -> None:
        exporter = backend.new()
        exporter.close()
        records = []
        for _ in range(3):
            exporter.open()
            records.append(make_record())
            exporter.export(make_batch(records[-1]))
            exporter.close()
        exporter.close()
        assert sorted(backend.ids()) == sorted(record["id"] for record in records)

    def test_an_idle_exporter_takes_the_next_batch(
        self, backend: Backend, exporter: Exporter
    ) -> None:
        records = [make_record() for _ in range(4)]
        exporter.idle()
        for record in records:
            exporter.export(make_batch(record))
            if record is not records[0]:
                exporter.idle()
        exporter.idle()
        assert sorted(backend.ids()) == sorted(record["id"] for record in records)

    def test_one_thread_may_open_another_export_and_a_third_close(self, backend: Backend) -> None:
        exporter = backend.new()
        batch = make_batch(make_record())
        for step in (exporter.open, lambda: exporter.export(batch), exporter.close):
            thread = threading.Thread(target=step)
            thread.start()
            thread.join()
        assert len(backend.ids()) == 1

    def test_a_closed_exporter_leaves_no_thread_and_no_open_connection_or_file(
        self, backend: Backend
    ) -> None:
        backend.new().check()  # imports modules, which may keep files open
        with _no_leaks():
            exporter = backend.new()
            exporter.validate()
            exporter.check()
        with _no_leaks():
            for _ in range(2):
                exporter.open()
                exporter.export(make_batch(make_record()))
                exporter.close()

    def test_two_exporters_of_one_type_work_side_by_side(self, backend: Backend) -> None:
        first, second = backend.new(), backend.new()
        records = [make_record() for _ in range(4)]
        first.open()
        second.open()
        deliver(first, *records[:2])
        # One that wants fixed batches need not know records.
        deliver(second, *(records[:2] if second.batching.fixed else records[1:3]))
        first.close()
        deliver(second, *records[2:])
        second.close()
        assert sorted(backend.ids()) == sorted(record["id"] for record in records)

    def test_several_processes_may_create_the_destination_at_once(self, backend: Backend) -> None:
        batches = [[make_record() for _ in range(5)] for _ in range(4)]
        common = make_record()
        with ExitStack() as stack:
            processes = [stack.enter_context(backend.start(export_twice)) for _ in batches]
            for process in processes:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n", process.communicate()[1]
            for process, records in zip(processes, batches, strict=True):
                assert process.stdin is not None
                process.stdin.write(make_batch(common, *records).to_json().decode() + "\n")
                process.stdin.flush()
            errors = [process.communicate(timeout=60)[1] for process in processes]
        assert errors == [""] * len(processes)
        wanted = [common, *(record for records in batches for record in records)]
        assert sorted(backend.ids()) == sorted(record["id"] for record in wanted)

    def test_a_forked_child_does_not_touch_the_connection_of_its_parent(
        self, backend: Backend
    ) -> None:
        records = [make_record() for _ in range(3)]
        lines = "".join(encode(record).decode() for record in records)
        with backend.start(export_from_parent_and_child) as process:
            out, err = process.communicate(lines, timeout=60)
        assert (out, err) == ("", "")
        assert sorted(backend.ids()) == sorted(record["id"] for record in records)

    def test_line_separators_inside_a_text_do_not_end_a_record(
        self, backend: Backend, exporter: Exporter
    ) -> None:
        record = make_record(path="/a\u2028b\rc\x85d", variables={"text": "\r\n\x0b\x0c\x1c\u2029"})
        exporter.export(Batch(encode(record), 1))
        assert backend.ids() == [record["id"]]


@contextmanager
def _no_leaks() -> Iterator[None]:
    """Fail when the block leaves threads or file descriptors behind."""
    before = _threads_and_descriptors()
    yield
    deadline = time.monotonic() + _LEAK_SECONDS
    while (left := _threads_and_descriptors() - before) and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.02)
    assert not left


def _threads_and_descriptors() -> set[str]:
    found = {f"thread {thread.name} {thread.ident}" for thread in threading.enumerate()}
    folder = Path("/proc/self/fd")
    if not folder.exists():  # macOS has no /proc
        return found
    for link in folder.iterdir():
        try:
            found.add(f"{link.name} {link.readlink()}")
        except OSError:  # the descriptor of the listing itself
            continue
    return found
