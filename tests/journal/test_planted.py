"""What the owner of a journal plants there, to lead root's processes to root's files."""

from __future__ import annotations

import os
import shutil

import pytest
from support.journals import deliver, line
from support.other_user import Precious, needs_root, own, place_for_all
from support.waiting import until

from flask_chest.journal import DiskJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

pytestmark = needs_root


@pytest.fixture
def precious(tmp_path):
    return Precious(tmp_path)


@pytest.fixture
def place():
    with place_for_all() as folder:
        yield folder


@pytest.fixture
def journal(place):
    """Return a journal of the other user's, which root uses without becoming that user."""
    folder = place / "chest"
    folder.mkdir(mode=0o700)
    own(folder)
    journal = DiskJournal(folder, ["main"], Counters(), Throttle())
    yield journal
    journal.close()


def plant(path, how, precious):
    """Put something of the other user's at a path that leads to what is root's."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if how == "link":
        path.symlink_to(precious.file)
    elif how == "link to a folder":
        path.symlink_to(precious.folder)
    elif how == "hard link":
        path.hardlink_to(precious.file)
        return  # it keeps its owner
    elif how == "FIFO":
        os.mkfifo(path)
    elif how == "device":
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero, which never ends
    own(path)


def use(journal):
    """Do all that a leader does, whatever of it fails; return what it read."""
    read = []
    journal.append(line(1))
    journal.try_lead()
    reader = journal.reader("main")
    for _ in range(3):
        try:
            read += deliver(journal)
        except OSError:
            continue
    reader.pending()
    try:
        with reader.lease():
            reader.dead_letter(line(2), ValueError("no"))
    except OSError:
        pass
    journal.close()
    with (journal.folder / "segments" / "torn.jsonl").open("ab") as file:
        file.write(b"half")
    own(journal.folder / "segments" / "torn.jsonl")
    journal.prune()
    journal._maintain()
    return b"".join(read)


NAMES = {
    "segment": "segments/00000000.jsonl",
    "unfinished segment": "segments/00000000.new",
    "cursor": "cursors/main.json",
    "new cursor": "cursors/main.new",
    "lease": "cursors/main.lock",
    "in use": "cursors/other.in-use",
    "leader": "export.lock",
    "dead letters": "dead-letter/main.jsonl",
}


@pytest.mark.parametrize("how", ["link", "hard link", "FIFO", "device"])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_what_is_no_file_of_the_owner_is_neither_read_nor_written(
    journal, place, precious, name, how
):
    plant(journal.folder / name, how, precious)
    os.utime(journal.folder / name, (0, 0), follow_symlinks=False)
    precious.look()
    read = use(journal)
    precious.assert_untouched()
    precious.assert_not_told(place)
    assert precious.file.read_bytes() not in read
    assert b"\0" not in read


@pytest.mark.parametrize("name", ["segments", "cursors", "dead-letter", "damaged"])
def test_a_folder_that_is_a_link_is_not_entered(journal, place, precious, name):
    journal.close()
    plant(journal.folder / name, "link to a folder", precious)
    for path in ("x.jsonl", "main.json", "main.jsonl"):
        (precious.folder / path).write_bytes(line(7))
    precious.look()
    read = use_with(journal, name)
    precious.assert_untouched()
    assert line(7) not in read


def use_with(journal, name):
    if name != "segments":
        return use(journal)
    assert not journal.append(line(1))
    with pytest.raises(OSError, match="link"):
        deliver(journal)
    journal.prune()
    journal._maintain()
    return b""


def test_a_segment_that_is_not_the_owners_is_moved_away_and_holds_up_nothing(
    journal, precious, caplog
):
    plant(journal.folder / "segments" / "00.jsonl", "link", precious)
    plant(journal.folder / "segments" / "01.jsonl", "FIFO", precious)
    plant(journal.folder / "segments" / "02.jsonl", "hard link", precious)
    journal.append(line(1))
    reader = journal.reader("main")
    taken = []
    with pytest.raises(OSError, match=r"00\.jsonl is a symbolic link"), reader.lease():
        for chunk in reader.chunks(1_000, 1_000_000):
            taken.append(chunk.lines)
            reader.acknowledge(chunk)
    assert taken == [line(1)]
    assert len(list((journal.folder / "segments").iterdir())) == 1
    reasons = sorted((journal.folder / "damaged").glob("*.reason"))
    assert [path.name[:8] for path in reasons] == ["00.jsonl", "01.jsonl", "02.jsonl"]
    assert "belongs to root" in reasons[2].read_text()
    precious.assert_untouched()


def test_a_journal_that_is_swapped_for_a_link_while_it_is_open_leads_nowhere(
    journal, place, precious
):
    for name in ("segments", "cursors", "dead-letter"):
        (precious.folder / name).mkdir()
    (precious.folder / "segments" / "a.jsonl").write_bytes(line(7))
    precious.look()
    journal.append(line(1))
    journal.folder.rename(place / "away")
    journal.folder.symlink_to(precious.folder)
    own(journal.folder)
    journal.append(line(2))
    journal.try_lead()
    journal._maintain()
    journal.append(line(3))
    journal._own.retire()
    journal.append(line(4))
    with pytest.raises(OSError, match="is a link, made by nobody"):
        deliver(journal)
    journal.prune()
    precious.assert_untouched()
    journal.folder.unlink()
    (place / "away").rename(journal.folder)
    assert line(1) in deliver(journal)


def test_a_fifo_holds_up_no_leader_of_a_running_application(make_chest, tmp_path, app):
    chest = make_chest(export_interval_seconds=0.05, raise_errors=False)
    app.get("/")(chest.track(lambda: ""))
    chest.init_app(app)
    os.mkfifo(tmp_path / "journal" / "segments" / "0.jsonl")
    os.mkfifo(tmp_path / "journal" / "cursors" / "main.new")
    app.test_client().get("/")
    until(lambda: chest.stats().exporters["main"].delivered == 1)
    until((tmp_path / "journal" / "damaged" / "0.jsonl.reason").exists)
