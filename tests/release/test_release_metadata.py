"""The checks of metadata, READMEs and ranges, each with a fault that it refuses."""

from __future__ import annotations

import pytest

from tools.release.archives import Archive
from tools.release.metadata import check_alike, check_metadata, check_ranges
from tools.release.readme import for_index, source_url

HEADERS = {
    "Name": "flask-chest-x",
    "Version": "1.2.0",
    "Summary": "An exporter.",
    "Author": "Ada",
    "License-Expression": "MIT",
    "License-File": "LICENSE",
    "Requires-Python": ">=3.10",
    "Classifier": "Typing :: Typed",
    "Description-Content-Type": "text/markdown",
}
README = "# x\n\nSee [the site](https://docs.example/) and [below](#more).\n"


def wheel(readme=README, **changes):
    headers = HEADERS | {name.replace("_", "-"): value for name, value in changes.items()}
    text = "".join(f"{name}: {value}\n" for name, value in headers.items() if value is not None)
    return Archive(
        "flask_chest_x-1.2.0-py3-none-any.whl",
        {"flask_chest_x-1.2.0.dist-info/METADATA": f"{text}\n{readme}".encode()},
    )


def found(archive):
    return list(check_metadata(archive, "flask-chest-x", "1.2.0"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"Name": "flask-chest-y"}, "has 'flask-chest-y' as Name, and not 'flask-chest-x'"),
        ({"Version": "1.1.0"}, "has '1.1.0' as Version, and not '1.2.0'"),
        ({"License_Expression": None}, "has None as License-Expression, and not 'MIT'"),
        ({"License_File": None}, "has None as License-File, and not 'LICENSE'"),
        ({"Requires_Python": ">=3.11"}, "has '>=3.11' as Requires-Python, and not '>=3.10'"),
        ({"Description_Content_Type": "text/plain"}, "has 'text/plain' as Description-Content"),
        ({"Summary": None}, "has no Summary"),
        ({"Author": None}, "has no Author"),
        ({"Classifier": None}, "has no Classifier"),
        ({"readme": "  \n"}, "has no README"),
        ({"readme": "[a](docs/a.md)"}, "links to 'docs/a.md' in its README"),
        ({"readme": "[a](/a.md)"}, "links to '/a.md' in its README"),
        ({"readme": "![a](../a.png)"}, "links to '../a.png' in its README"),
        ({"readme": "[a][1]\n\n[1]: docs/a.md"}, "links to 'docs/a.md' in its README"),
    ],
)
def test_metadata_with_a_fault_are_refused(changes, problem):
    assert found(wheel()) == []
    problems = found(wheel(**changes))
    assert any(text.startswith(problem) for text in problems), problems


def test_a_wheel_with_other_metadata_than_its_sdist_is_refused():
    sdist = Archive("flask_chest_x-1.2.0.tar.gz", {"PKG-INFO": next(iter(wheel().files.values()))})
    assert list(check_alike(wheel(), sdist)) == []
    assert list(check_alike(wheel(Summary="Another."), sdist)) == [
        "has another Summary than its sdist"
    ]


REQUIRED = {
    "flask-chest": ["flask>=3.0.0", 'flask-chest-x<0.3,>=0.2.0; extra == "x"'],
    "flask-chest-x": ["flask-chest<0.3,>=0.2.0"],
}


@pytest.mark.parametrize(
    ("name", "requirement", "problem"),
    [
        ("flask-chest-x", "flask-chest<0.2,>=0.1.0", "which does not admit 0.2.4"),
        ("flask-chest-x", "flask-chest>=0.2.0", "which admits the incompatible 0.3"),
        ("flask-chest-x", "flask-chest-y<0.3,>=0.2.0", "which is not in this release"),
        ("flask-chest-x", "httpx<1", "without a lowest version"),
        ("flask-chest", "flask>=3.0.0", "has no extra that installs flask-chest-x"),
    ],
)
def test_a_requirement_with_a_fault_is_refused(name, requirement, problem):
    assert list(check_ranges(REQUIRED, "0.2.4")) == []
    [(where, text)] = check_ranges({**REQUIRED, name: [requirement]}, "0.2.4")
    assert where == name
    assert problem in text


BASE = "https://forge.example/chest/blob/v1.2.0"


@pytest.mark.parametrize(
    ("text", "with_a_source", "without_one"),
    [
        ("[a](../../docs/a.md#b)", f"[a]({BASE}/docs/a.md#b)", "a"),
        ("[`x`](y.md), [z](w)", f"[`x`]({BASE}/plugins/x/y.md), [z]({BASE}/plugins/x/w)", "`x`, z"),
        ("![a](../../a.png)", "![a](https://forge.example/chest/raw/v1.2.0/a.png)", ""),
        (
            "[![a](b.png)](c.md)",
            f"[![a](https://forge.example/chest/raw/v1.2.0/plugins/x/b.png)]({BASE}/plugins/x/c.md)",
            "",
        ),
        *(
            (same, same, same)
            for same in (
                "[a](https://site.example/a)",
                "[a](#below)",
                "[a](mailto:ada@site.example)",
                "```\n[a](b.md)\n```",
                "a [b] (c)",
            )
        ),
    ],
)
def test_links_into_the_repository_lead_somewhere_or_are_text(text, with_a_source, without_one):
    assert for_index(text, "plugins/x", BASE) == with_a_source
    assert for_index(text, "plugins/x", None) == without_one


def test_the_source_is_what_the_core_names_among_its_urls(tmp_path):
    manifest = tmp_path / "pyproject.toml"
    manifest.write_text('[project]\nname = "x"\n\n[tool.y]\nSource = "https://no.example"\n')
    assert source_url(tmp_path) is None
    with manifest.open("a") as file:
        file.write(
            '\n[project.urls]\nDocs = "https://d.example"\nSource = "https://s.example/c/"\n'
        )
    assert source_url(tmp_path) == "https://s.example/c"
