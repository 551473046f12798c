"""The leader of a host, and delivery leases."""

from __future__ import annotations


def test_one_process_is_the_leader_and_one_has_the_delivery_lease(make_disk):
    one, two = make_disk("main"), make_disk("main")
    assert one.try_lead()
    assert not two.try_lead()
    one.close()
    assert two.try_lead()
    with one.reader("main").lease() as held:
        assert held
        with two.reader("main").lease() as other:
            assert not other
    with two.reader("main").lease() as held:
        assert held


def test_a_lock_that_cannot_be_opened_is_reported_and_leaves_no_leader(make_disk, folder, caplog):
    journal = make_disk("main")
    (folder / "export.lock").mkdir()
    for _ in range(3):
        assert not journal.try_lead()
    journal._throttle.flush()
    first, rest = caplog.messages
    assert first.startswith("Nothing is delivered")
    assert "(1 more since the last such message" in rest
    (folder / "export.lock").rmdir()
    assert journal.try_lead()


def test_a_lock_on_a_deleted_file_keeps_nobody_out(make_disk, folder):
    one, two = make_disk("main"), make_disk("main")
    assert one.try_lead()
    (folder / "export.lock").unlink()
    assert two.try_lead()
    assert not one.try_lead(), "it notices that its lock is worth nothing"
    two.close()
    assert one.try_lead()
