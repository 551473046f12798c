"""The contract of interrupted exports finds the step that an exporter leaves out."""

from __future__ import annotations

import pytest
from support import file_exporters
from support.file_exporters import InFile

from flask_chest.testing import ExporterContract
from flask_chest.testing.interruption_contract import InterruptionContract


class TestFixedBatches(ExporterContract):
    """An exporter of fixed batches knows tokens alone, and no records."""

    moments = 2

    @pytest.fixture
    def backend(self, tmp_path):
        return InFile(file_exporters.Folder, tmp_path / "out")


class TestSmallBatches(ExporterContract):
    """An exporter that takes few records at once never gets more, as in delivery."""

    moments = 2

    @pytest.fixture(params=["Picky", pytest.param("PickyAboutBytes", marks=pytest.mark.slow)])
    def backend(self, tmp_path, request):
        return InFile(getattr(file_exporters, request.param), tmp_path / "out")


def interrupt(name, ways, moments, folder):
    contract = InterruptionContract()
    contract.ways, contract.moments = ways, moments
    backend = InFile(getattr(file_exporters, name), folder / "out")
    contract.test_a_batch_is_stored_once_whatever_interrupts_its_export(backend)


@pytest.mark.parametrize("name", ["Lines", "Counted", "Folder"])
def test_an_exporter_that_can_be_interrupted_passes(name, tmp_path):
    interrupt(name, InterruptionContract.ways, 6, tmp_path)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("LinesWithoutRepair", "cut"),
        ("LinesWithoutLock", "meet"),
        ("CountedWithoutUndo", "kill"),
        ("CountedWithoutUndo", "fail"),
        ("CountedWithoutLock", "meet"),
        ("CountedTooEarly", "kill"),
        ("CountedTooEarly", "cut"),
        ("FolderWithoutRename", "kill"),
        ("FolderWithoutRename", "fail"),
    ],
)
def test_one_that_forgets_something_fails(name, way, tmp_path):
    with pytest.raises(pytest.fail.Exception, match=r"lost|more than once|cannot read"):
        interrupt(name, [way], 15, tmp_path)
