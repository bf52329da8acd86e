"""One evidence digest, one pixel digest: no header makes a reader look elsewhere.

Each attack is imported twice while a file outside the evidence changes: whatever
becomes of the attack, nothing of that file may be seen, and it is never opened.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from btd_desktop.dicom import sources
from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.series import Fate
from btd_desktop.dicom.sources import Received, Source
from tests.unit.dicom.samples import load, record, save
from tests.unit.dicom.volume_samples import mha, nifti, nrrd, stack

_VALUES = stack()
_BODY = _VALUES.tobytes()
_HEAD = (
    "ObjectType = Image\nNDims = 3\nDimSize = 5 4 3\nElementType = MET_SHORT\n"
    "ElementByteOrderMSB = False\n"
)
_NRRD_HEAD = "NRRD0004\ntype: short\ndimension: 3\nsizes: 5 4 3\nendian: little\n"


def _colon(secret: str) -> bytes:
    return f"{_HEAD}ElementDataFile : {secret}\n".encode()


def _colon_before_local(secret: str) -> bytes:
    head = f"{_HEAD}ElementDataFile : {secret}\nElementDataFile = LOCAL\n"
    return head.encode() + _BODY


def _line_after_local(secret: str) -> bytes:
    head = f"{_HEAD}ElementDataFile = LOCAL\nElementDataFile = {secret}\n"
    return head.encode() + _BODY


def _lone_cr(secret: str) -> bytes:
    head = f"{_HEAD}Comment = x\rElementDataFile = {secret}\rElementDataFile = LOCAL\n"
    return head.encode() + _BODY


def _other_case(secret: str) -> bytes:
    return f"{_HEAD}elementdatafile = {secret}\nElementDataFile = LOCAL\n".encode()


def _path(secret: str) -> bytes:
    return f"{_HEAD}ElementDataFile = {secret}\n".encode()


def _pattern(secret: str) -> bytes:
    return f"{_HEAD}ElementDataFile = {secret}%c%s%n 1 2 1\n".encode()


def _list(secret: str) -> bytes:
    return f"{_HEAD}ElementDataFile = LIST\n{secret}\n".encode()


def _beyond(secret: str) -> bytes:
    filler = "Comment = " + "x" * 70_000
    return f"{_HEAD}{filler}\nElementDataFile = {secret}\n".encode()


def _nrrd_path(secret: str) -> bytes:
    return f"{_NRRD_HEAD}encoding: raw\ndata file: {secret}\n\n".encode()


def _nrrd_lone_cr(secret: str) -> bytes:
    head = f"{_NRRD_HEAD}# x\rdata file: {secret}\r\nencoding: raw\n\n"
    return head.encode() + _BODY


def _nrrd_beyond(secret: str) -> bytes:
    filler = "\n".join("# " + "x" * 1000 for _ in range(70))
    head = f"{_NRRD_HEAD}encoding: raw\n{filler}\ndata file: {secret}\n\n"
    return head.encode() + _BODY


def _nrrd_twice(secret: str) -> bytes:
    head = f"{_NRRD_HEAD}encoding: raw\ndatafile: x.raw\ndata file: {secret}\n\n"
    return head.encode()


def _nrrd_pattern(secret: str) -> bytes:
    return f"{_NRRD_HEAD}encoding: raw\ndata file: {secret}%d 1 3 1\n\n".encode()


def _nrrd_list(secret: str) -> bytes:
    return f"{_NRRD_HEAD}encoding: raw\ndata file: LIST\n{secret}\n".encode()


def _nrrd_no_blank(secret: str) -> bytes:
    head = f"{_NRRD_HEAD}encoding: raw\ndata file:{secret}\n\n"
    return head.encode() + _BODY


def _nrrd_pair(secret: str) -> bytes:
    head = f"{_NRRD_HEAD}encoding: raw\ndata file:={secret}\n\n"
    return head.encode() + _BODY


ATTACKS: dict[str, tuple[str, Callable[[str], bytes]]] = {
    made.__name__.strip("_"): (suffix, made)
    for suffix, made in (
        *((".mha", made) for made in (_colon, _colon_before_local, _line_after_local)),
        *((".mha", made) for made in (_lone_cr, _other_case, _path, _pattern)),
        *((".mhd", made) for made in (_list, _beyond)),
        *((".nrrd", made) for made in (_nrrd_path, _nrrd_lone_cr, _nrrd_beyond)),
        *((".nhdr", made) for made in (_nrrd_twice, _nrrd_pattern, _nrrd_list)),
        *((".nrrd", made) for made in (_nrrd_no_blank, _nrrd_pair)),
    )
}


@pytest.mark.parametrize("place", ["folder", "archive"])
def test_header_that_leads_elsewhere_gives_no_pixel_of_it(
    tmp_path: Path, place: str
) -> None:
    secret = save(tmp_path, "secret.raw", b"")
    files = {
        f"{attack}-{target}{suffix}": made(named)
        for attack, (suffix, made) in ATTACKS.items()
        for target, named in (("absolute", str(secret)), ("above", "../secret.raw"))
    }
    if place == "archive":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        save(tmp_path, "evidence/x.zip", buffer.getvalue())
    else:
        for name, data in files.items():
            save(tmp_path, f"evidence/{name}", data)
    seen = []
    for filler in (b"\1", b"\7"):
        secret.write_bytes(filler * len(_BODY))
        result = load(tmp_path / "evidence")
        assert len(result.files) == len(files)
        refused = (Fate.REFUSED, Fate.UNSUPPORTED, Fate.DAMAGED)
        assert {e.name: e.fate for e in result.files if e.fate not in refused} == {}
        assert all(entry.reason for entry in result.files)
        assert result.series == ()
        seen.append({e.name: (e.sha256, e.pixel_sha256) for e in result.files})
    assert seen[0] == seen[1]


def test_values_beside_the_header_are_evidence_with_a_digest_of_their_own(
    tmp_path: Path,
) -> None:
    save(tmp_path, "a/x.mhd", mha(_VALUES, b"", ElementDataFile="x.raw"))
    save(tmp_path, "a/x.raw", _BODY)
    for chosen in (tmp_path / "a", tmp_path / "a" / "x.mhd"):
        result = load(chosen)
        assert {entry.name for entry in result.files} == {"x.mhd", "x.raw"}
        values = record(result, "x.raw")
        assert values.fate is Fate.NOT_AN_IMAGE
        assert "Holds the values of x.mhd" in values.reason
        (series,) = result.series
        np.testing.assert_array_equal(series.volume.voxels, _VALUES)
        (said,) = [f for f in series.findings if f.code == "detached_values"]
        assert values.sha256 in said.sentence


def test_equal_headers_with_other_values_are_two_series(tmp_path: Path) -> None:
    """By the header's digest alone the second would be a duplicate, unexamined."""
    head = mha(_VALUES, b"", ElementDataFile="x.raw")
    for folder, values in (("a", _VALUES), ("b", _VALUES[::-1])):
        save(tmp_path, f"{folder}/x.mhd", head)
        save(tmp_path, f"{folder}/x.raw", values.tobytes())
    result = load(tmp_path)
    assert len(result.series) == 2
    assert len({series.series_uid for series in result.series}) == 2
    digests = {record(result, f"{f}/x.mhd").pixel_sha256 for f in ("a", "b")}
    assert len(digests) == 2


