"""Two deliveries of one scan: what is the same, what differs, what is missing."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from btd_desktop.cli.main import run
from btd_desktop.dicom.load import import_evidence
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.compare_deliveries import Comparison, compare
from tests.factories import make_series_folder

ENCODINGS = {
    "RLE": (RLELossless, "pydicom"),
    "JPEG-LS": (JPEGLSLossless, "pyjpegls"),
    "JPEG 2000": (JPEG2000Lossless, "pylibjpeg"),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three slices in explicit little endian, below a folder of their own."""
    root = tmp_path_factory.mktemp("plain")
    return make_series_folder(root / "scan", 0, shape=(3, 48, 48))


def _encoded(folder: Path, out: Path, syntax: UID, plugin: str) -> Path:
    out.mkdir()
    for path in sorted(folder.iterdir()):
        dataset = pydicom.dcmread(path)
        dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
        # Deliveries are named anew too.
        dataset.save_as(out / f"IM_{path.name}")
    return out


def _compared(first: Path, second: Path) -> Comparison:
    return compare(first, second, TaskContext())


def test_pixel_digest_does_not_depend_on_the_transfer_syntax(plain, tmp_path):
    shutil.copytree(plain, tmp_path / "explicit")
    for name, how in ENCODINGS.items():
        _encoded(plain, tmp_path / name, *how)
    digests: dict[str, dict[str, str]] = {}
    for file in import_evidence([tmp_path], TaskContext()).files:
        found = digests.setdefault(file.name.split("/")[0], {})
        found[file.sop_instance_uid] = file.pixel_sha256
    assert len(digests) == 4
    assert len(set(digests["explicit"].values()) - {""}) == 3
    assert all(found == digests["explicit"] for found in digests.values()), digests


def test_pixel_digest_depends_on_sign_bits_shape_and_every_value(plain, tmp_path):
    path = sorted(plain.iterdir())[0]

    def value(dataset: pydicom.Dataset) -> None:
        dataset.PixelData = dataset.PixelData[:-2] + b"\x07\x00"

    def sign(dataset: pydicom.Dataset) -> None:
        dataset.PixelRepresentation = 1 - dataset.PixelRepresentation

    def shape(dataset: pydicom.Dataset) -> None:
        dataset.Rows, dataset.Columns = 24, 96

    def bits(dataset: pydicom.Dataset) -> None:
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
        dataset.Columns *= 2

    changes = (lambda dataset: None, value, sign, shape, bits)
    for number, change in enumerate(changes):
        dataset = pydicom.dcmread(path)
        change(dataset)
        dataset.SOPInstanceUID = f"1.2.3.8.{number}"
        dataset.SeriesInstanceUID = f"1.2.3.9.{number}"
        dataset.save_as(tmp_path / f"{number}.dcm")
    files = import_evidence([tmp_path], TaskContext()).files
    assert len({file.pixel_sha256 for file in files} - {""}) == len(changes)


def test_other_encoding_and_other_header_fields_are_told_apart(plain, tmp_path):
    other = _encoded(plain, tmp_path / "other", *ENCODINGS["JPEG-LS"])
    path = sorted(other.iterdir())[1]
    dataset = pydicom.dcmread(path)
    dataset.PatientName, dataset.ConvolutionKernel = "SOMEBODY^ELSE", "SHARP"
    dataset.InstitutionName = "new"
    dataset.save_as(path)
    found = _compared(plain, other)
    assert found.same_images
    assert (found.n_first, found.n_second, found.n_identical) == (3, 3, 0)
    for difference in found.differences:
        assert difference.same_pixels
        assert difference.encodings == ("1.2.840.10008.1.2.1", str(JPEGLSLossless))
    assert sorted(len(d.fields) for d in found.differences) == [0, 0, 3]
    assert {name for d in found.differences for name in d.fields} == {
        "ConvolutionKernel",
        "InstitutionName",
        "PatientName",
    }


def test_other_pixels_and_missing_instances_are_named(plain, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(plain, other)
    first, second, _ = sorted(other.iterdir())
    dataset = pydicom.dcmread(first)
    dataset.PixelData = dataset.PixelData[:-2] + b"\x07\x00"
    dataset.save_as(first)
    second.unlink()
    (other / "letter.txt").write_text("to the court")
    found = _compared(plain, other)
    assert not found.same_images
    (changed,) = [d for d in found.differences if not d.same_pixels]
    assert changed.first == changed.second == first.name
    assert found.only_first == (second.name,)
    assert found.only_second == ()
    assert found.others_second == ("letter.txt",)
    assert found.n_identical == 1


def test_anonymised_copy_with_new_uids_is_paired_by_its_pixels(plain, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for number, path in enumerate(sorted(plain.iterdir())):
        dataset = pydicom.dcmread(path)
        dataset.SOPInstanceUID = f"1.2.3.9.{number}"
        dataset.SeriesInstanceUID, dataset.PatientID = "1.2.3.9", "X"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(other / path.name)
    found = _compared(plain, other)
    assert found.same_images
    assert {name for d in found.differences for name in d.fields} == {
        "PatientID",
        "SeriesInstanceUID",
        "SOPInstanceUID",
    }


def test_command_compares_a_folder_with_an_archive(plain, tmp_path, capsys):
    packed = tmp_path / "delivery.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(plain.iterdir())[:2]:
            archive.write(path, f"CT/{path.name}")
    assert run(["compare", "--json", str(plain), str(packed)], lambda path: 0) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["n_identical"] == 2
    assert len(told["only_first"]) == 1
