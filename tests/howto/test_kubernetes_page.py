"""What docs/how-to/kubernetes.md shows is in the manifests of examples/kubernetes."""

from __future__ import annotations

import re

import pytest
import yaml
from support.pages import ROOT

PAGE = (ROOT / "docs" / "how-to" / "kubernetes.md").read_text("utf-8")
SHOWN = [
    yaml.safe_load(text)
    for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
]


def contains(whole, part):
    """Return whether a part of a manifest is in the whole; items of lists in any order."""
    if isinstance(part, dict):
        return all(key in whole and contains(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return all(any(contains(each, item) for each in whole) for item in part)
    return whole == part


@pytest.mark.parametrize("number", range(len(SHOWN)))
def test_each_part_is_in_the_deployment(number):
    text = (ROOT / "examples" / "kubernetes" / "deployment.yaml").read_text("utf-8")
    pod = yaml.safe_load(text)["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert contains({**pod, **container}, SHOWN[number])


def test_the_secret_has_the_names_that_the_manifests_read():
    manifest = (ROOT / "examples" / "kubernetes" / "secret.yaml").read_text("utf-8")
    [name] = re.findall(r"kubectl create secret generic (\S+)", PAGE)
    secret = yaml.safe_load(manifest)
    assert name == secret["metadata"]["name"]
    assert set(re.findall(r"--from-literal=([\w-]+)=", PAGE)) == set(secret["stringData"])


def test_the_page_shows_all_parts():
    assert {key for part in SHOWN for key in part} == {
        "volumes",
        "securityContext",
        "volumeMounts",
        "env",
        "livenessProbe",
        "readinessProbe",
    }
