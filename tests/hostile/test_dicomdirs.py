"""DICOMDIRs that point out of their folder: told, never followed (CVE-2026-32711)."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from btd_desktop.dicom.series import Fate, Import
from tests.hostile.file_classes import ct_of
from tests.unit.dicom.samples import file_bytes, load, record, save

pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR CS")

# File ID of a reference, and what is said of it.
REFERENCES = {
    "IMG\\A": "",
    "img\\a": "",
    "IMG\\B": "1 of them is not there.",
    "..\\OUTSIDE.DCM": "1 of them lies outside",
    "IMG\\..\\..\\OUTSIDE.DCM": "1 of them lies outside",
    "\\ETC\\PASSWD": "1 of them lies outside",
    "/etc/passwd": "1 of them lies outside",
    "C:\\WINDOWS\\X": "1 of them lies outside",
    "\\\\SERVER\\SHARE\\X": "1 of them lies outside",
    ".\\IMG\\A": "1 of them lies outside",
    "IMG\\LINK": "",
    "IMG\\A\x1b[2J": "1 of them is not there.",
}


def _directory(file_ids: list[str]) -> bytes:
    dataset = ct_of("directory", PixelData=None, Rows=None, Columns=None)
    dataset.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.1.3.10")
    entries = []
    for file_id in file_ids:
        entry = Dataset()
        entry.DirectoryRecordType = "IMAGE"
        entry.ReferencedFileID = file_id.split("\\")
        entries.append(entry)
    dataset.DirectoryRecordSequence = Sequence(entries)
    return file_bytes(dataset)


def _disc(folder: Path, file_ids: list[str]) -> Import:
    save(folder, "outside.dcm", file_bytes(ct_of("outside")))
    root = folder / "disc"
    save(root, "IMG/A", file_bytes(ct_of("inside")))
    save(root, "DICOMDIR", _directory(file_ids))
    if sys.platform != "win32":
        (root / "IMG" / "LINK").symlink_to(folder / "outside.dcm")
    return load(root / "DICOMDIR")


@pytest.mark.parametrize("file_id", REFERENCES)
def test_reference_is_judged_and_never_followed(tmp_path: Path, file_id: str) -> None:
    result = _disc(tmp_path, [file_id])
    entry = record(result, "DICOMDIR")
    assert entry.fate is Fate.NOT_AN_IMAGE
    assert "names 1 file." in entry.reason
    assert REFERENCES[file_id] in entry.reason
    assert bool(REFERENCES[file_id]) == ("of them" in entry.reason)
    accepted = [r.name for r in result.files if r.fate is Fate.ACCEPTED]
    assert accepted == ["IMG/A"]
    assert not any("outside" in r.name for r in result.files)
    if sys.platform != "win32":
        assert "links are not followed" in record(result, "IMG/LINK").reason


def test_directory_of_thousands_of_references_is_one_record(tmp_path: Path) -> None:
    result = _disc(tmp_path, [f"IMG\\{i}" for i in range(3000)])
    assert "names 3000 files" in record(result, "DICOMDIR").reason
    assert "3000 of them are not there" in record(result, "DICOMDIR").reason


def test_directory_of_a_disc_in_an_archive_in_a_folder_finds_its_files(
    tmp_path: Path,
) -> None:
    for name in ("a/disc.zip", "disc.zip"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("IMG/A", file_bytes(ct_of(name)))
            archive.writestr("DICOMDIR", _directory(["IMG\\A", "IMG\\B"]))
    result = load(tmp_path)
    for name in ("a/disc.zip", "disc.zip"):
        entry = record(result, f"{name}!DICOMDIR")
        assert entry.reason.endswith("names 2 files. 1 of them is not there.")
