"""What a release demands of the repository, its notes, and the Pythons that it finds."""

from __future__ import annotations

import subprocess

import pytest

from tools.release import __main__ as command
from tools.release.notes import notes
from tools.release.pythons import WANTED, find
from tools.release.tree import check_changelog, check_tree, section

CHANGELOG = """\
# Changelog

## 0.2.0 (2027-01-31)

- Record jobs. [How](docs/jobs.md).

## 0.1.0 (2026-11-30)

- Begin.
"""


def git(folder, *arguments):
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@site.example"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_tree_with_anything_uncommitted_is_refused(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "a").write_text("1")
    assert list(check_tree(tmp_path)) == ["the git tree is not clean: a"]
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "Add a")
    assert list(check_tree(tmp_path)) == []
    (tmp_path / "a").write_text("2")
    for name in "bcd":
        (tmp_path / name).touch()
    assert list(check_tree(tmp_path)) == ["the git tree is not clean: a, b, c and 1 more"]


@pytest.mark.parametrize(
    ("text", "version", "problem"),
    [
        (CHANGELOG, "0.2.0", None),
        (CHANGELOG, "0.1.0", "does not begin with a section for 0.1.0"),
        (CHANGELOG, "0.3.0", "does not begin with a section for 0.3.0"),
        (CHANGELOG.replace("2027-01-31", "unreleased"), "0.2.0", "has no date for 0.2.0"),
        (CHANGELOG.replace(" (2027-01-31)", ""), "0.2.0", "has no date for 0.2.0"),
        ("## 0.2.0 (2027-01-31)\n\n## 0.1.0\n\n- Begin.\n", "0.2.0", "says nothing about 0.2.0"),
    ],
)
def test_a_changelog_without_a_dated_section_for_the_version_is_refused(text, version, problem):
    found = list(check_changelog(text, version))
    assert found == [] if problem is None else problem in found[0]


def test_a_release_of_an_unready_tree_makes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "check_tree", lambda _root: ["the git tree is not clean: a"])
    assert command.main(["--target", str(tmp_path / "dist")]) == 1
    assert not (tmp_path / "dist").exists()
    assert "error: the git tree is not clean: a\n" in capsys.readouterr().err


def test_a_folder_with_files_of_somebody_else_is_not_emptied(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "check_tree", lambda _root: [])
    monkeypatch.setattr(command, "check_changelog", lambda *_: [])
    for name in ("thesis.txt", "NOTES.md"):
        (tmp_path / name).touch()
    assert command.main(["--target", str(tmp_path)]) == 1
    assert "has thesis.txt, which no release made" in capsys.readouterr().err
    assert len(list(tmp_path.iterdir())) == 2


def test_the_notes_have_the_section_the_files_and_what_was_tested():
    text = notes(CHANGELOG, "0.2.0", {"x.whl": "ab12"}, "It was tried on Python 3.14.")
    assert "- Record jobs." in text
    assert "Begin." not in text
    assert "| x.whl | `ab12` |" in text
    assert "It was tried on Python 3.14." in text
    assert "pip install 'flask-chest[sqlite]==0.2.0'" in text
    assert section(CHANGELOG, "0.9") == ""


def test_a_python_is_taken_for_what_it_says_and_the_missing_ones_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for version, says in (("3.14", "3.14"), ("3.14t", "3.14t"), ("3.13t", "3.13")):
        program = tmp_path / version / "bin" / f"python{version}"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho {says}\n")
        program.chmod(0o755)
    found, missing = find(tmp_path)
    paths = {python.version: python.path for python in found}
    assert paths["3.14t"] == str(tmp_path / "3.14t" / "bin" / "python3.14t")
    assert paths["3.14"] == str(tmp_path / "3.14" / "bin" / "python3.14")
    assert "3.13t" in missing
    assert sorted([*paths, *missing]) == sorted(WANTED)
