"""What the examination of a series found, as the objects of `dicom.output` take it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.calibration.place import CalibratedValue
from btd_desktop.cases.model import Finding
from btd_desktop.dicom.output.parametric_map import PatchMap
from btd_desktop.dicom.output.secondary_capture import PlacePicture
from btd_desktop.dicom.output.segmentation import Region
from btd_desktop.dicom.output.structured_report import (
    ReportedPlace,
    ReportedScore,
    ReportedSeries,
)
from btd_desktop.examination.body import picture_of_body, tissue_window
from btd_desktop.examination.conclusion import CaseConclusion
from btd_desktop.examination.copied_noise import copy_sentence
from btd_desktop.examination.series import Evaluation, SeriesExamination
from btd_desktop.examination.wording import (
    SCORE_NAMES,
    UNITS,
    counted,
    number_text,
    p_value_text,
)
from btd_desktop.volume import Volume

_NO_SCORE: Final = -1000.0
_NO_P_VALUE: Final = -1.0

Box = tuple[int, int, int, int]
Clean = Callable[[str], str]
"""Takes names out of a text, or gives it back as it is."""


def patch_maps(evaluation: Evaluation) -> list[PatchMap]:
    """The maps that the window shows: anomaly score, and p-value where it has one."""
    series, first = evaluation.kinds["anomaly"], evaluation.features[0]
    corner = int(first.rows[0]), int(first.columns[0])
    stride = evaluation.run.manifest.grid.stride
    shown = [("anomaly-score", "Anomaly score", series.patch_scores, _NO_SCORE)]
    if evaluation.scope.p_values_allowed:
        shown.append(("p-value", "p-value", series.patch_p, _NO_P_VALUE))
    maps = [
        PatchMap(
            name,
            f"{label} per patch",
            np.stack(values).astype(np.float32),
            missing,
            corner,
            stride,
        )
        for name, label, values, missing in shown
    ]
    return [patch_map for patch_map in maps if np.isfinite(patch_map.values).any()]


def flagged_regions(
    examination: SeriesExamination, evaluation: Evaluation
) -> list[Region]:
    """What is flagged: patches that flag their slice, and places flagged themselves.

    What the examiner dismissed stays: no mark changes an answer of the method.
    """
    record, grid = examination.record, evaluation.run.manifest.grid
    shape = (record.rows, record.cols)
    series = evaluation.kinds["anomaly"]
    half = grid.stride // 2
    by_search: dict[int, NDArray[np.bool_]] = {}
    for index in series.flagged:
        value, features = series.slices[index], evaluation.features[index]
        if value is None or value.threshold is None:
            continue
        mask = by_search.setdefault(index, np.zeros(shape, dtype=np.bool_))
        above = np.nan_to_num(series.patch_scores[index], nan=-np.inf) > value.threshold
        for r, c in np.argwhere(above):
            row, column = int(features.rows[r]) - half, int(features.columns[c]) - half
            _fill(mask, (row, column, grid.stride, grid.stride))
    places: dict[int, NDArray[np.bool_]] = {}
    for finding in examination.findings:
        if finding.numbers.anomaly.flagged:
            empty = np.zeros(shape, dtype=np.bool_)
            mask = places.setdefault(finding.slice_index, empty)
            _fill(mask, _box(finding, evaluation))
    return [
        Region("flagged-by-search", "Patches above the threshold of slices", by_search),
        Region("flagged-places", "Places above the threshold of places", places),
    ]


def reported_series(
    number: int,
    examination: SeriesExamination,
    evaluation: Evaluation,
    conclusion: CaseConclusion,
    report_sha256: str,
    clean: Clean,
    examiner: str | None,
) -> ReportedSeries:
    """Everything that the structured report tells of a series.

    Args:
        number: Of the series in the report, from 1.
        examination: The series.
        evaluation: Its evaluation.
        conclusion: Of the case.
        report_sha256: Digest of the report that goes with it; "" where none does.
        clean: For every text that may name somebody.
        examiner: Who examined, "" where that is not stated; None where nobody is to be
            named and no note of the examiner to be quoted.
    """
    run, profile = evaluation.run, evaluation.profile
    model = run.manifest.model
    digests = [
        f"model {model['name']}: {model['digest']}",
        f"calibration profile {profile.name}: {profile.digest}",
        f"manifest of the run: {run.manifest_digest}",
    ]
    if report_sha256:
        digests.append(f"signed report (SHA-256): {report_sha256}")
    whole = evaluation.kinds["anomaly"].series
    noted = examiner is not None
    told = [conclusion.headline]
    told += [t for s in conclusion.series if s.number == number for t in s.sentences]
    return ReportedSeries(
        method=f"{model['name']}"[:64],
        digests=tuple(clean(text) for text in digests),
        scores=() if whole is None else (_score("series", whole, "series"),),
        words=tuple(clean(text) for text in told),
        places=tuple(
            ReportedPlace(
                label,
                finding.slice_index,
                _box(finding, seen),
                tuple(_scores(finding)),
                tuple(clean(text) for text in _words(finding, noted=noted)),
            )
            for label, finding, seen in examination.labelled(number)
        ),
        examiner=examiner or "",
    )


def place_pictures(
    number: int, examination: SeriesExamination, volume: Volume, *, redacted: bool
) -> list[PlacePicture]:
    """A picture of each place; where redacted, of the body alone."""
    pictures = []
    for label, finding, evaluation in examination.labelled(number):
        plane = np.asarray(volume.voxels[finding.slice_index], dtype=np.float32)
        box = _box(finding, evaluation)
        grey = _grey(plane, volume.modality, box)
        if redacted:
            place = round(finding.x), round(finding.y)
            grey[~picture_of_body(plane, volume.modality, place)] = 0
        lines = [f"{label}, slice {finding.slice_index + 1}, {finding.status}"]
        for kind, value in finding.numbers.every.items():
            lines.append(
                f"{SCORE_NAMES.get(kind, kind)} {number_text(value.score)}, p-value "
                f"{_p_text(value)}"
            )
        pictures.append(PlacePicture(finding.slice_index, grey, box, tuple(lines)))
    return pictures


def _words(finding: Finding, *, noted: bool) -> Iterator[str]:
    yield f"Examiner's mark: {finding.status}"
    by_search = "the program's search" if finding.origin == "search" else "the examiner"
    yield f"Chosen by {by_search}"
    if noted and finding.note:
        yield f"Examiner's note: {finding.note}"
    copied = copy_sentence(finding.numbers.copy)
    if copied:
        yield copied


def _scores(finding: Finding) -> Iterator[ReportedScore]:
    for kind, value in finding.numbers.every.items():
        yield _score(kind, value, value.ranked_at)


def _score(kind: str, value: CalibratedValue, level: str) -> ReportedScore:
    label = SCORE_NAMES.get(kind, kind)
    if value.p_value is None:
        return ReportedScore(
            kind, label, value.score, None, _why_none(value), "",
            value.threshold, value.flagged,
        )  # fmt: skip
    one, many = UNITS[level]
    ranked = (
        f"{counted(value.n, f'genuine {one}', f'genuine {many}')} of "
        f"{counted(value.n_patients, 'patient')}"
    )
    return ReportedScore(
        kind, label, value.score, value.p_value, "", ranked,
        value.threshold, value.flagged,
    )  # fmt: skip


def _p_text(value: CalibratedValue) -> str:
    if value.p_value is None:
        return f"not established ({_why_none(value)})"
    return p_value_text(value)


def _why_none(value: CalibratedValue) -> str:
    return p_value_text(value).removeprefix("none: ")


def _box(finding: Finding, evaluation: Evaluation) -> Box:
    patch = evaluation.run.manifest.grid.patch
    return round(finding.y) - patch // 2, round(finding.x) - patch // 2, patch, patch


def _fill(mask: NDArray[np.bool_], box: Box) -> None:
    row, column, height, width = box
    mask[
        max(row, 0) : max(row + height, 0), max(column, 0) : max(column + width, 0)
    ] = True


def _grey(
    plane: NDArray[np.float32], modality: str, box: Sequence[int]
) -> NDArray[np.uint8]:
    """The slice in the display window of what lies in the box."""
    row, column, height, width = box
    part = plane[max(row, 0) : row + height, max(column, 0) : column + width]
    _, (centre, extent) = tissue_window(modality, part if part.size else plane)
    scaled = (plane - (centre - extent / 2)) / extent
    grey: NDArray[np.uint8] = np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
    return grey
