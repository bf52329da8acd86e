"""Elements of the file behind a slice: the right file, and only if it is unchanged."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.parsed import Tag
from btd_desktop.errors import CaseError
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    import_into_case,
)
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.slice_tags import (
    ABSENT,
    TagRow,
    differing_tags,
    tags_of_slice,
)
from tests.factories import make_series_folder

N_SLICES = 3


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CaseStore]:
    with create_case(tmp_path / "case", CaseDetails(), Services()) as case:
        yield case


def _import(store: CaseStore, path: Path) -> int:
    return import_into_case(store, [path], Services(), TaskContext())[0].series_id


def _series(folder: Path, seed: int = 0) -> Path:
    return make_series_folder(folder, seed, shape=(N_SLICES, 128, 128))


def _value(tags: tuple[Tag, ...], keyword: str) -> str:
    return next(tag.value for tag in tags if tag.keyword == keyword)


def test_tags_of_slice_are_those_of_its_instance(store, tmp_path) -> None:
    series = _import(store, _series(tmp_path / "scan"))
    uids = store.load_volume(series).instance_uids
    for index in range(N_SLICES):
        listed = tags_of_slice(store, series, index)
        assert listed.reason == ""
        assert _value(listed.tags, "SOPInstanceUID") == uids[index]
        assert listed.source == store.series()[0].record_names[index]


def test_tags_of_slice_inside_an_archive_are_listed(store, tmp_path) -> None:
    folder = _series(tmp_path / "scan")
    packed = tmp_path / "scan.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"inner/{path.name}")
    series = _import(store, packed)
    uids = store.load_volume(series).instance_uids
    listed = tags_of_slice(store, series, 1)
    assert _value(listed.tags, "SOPInstanceUID") == uids[1]
    assert "!" in listed.source


def test_changed_or_missing_file_is_said_to_be_so(store, tmp_path) -> None:
    folder = _series(tmp_path / "scan")
    series = _import(store, folder)
    names = store.series()[0].record_names
    changed = folder / names[0]
    data = bytearray(changed.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    (folder / names[1]).unlink()
    listed = tags_of_slice(store, series, 0)
    assert listed.tags == ()
    assert "has changed since it was imported" in listed.reason
    missing = tags_of_slice(store, series, 1)
    assert missing.tags == ()
    assert "cannot be read" in missing.reason
    assert tags_of_slice(store, series, 2).tags


def test_copies_stand_in_for_each_other_but_not_for_another_file(
    store, tmp_path
) -> None:
    folder = _series(tmp_path / "scan")
    series = _import(store, folder)
    _import(store, shutil.copytree(folder, tmp_path / "copy"))
    shutil.rmtree(folder)
    assert tags_of_slice(store, series, 0).tags
    # Same names, same UIDs, other content: nobody can tell which was meant.
    altered = shutil.copytree(tmp_path / "copy", tmp_path / "altered")
    for path in altered.iterdir():
        data = bytearray(path.read_bytes())
        data[-2] ^= 1
        path.write_bytes(data)
    _import(store, altered)
    listed = tags_of_slice(store, series, 0)
    assert listed.tags == ()
    assert "different files" in listed.reason


@pytest.mark.parametrize("place", [(1, -1), (1, N_SLICES), (9, 0)])
def test_slice_that_is_not_there_is_an_error(store, tmp_path, place) -> None:
    _import(store, _series(tmp_path / "scan"))
    with pytest.raises(CaseError):
        tags_of_slice(store, *place)


def test_difference_holds_all_and_only_what_differs() -> None:
    same = Tag("(0008,0060)", "Modality", "CS", "CT")
    own = [
        same,
        Tag("(0020,0013)", "InstanceNumber", "IS", "1"),
        Tag("(0018,0050)", "SliceThickness", "DS", "2"),
        Tag("(7FE0,0010)", "PixelData", "OW", "8 bytes", "a" * 64),
    ]
    other = [
        same,
        Tag("(0020,0013)", "InstanceNumber", "IS", "2"),
        Tag("(0008,0070)", "Manufacturer", "LO", ""),
        Tag("(7FE0,0010)", "PixelData", "OW", "8 bytes", "b" * 64),
    ]
    rows = {row.path: row for row in differing_tags(own, other)}
    assert list(rows) == ["(0020,0013)", "(0018,0050)", "(7FE0,0010)", "(0008,0070)"]
    assert rows["(0020,0013)"] == TagRow(
        "(0020,0013)", "InstanceNumber", "IS", "1", "2"
    )
    assert rows["(0018,0050)"].other == ABSENT
    assert (rows["(0008,0070)"].value, rows["(0008,0070)"].other) == (ABSENT, "")
    assert rows["(7FE0,0010)"].value != rows["(7FE0,0010)"].other
    assert differing_tags(own, own) == []


def test_difference_of_two_slices_names_position_and_instance(store, tmp_path) -> None:
    series = _import(store, _series(tmp_path / "scan"))
    first, second = (tags_of_slice(store, series, index) for index in (0, 1))
    keywords = {row.keyword for row in differing_tags(first.tags, second.tags)}
    assert {"SOPInstanceUID", "InstanceNumber", "ImagePositionPatient"} <= keywords
    assert not keywords & {"SeriesInstanceUID", "Rows", "PixelSpacing"}
