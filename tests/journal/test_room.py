"""What a disk has free, also for root, for whom some of it is kept."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress

import pytest
from support.small_disk import needs_mount, small_disk

from flask_chest.journal.room import Room, room_of


def fill(folder, keep=0):
    """Leave no byte free, but for those of a file that is deleted."""
    (folder / "kept").write_bytes(bytes(keep))
    with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4_096))
    (folder / "kept").unlink()


@pytest.fixture
def ext4(tmp_path):
    """Return the folder of a file system that keeps blocks for root and for itself."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("there is no mkfs.ext4")
    image, folder = tmp_path / "image", tmp_path / "ext4"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(8 * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    mount = ["mount", "-o", "loop", str(image), str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount an image")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@needs_mount
def test_a_full_ext4_has_nothing_free_for_root_either(ext4):
    assert room_of(ext4).free_bytes > 2**20
    fill(ext4)
    found = os.statvfs(ext4)
    assert found.f_bfree > 0, "which nobody gets"
    assert room_of(ext4) == Room(free_bytes=0)


@needs_mount
def test_blocks_that_are_kept_for_root_are_free_for_root_alone(ext4):
    fill(ext4, keep=64 * 1024)
    assert os.statvfs(ext4).f_bavail == 0
    assert room_of(ext4).free_bytes >= 64 * 1024
    assert {path.name for path in ext4.iterdir()} == {"lost+found", "filler"}


@needs_mount
def test_a_full_tmpfs_has_nothing_free(tmp_path):
    with small_disk(tmp_path / "small") as disk:
        assert 0 < room_of(disk.path).free_bytes <= 256 * 1024
        disk.fill()
        assert room_of(disk.path).fault == "0 bytes are free"
