"""NIfTI, NRRD, MetaImage, NumPy, PNG and the published layout."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.dicom.btd_layout import read_index
from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.series import Fate
from tests.unit.dicom.samples import codes, load, picture, record, save


def _stack() -> NDArray[np.int16]:
    return np.stack([picture(seed, (20, 28)) for seed in range(5)])


def _write(path: Path, values: NDArray[Any], flip: bool = False) -> None:
    import SimpleITK

    itk: Any = SimpleITK  # untyped
    image = itk.GetImageFromArray(values)
    image.SetSpacing((0.8, 0.7, 2.5))
    image.SetOrigin((-10.0, 20.0, 30.0))
    if flip:
        image.SetDirection((1, 0, 0, 0, 1, 0, 0, 0, -1))
    itk.WriteImage(image, str(path))


@pytest.mark.parametrize(
    "suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd", ".nhdr"]
)
def test_volume_file_keeps_values_and_geometry(tmp_path: Path, suffix: str) -> None:
    values = _stack()
    values[0, 0, 0] = -1000
    _write(tmp_path / f"scan{suffix}", values)
    result = load(tmp_path)
    (series,) = result.series
    np.testing.assert_array_equal(series.volume.voxels, values)
    assert series.volume.voxels.dtype == np.int16
    assert series.volume.modality == "CT"
    assert series.volume.spacing_mm == pytest.approx((2.5, 0.7, 0.8))
    assert series.volume.origin_mm == pytest.approx((-10.0, 20.0, 30.0))
    assert series.volume.slice_positions_mm == pytest.approx((30, 32.5, 35, 37.5, 40))
    assert series.series_uid.startswith("sha256:")
    assert {"guessed_modality", "no_provenance"} <= codes(result)
    assert record(result, f"scan{suffix}").pixel_sha256
    if suffix in (".mhd", ".nhdr"):
        (data,) = [e for e in result.files if e.name != f"scan{suffix}"]
        assert data.fate is Fate.NOT_AN_IMAGE
        assert f"scan{suffix}" in data.reason


def test_left_handed_volume_is_turned_to_follow_the_normal(tmp_path: Path) -> None:
    _write(tmp_path / "scan.nrrd", _stack(), flip=True)
    volume = load(tmp_path).series[0].volume
    np.testing.assert_array_equal(volume.voxels, _stack()[::-1])
    assert volume.origin_mm == pytest.approx((-10, 20, 20))
    assert volume.slice_positions_mm == pytest.approx((20, 22.5, 25, 27.5, 30))


def test_four_axes_become_one_series_per_time(tmp_path: Path) -> None:
    import SimpleITK

    itk: Any = SimpleITK  # untyped
    times = [np.abs(_stack()), np.abs(_stack()[::-1])]
    image = itk.JoinSeries([itk.GetImageFromArray(values) for values in times])
    itk.WriteImage(image, str(tmp_path / "scan.nii"))
    result = load(tmp_path)
    for series, values in zip(result.series, times, strict=True):
        np.testing.assert_array_equal(series.volume.voxels, values)
    assert [s.description for s in result.series] == ["scan.nii#1", "scan.nii#2"]
    assert len({s.series_uid for s in result.series}) == 2


def test_not_a_number_becomes_padding_and_a_warning(tmp_path: Path) -> None:
    values = _stack().astype(np.float32)
    values[1, 2, 3] = np.nan
    _write(tmp_path / "scan.nrrd", values)
    result = load(tmp_path)
    volume = result.series[0].volume
    assert volume.padding is not None
    assert volume.padding.sum() == 1
    assert volume.padding[1, 2, 3]
    assert np.isfinite(volume.voxels).all()
    assert "not_finite" in codes(result)


@pytest.mark.parametrize("target", ["/etc/hostname", "../secret.raw", "a\\b.raw"])
def test_header_that_names_a_file_elsewhere_is_not_followed(
    tmp_path: Path, target: str
) -> None:
    save(tmp_path, "secret.raw", bytes(8))
    header = (
        "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\n"
        f"ElementDataFile = {target}\n"
    )
    save(tmp_path, "root/x.mhd", header.encode())
    nrrd = (
        "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n"
        f"data file: {target}\n"
    )
    save(tmp_path, "root/y.nhdr", nrrd.encode())
    result = load(tmp_path / "root")
    assert [entry.fate for entry in result.files] == [Fate.REFUSED, Fate.REFUSED]
    assert all("only one beside it is read" in e.reason for e in result.files)
    assert result.series == ()


def test_gzip_bomb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(bytes(100 << 20)))
    limits = Limits(workers=1, max_inflated_bytes=10 << 20)
    (entry,) = load(tmp_path, limits=limits).files
    assert entry.fate is Fate.REFUSED


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_volume_cut_short_is_damaged(tmp_path: Path, suffix: str, share: float) -> None:
    _write(tmp_path / f"x{suffix}", _stack())
    data = (tmp_path / f"x{suffix}").read_bytes()
    (tmp_path / f"x{suffix}").write_bytes(data[: int(len(data) * share)])
    (entry,) = load(tmp_path).files
    assert entry.fate in (Fate.DAMAGED, Fate.NOT_AN_IMAGE, Fate.UNSUPPORTED)


def _npy(values: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=True)
    return buffer.getvalue()


def _png(values: NDArray[Any]) -> bytes:
    return bytes(imagecodecs.png_encode(values))


def test_numpy_slices_are_ct_one_series_each(tmp_path: Path) -> None:
    one = picture(1).astype(np.float64)
    save(tmp_path, "a.npy", _npy(one))
    save(tmp_path, "b.npy", _npy(np.asfortranarray(_stack())))
    result = load(tmp_path)
    first, second = result.series
    np.testing.assert_array_equal(first.volume.voxels[0], one)
    assert first.volume.voxels.dtype == np.int16
    assert first.volume.modality == "CT"
    assert first.volume.spacing_mm[0] == 0
    np.testing.assert_array_equal(second.volume.voxels, _stack())
    assert "no_pixel_spacing" in codes(result)


def test_pickled_and_odd_numpy_files_are_not_loaded(tmp_path: Path) -> None:
    save(tmp_path, "object.npy", _npy(np.array([{"a": 1}], dtype=object)))
    save(tmp_path, "vector.npy", _npy(np.arange(5)))
    save(tmp_path, "text.npy", _npy(np.array([["a", "b"]])))
    save(tmp_path, "short.npy", _npy(_stack())[:-7])
    huge = _npy(np.zeros((2, 2)))
    save(tmp_path, "huge.npy", huge.replace(b"(2, 2)", b"(2000000, 2000000)"))
    fates = {entry.name: entry.fate for entry in load(tmp_path).files}
    assert fates["object.npy"] is Fate.REFUSED
    assert fates["text.npy"] is Fate.REFUSED
    assert fates["vector.npy"] is Fate.UNSUPPORTED
    assert fates["short.npy"] is Fate.DAMAGED
    assert fates["huge.npy"] in (Fate.REFUSED, Fate.DAMAGED)


def test_png_slices_keep_their_values_and_name_no_modality(
    tmp_path: Path,
) -> None:
    grey = np.random.default_rng(1).integers(0, 256, (30, 40)).astype(np.uint8)
    save(tmp_path, "a.png", _png(grey))
    save(tmp_path, "b.png", _png(grey.astype(np.uint16) * 50))
    save(tmp_path, "c.png", _png(np.stack([grey, grey, grey[::-1]], axis=2)))
    save(tmp_path, "d.png", _png(grey)[:-60])
    result = load(tmp_path)
    assert [e.fate for e in result.files] == [
        Fate.ACCEPTED,
        Fate.ACCEPTED,
        Fate.UNSUPPORTED,
        Fate.DAMAGED,
    ]
    volume = result.series[0].volume
    assert volume.modality == "OT"
    assert "unknown_modality" in codes(result)
    np.testing.assert_array_equal(volume.voxels[0], grey)
    np.testing.assert_array_equal(
        result.series[1].volume.voxels[0], grey.astype(int) * 50
    )


def test_published_layout_is_imported_with_its_labels(tmp_path: Path) -> None:
    table = (
        "path,x,y,type,CTGAN-CT-injection,unheard\n"
        "CT/injection/s1.npy,12,9,FM,1,z\n"
        "CT/injection/s2.npy,3.0,,TB,1,z\n"
        "CT/injection/gone.npy,1,1,TB,0,z\n"
    )
    save(tmp_path, "CT/injection/CT_injection.csv", table.encode("utf-8-sig"))
    save(tmp_path, "CT/injection/s1.npy", _npy(picture(1)))
    save(tmp_path, "CT/injection/s2.npy", _npy(picture(2)))
    for root in (tmp_path, tmp_path / "CT" / "injection"):
        result = load(root)
        notes = [
            [f.sentence for f in series.findings if f.code == "published_label"]
            for series in result.series
        ]
        assert "x 12, y 9 as FM" in notes[0][0]
        assert "as TB" in notes[1][0]
        (table_record,) = [e for e in result.files if e.name.endswith(".csv")]
        assert table_record.fate is Fate.NOT_AN_IMAGE
        assert "3 labelled places" in table_record.reason


def test_index_tolerates_missing_columns_and_garbage() -> None:
    rows = read_index(b"Type, Path\nfake,MRI\\a.png\n,\n")
    assert [(r.path, r.x, r.y, r.label) for r in rows] == [
        ("MRI/a.png", None, None, "fake")
    ]
    assert read_index(b"a,b\n1,2\n") == ()
    assert read_index(b"\xff\xfe\x00path\x00") == ()
    assert read_index(b"") == ()


@pytest.mark.parametrize("name", ["a\x00b.raw", "x" * 5000, "."])
def test_data_file_of_an_impossible_name_costs_one_file(
    tmp_path: Path, name: str
) -> None:
    _write(tmp_path / "scan.mhd", _stack())
    head = (tmp_path / "scan.mhd").read_bytes().replace(b"scan.raw", name.encode())
    save(tmp_path, "scan.mhd", head)
    entry = record(load(tmp_path), "scan.mhd")
    assert entry.fate in (Fate.DAMAGED, Fate.REFUSED)
    assert record(load(tmp_path), "scan.raw").fate is Fate.NOT_AN_IMAGE


@pytest.mark.parametrize(
    ("offset", "value", "code"),
    [
        (80, 1e30, "broken_geometry"),  # pixdim[1], the column spacing
        (276, 1e30, "broken_geometry"),  # qoffset_z, the origin
    ],
)
def test_geometry_that_cannot_be_meant_is_replaced_and_told(
    tmp_path: Path, offset: int, value: float, code: str
) -> None:
    _write(tmp_path / "scan.nii", _stack())
    data = bytearray((tmp_path / "scan.nii").read_bytes())
    struct.pack_into("<f", data, offset, value)
    data[252:256] = struct.pack("<hh", 1, 0)  # the quaternion decides
    save(tmp_path, "scan.nii", bytes(data))
    result = load(tmp_path)
    assert code in codes(result)
    volume = result.series[0].volume
    assert np.isfinite([*volume.spacing_mm, *volume.origin_mm]).all()
    assert max(volume.spacing_mm) < 1e6


@pytest.mark.parametrize(
    ("offset", "q_code", "s_code"),
    [(80, 1, 0), (256, 1, 0), (268, 1, 0), (292, 0, 1), (324, 0, 1)],
)
def test_geometry_of_no_numbers_is_damaged(
    tmp_path: Path, offset: int, q_code: int, s_code: int
) -> None:
    """Spacing, quaternion, offset, affine; ITK itself takes 0 for most of them."""
    _write(tmp_path / "scan.nii", _stack())
    data = bytearray((tmp_path / "scan.nii").read_bytes())
    struct.pack_into("<f", data, offset, float("nan"))
    struct.pack_into("<2h", data, 252, q_code, s_code)
    save(tmp_path, "scan.nii", bytes(data))
    entry = record(load(tmp_path), "scan.nii")
    assert entry.fate is Fate.DAMAGED
    assert "are not numbers" in entry.reason


def test_wild_values_become_padding(tmp_path: Path) -> None:
    values = _stack().astype(np.float64)
    values[0, 0, 0], values[1, 0, 0] = 1e300, -1e12
    np.save(tmp_path / "scan.npy", values)
    result = load(tmp_path)
    (series,) = result.series
    assert "not_finite" in codes(result)
    assert series.volume.padding is not None
    assert series.volume.padding.sum() == 2
    assert np.isfinite(series.volume.voxels).all()


def test_bytes_after_the_end_of_numpy_and_png_files_are_findings(
    tmp_path: Path,
) -> None:
    grey = (np.arange(1200) % 251).astype(np.uint8).reshape(30, 40)
    save(tmp_path, "a.npy", _npy(_stack()) + b"hidden")
    save(tmp_path, "b.png", _png(grey) + b"hidden")
    save(tmp_path, "c.npy", _npy(_stack()[::-1]))
    save(tmp_path, "d.png", _png(grey[::-1]))
    result = load(tmp_path)
    said = [
        [f.sentence for f in series.findings if f.code == "bytes_after_end"]
        for series in result.series
    ]
    assert [len(sentences) for sentences in said] == [1, 1, 0, 0]
    assert all(s[0].startswith("6 bytes follow") for s in said[:2])