def test_values_that_are_a_link_or_an_image_themselves_are_not_taken(
    tmp_path: Path,
) -> None:
    secret = save(tmp_path, "secret.raw", _BODY)
    head = mha(_VALUES, b"", ElementDataFile="x.raw")
    save(tmp_path, "a/x.mhd", head)
    (tmp_path / "a" / "x.raw").symlink_to(secret)
    entry = record(load(tmp_path / "a"), "x.mhd")
    assert entry.fate is Fate.REFUSED
    assert "links are not followed" in entry.reason
    image = nrrd(_VALUES)
    sized = mha(np.zeros((1, 1, len(image) // 2), np.int16), b"")
    sized = sized.replace(b"= LOCAL", b"= x.nrrd")
    save(tmp_path, "b/x.mhd", sized)
    save(tmp_path, "b/x.nrrd", image)
    result = load(tmp_path / "b")
    assert record(result, "x.nrrd").fate is Fate.ACCEPTED
    entry = record(result, "x.mhd")
    assert entry.fate is Fate.REFUSED
    assert "an image of its own" in entry.reason


def test_values_inside_an_archive_are_found_beside_their_header(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("s/x.mhd", mha(_VALUES, b"", ElementDataFile="X.RAW"))
        archive.writestr("s/x.raw", _BODY)
        archive.writestr("s/brain.hdr", nifti(_VALUES, pair=True))
        archive.writestr("s/brain.img", _BODY)
        archive.writestr("other/x.raw", b"\0" * len(_BODY))
    result = load(path)
    assert len(result.series) == 2
    for series in result.series:
        np.testing.assert_array_equal(series.volume.voxels, _VALUES)
    assert "s/x.mhd" in record(result, "x.zip!s/x.raw").reason
    assert "not a known" in record(result, "x.zip!other/x.raw").reason


def test_values_that_change_between_their_two_readings_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, "x.mhd", mha(_VALUES, b"", ElementDataFile="x.raw"))
    path = save(tmp_path, "x.raw", _BODY)

    def receive(source: Source, limits: Limits, *, keep: bool = False) -> Received:
        received = sources.receive(source, limits, keep=keep)
        if keep:
            path.write_bytes(_BODY[::-1])
        return received

    monkeypatch.setattr("btd_desktop.dicom.reading.receive", receive)
    entry = record(load(tmp_path), "x.mhd")
    assert entry.fate is Fate.REFUSED
    assert "changed while it was being read" in entry.reason
