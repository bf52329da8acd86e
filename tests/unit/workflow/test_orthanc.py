"""Results in a real archive: stored over the network protocol, read back, compared.

Orthanc (Debian's) runs on loopback with an empty store of its own. DCMTK's storescu
brings the objects by C-STORE. Orthanc keeps the data set of each as it came and writes
a file header of its own, so the data sets are compared byte for byte, and of the file
header the class, the instance and the transfer syntax.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.filereader import read_file_meta_info

from btd_desktop.workflow.export_dicom import DicomExport
from tests.orthanc_server import Archive, allow_loopback, running_orthanc
from tests.outside_tools import program, told_by
from tests.unit.workflow.exported_case import make_exported_case

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    program("storescu", "dcmtk")
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as found:
        yield found


@pytest.fixture
def loopback(no_network: None) -> None:
    """The one exception: sockets that cannot leave this machine."""
    allow_loopback()


@pytest.fixture(scope="module")
def stored(
    archive: Archive, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, DicomExport]:
    """Folder of the scan and of its results, both sent to the archive."""
    case = make_exported_case(tmp_path_factory.mktemp("stored"))
    export = case.export(tmp_path_factory.mktemp("results") / "out")
    for folder in (case.evidence, export.folder):
        told_by(
            *("storescu", "-aec", "TEST", "+sd", "-xf", *_syntaxes(folder)),
            *("127.0.0.1", str(archive.dicom), folder),
        )
    return case.evidence, export


def _syntaxes(folder: Path) -> tuple[str, str]:
    """A configuration of storescu that proposes what the files need."""
    classes = {
        str(pydicom.dcmread(path, stop_before_pixels=True).SOPClassUID)
        for path in folder.iterdir()
    }
    lines = [
        "[[TransferSyntaxes]]",
        "[Plain]",
        "TransferSyntax1 = LittleEndianExplicit",
        "[[PresentationContexts]]",
        "[Objects]",
        *(f"PresentationContext{n} = {c}\\Plain" for n, c in enumerate(classes, 1)),
        "[[Profiles]]",
        "[Default]",
        "PresentationContexts = Objects",
    ]
    path = folder.parent / f"{folder.name}.cfg"
    path.write_text("\n".join(lines) + "\n")
    return str(path), "Default"


def _data_set(data: bytes) -> bytes:
    """What follows the file meta information (PS3.10 7.1)."""
    length = 128 + 4
    group = int.from_bytes(data[length + 8 : length + 12], "little")
    return data[length + 12 + group :]


def test_study_in_the_archive_shows_source_and_results(loopback, archive, stored):
    (study,) = archive.listed("/studies")
    series = [archive.listed(f"/series/{s}") for s in
              archive.listed(f"/studies/{study}")["Series"]]  # fmt: skip
    n_by_modality: dict[tuple[str, int], int] = {}
    for one in series:
        name = (one["MainDicomTags"]["Modality"], len(one["Instances"]))
        n_by_modality[name] = n_by_modality.get(name, 0) + 1
    assert n_by_modality == {
        ("CT", 24): 1,
        ("OT", 2): 1,  # maps
        ("SEG", 1): 1,
        ("SR", 1): 1,
        ("OT", 3): 1,  # pictures of places
        ("DOC", 1): 1,
    }


def test_what_comes_back_is_what_was_sent(loopback, archive, stored, tmp_path):
    evidence, export = stored
    sent = {}
    for folder in (evidence, export.folder):
        for path in folder.iterdir():
            uid = pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID
            sent[str(uid)] = path
    back = 0
    for instance in archive.listed("/instances"):
        data = archive.ask(f"/instances/{instance}/file")
        (tmp_path / "back.dcm").write_bytes(data)
        meta = read_file_meta_info(tmp_path / "back.dcm")
        path = sent.pop(str(meta.MediaStorageSOPInstanceUID))
        assert _data_set(data) == _data_set(path.read_bytes()), path.name
        ours = read_file_meta_info(path)
        for keyword in ("MediaStorageSOPClassUID", "TransferSyntaxUID"):
            assert meta[keyword].value == ours[keyword].value
        back += 1
    assert sent == {}
    assert back == 24 + len(export.files)
