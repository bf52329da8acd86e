"""Files that people of this job met, with known values, through `btd import --json`.

Scripts beside the checkout write each case and its truth; a row of `CASES` says what
the import must tell of it. A new kind is one more row.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.__main__ import main
from btd_desktop.cases.store import CaseStore

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).resolve().parents[2] / ".." / "shared" / "cases"
_ODD_STACK = frozenset({"gap", "repeated_position", "no_geometry"})
Truth = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Expected:
    """What an import must say of a case.

    Attributes:
        voxels: Modality values of every stack, from the truth; in any order.
        others: Number of slices of further stacks, whose values the truth leaves out.
        spacing_mm: Between slices, rows, columns, of every stack; None: not asked.
        fates: Number of files per fate, None: not asked.
        says: Codes of findings that at least one stack carries.
        silent: Codes that no stack carries.
        words: Parts of sentences that must be among the findings.
        unit: Of every stack, None: not asked.
    """

    voxels: Callable[[Truth], list[NDArray[Any]]]
    spacing_mm: tuple[float, float, float] | None = None
    others: tuple[int, ...] = ()
    fates: dict[str, int] | None = None
    says: frozenset[str] = frozenset()
    silent: frozenset[str] = _ODD_STACK
    words: tuple[str, ...] = ()
    unit: str | None = None


def _one(truth: Truth) -> list[NDArray[Any]]:
    return [truth["vol"]]


def _windowed(truth: Truth) -> list[NDArray[Any]]:
    """HU through a display window of 400 around 40, 8 bits, with the rescale kept."""
    return [np.clip((truth["hu"] + 160) * 255 / 400, 0, 255).round() - 1024]


def _wrapped(truth: Truth) -> list[NDArray[Any]]:
    """Negative stored values under a header without sign, as that header says."""
    stored = truth["vol"] + 1024
    return [stored % 65536 - 1024]


CASES: dict[str, Expected] = {
    "01_orientation_jitter": Expected(
        _one, (3.0, 0.7, 0.7), silent=_ODD_STACK | {"split"}
    ),
    "02_parallel_stacks": Expected(
        lambda t: [t["L"], t["R"][:7]],  # the last of the right was not written
        (4.0, 0.7, 0.7),
        says=frozenset({"split"}),
        words=("side by side",),
    ),
    "08_cardiac_phase_only": Expected(
        lambda t: list(t["P"]),
        (1.0, 0.7, 0.7),
        words=("told apart by NominalPercentageOfCardiacPhase",),
        fates={"accepted": 30},
    ),
    "10_uid_per_slice": Expected(
        _one, (3.0, 0.7, 0.7), says=frozenset({"uid_per_slice"})
    ),
    "15_ct_gan_uids": Expected(
        lambda t: list(t["P"]),
        says=frozenset({"conflicting_copy", "bad_uid"}),
        words=("8 files claim the UIDs of other files",),
        fates={"accepted": 16},
    ),
    "19_two_thicknesses": Expected(
        _one,
        (2.5, 0.7, 0.7),
        says=frozenset({"step_changes", "mixed_thickness"}),
        silent=_ODD_STACK | {"uneven_spacing", "skipped_position"},
    ),
    "26_sop_uid_across_series": Expected(
        lambda t: list(t["P"]),
        says=frozenset({"reused_uid"}),
        words=("10 slices carry SOP Instance UIDs",),
        fates={"accepted": 20},
    ),
    "32_microct_dicom": Expected(
        _one, (0.004, 0.004, 0.004), silent=_ODD_STACK | {"uneven_spacing"}
    ),
    "34_phases_between": Expected(
        # Two series, one half a step and one 0.1 mm apart, of the same pixels.
        lambda t: [t["A"], t["A"], t["B"], t["B"]],
        (5.0, 0.7, 0.7),
        silent=_ODD_STACK | {"uneven_spacing"},
        words=("told apart by AcquisitionNumber",),
    ),
    "04_comma_decimals": Expected(
        _one,
        (2.0, 0.7031, 0.7031),
        says=frozenset({"element:PixelSpacing", "element:RescaleIntercept"}),
        silent=frozenset({"not_hu", "no_pixel_spacing", "no_intercept"}),
        words=("decimal comma",),
        unit="HU",
    ),
    "05_no_intercept": Expected(
        lambda truth: [truth["vol"] + 1024],
        says=frozenset({"no_intercept", "not_hu"}),
        words=("RescaleIntercept is missing",),
        unit="",
    ),
    "06_spacing_vr_ut": Expected(
        _one,
        (2.5, 2.5, 2.5),
        says=frozenset({"element:PixelSpacing"}),
        silent=frozenset({"no_pixel_spacing"}),
        words=("carries the VR UT",),
    ),
    "16_bits_stored_lies": Expected(
        _one,
        says=frozenset({"element:high_bits"}),
        silent=frozenset({"comb", "not_hu"}),
        words=("from 0 to 4635, cut to the bits stored from 0 to 1730", "No overlay"),
        unit="HU",
    ),
    "17_wrapped_values": Expected(
        _wrapped,
        says=frozenset({"impossible_hu", "wrapped_values", "not_hu"}),
        silent=frozenset({"fractional_hu"}),
        words=("78 pixels of 1 slice would have 64453 to 64490 HU",),
        unit="",
    ),
    "20_sc_keeps_rescale": Expected(
        _windowed,
        says=frozenset({"secondary_capture", "eight_bit", "not_hu"}),
        words=("secondary capture", "without a body"),
        unit="",
    ),
    "03_gantry_tilt_world": Expected(
        _one, says=frozenset({"gantry_tilt"}), unit="HU", fates={"accepted": 15}
    ),
    "11_nifti_sform_without_scale": Expected(
        _one, (0.796, 0.865759, 0.865759), says=frozenset({"spacing_conflict"})
    ),
    # Neither is HU beyond doubt: the clipped one and HU + 1024 are asked about.
    "13_nifti_ct_window": Expected(
        lambda t: [
            t["vol"],
            t["vol"] + 1024,
            np.clip(t["vol"], -160, 240),
            (t["vol"] + 1024) // 2 * 2 - 1024,
        ],
        (2.0, 0.7, 0.7),
        says=frozenset({"unknown_modality", "guessed_modality"}),
        words=("look like HU + 1024", "State CT or MR"),
    ),
    "21_enhanced_slopes": Expected(
        _one, (3.0, 0.9, 0.6), unit="", fates={"accepted": 2}
    ),
    "23_mac_nested_zip": Expected(
        _one, fates={"accepted": 8, "not an image": 9, "refused": 1}
    ),
    # Slices are ordered along row x column, so the stack is turned over.
    "14_nrrd_permuted": Expected(
        lambda t: [t["vol"][::-1]],
        (3.0, 0.8, 0.5),
        fates={"accepted": 1, "unsupported": 1},
    ),
    "22_dicomdir_names": Expected(
        lambda t: [], others=(6, 6), fates={"accepted": 12, "not an image": 6}
    ),
    "30_microct_volumes": Expected(
        lambda t: [],
        others=(12, 12, 12),
        fates={"accepted": 3, "not an image": 13, "unsupported": 1},
        words=("The values lie in a file of their own",),
    ),
    "28_scout_dose_in_series": Expected(_one, others=(1,), says=frozenset({"split"})),
}


def _case_folder(name: str, folder: Path) -> Path:
    script = SCRIPTS / f"{name}.py"
    if not script.is_file():
        pytest.skip(f"{name}.py is not in ../shared/cases beside this repository")
    out = folder / name
    subprocess.run([sys.executable, str(script), str(out)], check=True)
    return out


def _imported(evidence: Path, case: Path, *more: str) -> dict[str, Any]:
    out = io.StringIO()
    command = ["import", str(evidence), "--out", str(case), "--json", *more]
    with contextlib.redirect_stdout(out):
        assert main(command) == 0
    value: dict[str, Any] = json.loads(out.getvalue())
    return value


def _truth(evidence: Path) -> Truth:
    return dict(np.load(f"{evidence}.truth.npz"))


@pytest.mark.parametrize("name", sorted(CASES))
def test_import_tells_what_the_files_hold(name: str, tmp_path: Path) -> None:
    expected, evidence = CASES[name], _case_folder(name, tmp_path)
    told = _imported(evidence, tmp_path / "case")
    _check_voxels(expected, _truth(evidence), tmp_path / "case", told)
    _check_order(told)
    findings = [f for s in told["series"] for f in s["findings"]]
    codes = {finding["code"] for finding in findings}
    assert expected.says <= codes
    assert not expected.silent & codes
    sentences = " ".join(finding["sentence"] for finding in findings)
    assert [part for part in expected.words if part not in sentences] == []
    if expected.fates is not None:
        assert told["fates"] == expected.fates
    for series in told["series"]:
        if expected.spacing_mm is not None:
            assert series["spacing_mm"] == pytest.approx(expected.spacing_mm, rel=1e-4)
        if expected.unit is not None:
            assert series["unit"] == expected.unit


def _check_voxels(
    expected: Expected, truth: Truth, case: Path, told: Mapping[str, Any]
) -> None:
    wanted = expected.voxels(truth)
    n_slices = [*(len(array) for array in wanted), *expected.others]
    with CaseStore.open(case, read_only=True) as store:
        found = [store.load_volume(s["series_id"]) for s in told["series"]]
        assert sorted(n_slices) == sorted(volume.n_slices for volume in found)
        for array in wanted:
            same = [
                v
                for v in found
                if v.shape == array.shape and np.allclose(v.voxels, array, atol=1e-3)
            ]
            assert len(same) == sum(np.array_equal(array, other) for other in wanted)


def _check_order(told: Mapping[str, Any]) -> None:
    """Each slice lies where its own header says, in rising order along the normal."""
    for series in told["series"]:
        normal = np.cross(series["row"], series["column"])
        along = [s["along_normal_mm"] for s in series["slices"]]
        rise = [float(np.dot(s["position_mm"], normal)) for s in series["slices"]]
        assert np.diff(along) == pytest.approx(np.diff(rise), abs=1e-4)
        assert along == sorted(along)
        assert len(series["slices"]) == series["n_slices"]


def test_world_point_of_a_tilted_gantry_is_exact(tmp_path: Path) -> None:
    evidence = _case_folder("03_gantry_tilt_world", tmp_path)
    (series,) = _imported(evidence, tmp_path / "case")["series"]
    truth = _truth(evidence)
    s, r, c = (int(index) for index in truth["voxel"])
    point = (
        np.array(series["slices"][s]["position_mm"])
        + np.array(series["row"]) * c * series["spacing_mm"][2]
        + np.array(series["column"]) * r * series["spacing_mm"][1]
    )
    assert point == pytest.approx(truth["world"], abs=1e-4)
    with CaseStore.open(tmp_path / "case", read_only=True) as store:
        volume = store.load_volume(series["series_id"])
    assert volume.world_mm((s, r, c)) == pytest.approx(truth["world"], abs=1e-4)


@pytest.mark.parametrize("stated", ["CT", "MR"])
def test_stated_modality_holds_where_values_do_not_tell(
    stated: str, tmp_path: Path
) -> None:
    evidence = _case_folder("13_nifti_ct_window", tmp_path) / "head_ct_plus1024.nii"
    told = _imported(evidence, tmp_path / "case", "--modality", stated)
    (series,) = told["series"]
    assert (series["modality"], series["modality_from"]) == (stated, "examiner")
    assert series["unit"] == ""
    codes = {finding["code"] for finding in series["findings"]}
    assert "stated_modality" in codes
    assert ("not_hu" in codes) == (stated == "CT")


def test_world_point_of_permuted_axes_is_exact(tmp_path: Path) -> None:
    evidence = _case_folder("14_nrrd_permuted", tmp_path)
    (series,) = _imported(evidence, tmp_path / "case")["series"]
    truth = _truth(evidence)
    s, r, c = (int(index) for index in truth["voxel"])
    with CaseStore.open(tmp_path / "case", read_only=True) as store:
        volume = store.load_volume(series["series_id"])
    turned = (volume.n_slices - 1 - s, r, c)
    assert volume.world_mm(turned) == pytest.approx(truth["world"], abs=1e-9)
    assert volume.voxels[turned] == truth["vol"][s, r, c]


def test_dicomdir_misses_no_file_of_another_spelling(tmp_path: Path) -> None:
    told = _imported(_case_folder("22_dicomdir_names", tmp_path), tmp_path / "case")
    reasons = [f["reason"] for f in told["files"] if "DICOMDIR" in f["name"]]
    assert len(reasons) == 2
    for reason in reasons:
        assert "names 6 files" in reason
        assert "not there" not in reason


def test_lengths_in_micrometres_are_exact(tmp_path: Path) -> None:
    evidence = _case_folder("30_microct_volumes", tmp_path)
    told = _imported(evidence, tmp_path / "case")
    spacing = {s["description"]: s["spacing_mm"] for s in told["series"]}
    truth = list(_truth(evidence)["spacing"])
    assert list(spacing["micro.nrrd"]) == truth
    assert list(spacing["micron.nii"]) == truth
    assert list(spacing["brain.hdr"]) == [2.0, 0.7, 0.7]
    (listed,) = [f for f in told["files"] if f["name"] == "list.mhd"]
    assert listed["fate"] == "unsupported"
    assert "LIST" in listed["reason"]


def test_mosaic_is_named_and_not_examined_as_slices(tmp_path: Path) -> None:
    evidence, out = _case_folder("18_mosaic", tmp_path), io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(["import", str(evidence), "--out", str(tmp_path / "c"), "--json"])
    assert code != 0
    with CaseStore.open(tmp_path / "c", read_only=True) as store:
        assert len(store.series()) == 0
        items = store.evidence()
    assert {(item.fate, item.reason[:8]) for item in items} == {
        ("unsupported", "A mosaic")
    }


def test_odd_codestreams_are_read_and_raw_pixels_under_jpeg_named(
    tmp_path: Path,
) -> None:
    evidence = _case_folder("27_codec_quirks", tmp_path)
    told = _imported(evidence, tmp_path / "case")
    assert told["fates"] == {"accepted": 48}
    truth = _truth(evidence)["vol"]
    with CaseStore.open(tmp_path / "case", read_only=True) as store:
        for series in told["series"]:
            np.testing.assert_array_equal(
                store.load_volume(series["series_id"]).voxels, truth
            )
    raw = [s for s in told["series"] if s["description"] == "27f_raw_under_jpeg"]
    assert "element:pixel_encoding" in {f["code"] for f in raw[0]["findings"]}


def test_padding_over_tissue_is_a_warning_and_padding_by_chance_none(
    tmp_path: Path,
) -> None:
    evidence = _case_folder("31_padding_is_water", tmp_path)
    told = _imported(evidence, tmp_path / "case")
    codes = {
        s["description"]: {f["code"] for f in s["findings"]} for s in told["series"]
    }
    assert "padding_covers" in codes["31b_range"]
    assert "padding_covers" not in codes["31a_zero"]
    assert {s["unit"] for s in told["series"]} == {"HU"}
