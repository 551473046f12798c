"""What every exporter has to keep."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from flask_chest.exporter import Batch, Exporter
from flask_chest.record import encode
from flask_chest.testing.backend import Backend
from flask_chest.testing.records import make_batch, make_record

_GONE_SECONDS = 5.0


class ExporterContract:
    """Tests for any exporter. A subclass gives the fixture `backend`."""

    @pytest.fixture
    def backend(self) -> Backend:
        """Return an empty destination."""
        raise NotImplementedError("a subclass of ExporterContract has a fixture `backend`")

    @pytest.fixture
    def exporter(self, backend: Backend) -> Iterator[Exporter]:
        """Return an open exporter to the destination."""
        exporter = backend.new()
        exporter.open()
        yield exporter
        exporter.close()

    def test_what_export_has_taken_is_there(self, backend: Backend, exporter: Exporter) -> None:
        records = [make_record(variables={"n": n}) for n in range(10)]
        exporter.export(make_batch(*records[:1]))
        assert backend.ids() == [records[0]["id"]]
        exporter.export(make_batch(*records[1:]))
        assert sorted(backend.ids()) == sorted(record["id"] for record in records)

    def test_a_record_that_comes_again_is_stored_once(
        self, backend: Backend, exporter: Exporter
    ) -> None:
        first = [make_record() for _ in range(10)]
        exporter.export(make_batch(*first))
        exporter.export(make_batch(*first))
        news = [make_record() for _ in range(3)]
        exporter.export(make_batch(*first[5:], *news, *first[:2], *news))
        assert sorted(backend.ids()) == sorted(record["id"] for record in first + news)

    def test_a_big_batch_and_big_records_arrive(self, backend: Backend, exporter: Exporter) -> None:
        records = [make_record(variables={"n": n, "text": "x" * 300}) for n in range(5_000)]
        records += [make_record(variables={"text": "é😀\\'\"\n" * 60_000}) for _ in range(3)]
        exporter.export(make_batch(*records))
        assert sorted(backend.ids()) == sorted(record["id"] for record in records)

    def test_an_exporter_may_be_opened_and_closed_again(self, backend: Backend) -> None:
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

    def test_an_exporter_that_was_idle_takes_the_next_batch(
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

    def test_one_thread_may_open_and_another_export_and_close(self, backend: Backend) -> None:
        exporter = backend.new()
        batch = make_batch(make_record())
        for step in (exporter.open, lambda: exporter.export(batch), exporter.close):
            thread = threading.Thread(target=step)
            thread.start()
            thread.join()
        assert len(backend.ids()) == 1

    def test_a_closed_exporter_leaves_no_thread_no_connection_and_no_file(
        self, backend: Backend
    ) -> None:
        backend.new().check()  # what is imported and opened once and for all
        with _nothing_left():
            exporter = backend.new()
            exporter.validate()
            exporter.check()
        with _nothing_left():
            for _ in range(2):
                exporter.open()
                exporter.export(make_batch(make_record()))
                exporter.close()

    def test_two_exporters_of_one_type_do_not_mind_each_other(self, backend: Backend) -> None:
        first, second = backend.new(), backend.new()
        records = [make_record() for _ in range(4)]
        first.open()
        second.open()
        first.export(make_batch(*records[:2]))
        second.export(make_batch(*records[1:3]))
        first.close()
        second.export(make_batch(*records[2:]))
        second.close()
        assert sorted(backend.ids()) == sorted(record["id"] for record in records)

    def test_several_processes_may_begin_at_the_same_moment(self, backend: Backend) -> None:
        batches = [[make_record() for _ in range(5)] for _ in range(4)]
        common = make_record()
        with ExitStack() as stack:
            processes = [stack.enter_context(backend.start(_WRITE)) for _ in batches]
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

    def test_a_forked_child_leaves_the_connection_to_its_parent(self, backend: Backend) -> None:
        records = [make_record() for _ in range(3)]
        lines = "".join(encode(record).decode() for record in records)
        with backend.start(_FORK) as process:
            out, err = process.communicate(lines, timeout=60)
        assert (out, err) == ("", "")
        assert sorted(backend.ids()) == sorted(record["id"] for record in records)

    def test_a_batch_without_end_of_lines_inside_texts_is_one_record_a_line(
        self, backend: Backend, exporter: Exporter
    ) -> None:
        record = make_record(path="/a\u2028b\rc\x85d", variables={"text": "\r\n\x0b\x0c\x1c\u2029"})
        exporter.export(Batch(encode(record), 1))
        assert backend.ids() == [record["id"]]


_WRITE = """
from flask_chest.exporter import Batch
from pydantic_core import from_json, to_json
print("ready", flush=True)
records = from_json(sys.stdin.readline())
exporter = new()
exporter.open()
for _ in range(2):
    for record in records:
        exporter.export(Batch(to_json(record) + b"\\n", 1))
exporter.close()
"""

_FORK = """
import os, warnings
from flask_chest.runtime import fork
from flask_chest.exporter import Batch
warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)  # of threads that drivers have
lines = sys.stdin.buffer.read().split(b"\\n")
exporter = new()
exporter.open()
exporter.export(Batch(lines[0] + b"\\n", 1))
child = os.fork()
if not child:
    fork.keep(exporter)
    exporter = type(exporter)(exporter.config)
    exporter.open()
    exporter.export(Batch(lines[1] + b"\\n", 1))
    exporter.close()
    raise SystemExit
_, status = os.waitpid(child, 0)
assert status == 0, status
exporter.export(Batch(lines[2] + b"\\n", 1))
exporter.close()
"""


@contextmanager
def _nothing_left() -> Iterator[None]:
    """Fail when the block leaves threads or descriptors behind."""
    before = _threads_and_descriptors()
    yield
    deadline = time.monotonic() + _GONE_SECONDS
    while (left := _threads_and_descriptors() - before) and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.02)
    assert not left


def _threads_and_descriptors() -> set[str]:
    found = {f"thread {thread.name} {thread.ident}" for thread in threading.enumerate()}
    folder = Path("/proc/self/fd")
    if not folder.exists():  # not on macOS
        return found
    for link in folder.iterdir():
        try:
            found.add(f"{link.name} {link.readlink()}")
        except OSError:  # the listing's own
            continue
    return found
