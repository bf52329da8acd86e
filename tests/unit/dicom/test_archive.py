"""ZIP archives and DICOMDIRs: members as streams, ceilings, nothing extracted."""

from __future__ import annotations

import hashlib
import io
import stat
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.series import Fate
from tests.unit.dicom.samples import (
    codes,
    ct_slice,
    file_bytes,
    load,
    picture,
    record,
    save,
)

MIB = 1 << 20


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_members_are_read_and_the_archive_is_recorded(tmp_path: Path) -> None:
    data = {f"s/{i}.dcm": file_bytes(ct_slice(2.0 * i, i + 1)) for i in range(3)}
    path = _zip(tmp_path / "scan.zip", data)
    result = load(path)
    assert [entry.name for entry in result.files] == [
        f"scan.zip!s/{i}.dcm" for i in range(3)
    ]
    assert result.files[1].sha256 == hashlib.sha256(data["s/1.dcm"]).hexdigest()
    assert result.files[1].path == str(path.resolve())
    assert result.series[0].volume.n_slices == 3
    (container,) = result.containers
    assert container.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert container.name == "scan.zip"


def test_member_names_never_leave_the_archive(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    names = ["../../slip.dcm", "/abs.dcm", "..\\win.dcm", "C:\\x.dcm"]
    _zip(
        root / "slip.zip",
        {name: file_bytes(ct_slice(i, i + 1)) for i, name in enumerate(names)},
    )
    result = load(root)
    assert {entry.fate for entry in result.files} == {Fate.ACCEPTED}
    assert record(result, "slip.zip!../../slip.dcm").fate is Fate.ACCEPTED
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["root", "slip.zip"]


def test_bomb_of_high_ratio_is_refused(tmp_path: Path) -> None:
    _zip(tmp_path / "bomb.zip", {"a.dcm": bytes(64 * MIB), "b.txt": b"small"})
    result = load(tmp_path)
    assert record(result, "bomb.zip!a.dcm").fate is Fate.REFUSED
    assert "bomb" in record(result, "bomb.zip!a.dcm").reason
    assert record(result, "bomb.zip!b.txt").fate is Fate.NOT_AN_IMAGE


def test_archive_above_the_total_is_refused_whole(tmp_path: Path) -> None:
    _zip(tmp_path / "big.zip", {f"{i}": bytes(MIB) for i in range(5)})
    limits = replace(DEFAULT_LIMITS, workers=1, max_zip_total_bytes=4 * MIB)
    result = load(tmp_path, limits=limits)
    (entry,) = result.files
    assert (entry.name, entry.fate) == ("big.zip", Fate.REFUSED)
    assert (
        entry.sha256 == hashlib.sha256((tmp_path / "big.zip").read_bytes()).hexdigest()
    )
    assert result.containers == ()


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    _zip(tmp_path / "many.zip", {f"{i}": b"" for i in range(300)})
    for ceiling in (100, 10):
        limits = replace(DEFAULT_LIMITS, workers=1, max_zip_members=ceiling)
        (entry,) = load(tmp_path, limits=limits).files
        assert entry.fate is Fate.REFUSED


def test_member_that_lies_about_its_size_is_damaged(tmp_path: Path) -> None:
    data = bytearray(_zip(tmp_path / "x.zip", {"a.dcm": bytes(100_000)}).read_bytes())
    central = data.rindex(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<I", 10)
    (tmp_path / "x.zip").write_bytes(data)
    (entry,) = load(tmp_path).files
    assert entry.fate is Fate.DAMAGED


def test_overlapping_members_are_refused(tmp_path: Path) -> None:
    data = bytearray(
        _zip(
            tmp_path / "x.zip", {f"{i}": _noise(5000, i) for i in range(3)}
        ).read_bytes()
    )
    start = 0
    for _ in range(3):
        central = data.index(b"PK\x01\x02", start)
        size = struct.pack("<I", 9000)
        data[central + 20 : central + 24] = size
        start = central + 4
    (tmp_path / "x.zip").write_bytes(data)
    (entry,) = load(tmp_path).files
    assert entry.fate is Fate.REFUSED
    assert "overlap" in entry.reason


def _noise(n_bytes: int, seed: int) -> bytes:
    return picture(seed, (n_bytes, 1)).tobytes()[:n_bytes]


def test_archive_in_an_archive_is_not_opened(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.dcm", file_bytes(ct_slice()))
    _zip(tmp_path / "outer.zip", {"inner.zip": inner.getvalue()})
    (entry,) = load(tmp_path).files
    assert (entry.name, entry.fate) == ("outer.zip!inner.zip", Fate.REFUSED)


def test_encrypted_and_linked_members_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    link = zipfile.ZipInfo("link.dcm")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/hostname")
        archive.writestr("secret.dcm", file_bytes(ct_slice()))
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\x01\x02")
    data[central + 8] |= 1
    path.write_bytes(data)
    result = load(tmp_path)
    assert "link" in record(result, "x.zip!link.dcm").reason
    assert "encrypted" in record(result, "x.zip!secret.dcm").reason
    assert {entry.fate for entry in result.files} == {Fate.REFUSED}


def test_members_of_one_name_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.dcm", file_bytes(ct_slice(0, 1)))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.dcm", file_bytes(ct_slice(2, 2)))
    result = load(tmp_path)
    assert [entry.name for entry in result.files] == [
        "x.zip!a.dcm",
        "x.zip!a.dcm (entry 2)",
    ]
    assert result.files[0].sha256 != result.files[1].sha256
    assert result.series[0].volume.n_slices == 2


@pytest.mark.parametrize("keep", [3, 60, 0.5, 0.9])
def test_archive_cut_short_is_one_damaged_file(tmp_path: Path, keep: float) -> None:
    data = _zip(tmp_path / "x.zip", {"a.dcm": file_bytes(ct_slice())}).read_bytes()
    n_bytes = int(keep if keep > 1 else keep * len(data))
    (tmp_path / "x.zip").write_bytes(data[:n_bytes])
    (entry,) = load(tmp_path).files
    assert entry.fate in (Fate.DAMAGED, Fate.NOT_AN_IMAGE)
    assert entry.sha256


def _dicomdir(file_ids: list[str]) -> bytes:
    dataset = ct_slice()
    directory = dataset.__class__(
        "", {}, file_meta=dataset.file_meta, preamble=bytes(128)
    )
    directory.FileSetID = "SET"
    records = []
    for file_id in file_ids:
        entry = Dataset()
        entry.DirectoryRecordType = "IMAGE"
        entry.ReferencedFileID = file_id.split("\\")
        records.append(entry)
    directory.DirectoryRecordSequence = Sequence(records)
    directory.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.1.3.10")
    return file_bytes(directory)


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
def test_dicomdir_is_a_hint_and_its_way_out_is_reported(tmp_path: Path) -> None:
    save(tmp_path, "outside.dcm", ct_slice(0, 9))
    root = tmp_path / "disc"
    save(root, "IMG/A", ct_slice(0, 1))
    path = save(
        root,
        "DICOMDIR",
        _dicomdir(["IMG\\A", "IMG\\B", "..\\outside.dcm", "\\etc\\passwd", "C:\\x"]),
    )
    for chosen in (root, path):
        result = load(chosen)
        assert {entry.name for entry in result.files} == {"IMG/A", "DICOMDIR"}
        entry = record(result, "DICOMDIR")
        assert entry.fate is Fate.NOT_AN_IMAGE
        assert "names 5 files" in entry.reason
        assert "3 of them lie outside" in entry.reason
        assert "1 of them is not there" in entry.reason
        assert codes(result) >= {"single_slice"}
