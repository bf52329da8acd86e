"""The pictures of an exhibit, cut from the case."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.cases.model import Finding
from btd_desktop.examination.body import tissue_window
from btd_desktop.examination.series import Evaluation
from btd_desktop.examination.stored import load_residual
from btd_desktop.report.case import ReportCase
from btd_desktop.report.pictures import ExhibitFigure, SourceFigure
from btd_desktop.scoring.copies import NoiseCopy
from btd_desktop.volume import Volume

_CROP: Final = 160
_AXES: Final = (("L", "R"), ("P", "A"), ("H", "F"))  # toward +, - of x, y, z (LPS)


def exhibit_figure(
    case: ReportCase,
    volume: Volume,
    finding: Finding,
    evaluation: Evaluation,
    label: str,
) -> ExhibitFigure:
    """Crop, residual and genuine scores of a finding."""
    index, x, y = finding.slice_index, round(finding.x), round(finding.y)
    plane = np.asarray(volume.voxels[index], dtype=np.float32)
    run = evaluation.run
    residual = load_residual(case.store, run.run_id, index, plane.shape)
    part, origin = _crop_around(plane, x, y)
    patch = run.manifest.grid.patch
    tissue, window = tissue_window(volume.modality, _around(plane, x, y, patch))
    every = finding.numbers.every
    ranked = every["anomaly"]
    if ranked.chosen is True and "slice" in every:
        # The search chose the place for its score: its rank among genuine places is no
        # evidence, that of its slice is.
        ranked = every["slice"]
    level = evaluation.level("anomaly", ranked.ranked_at)
    return ExhibitFigure(
        crop=plane[part],
        crop_origin=origin,
        residual=residual[part],
        box=(x - patch // 2, y - patch // 2, patch, patch),
        window=window,
        pixel_mm=(volume.spacing_mm[1], volume.spacing_mm[2]),
        slice_image=plane,
        genuine=None if ranked.p_value is None else level.ecdf,
        score=ranked.score,
        threshold=ranked.threshold,
        orientation=_orientation(volume),
        label=f"exhibit {label}" if ranked is every["anomaly"] else f"slice of {label}",
        place=(x, y),
        modality=volume.modality,
        tissue=tissue,
        source=_source(volume, finding.numbers.copy or None),
    )


def _source(volume: Volume, copy: NoiseCopy | None) -> SourceFigure | None:
    """The place that a copy is judged to come from, or to have gone to."""
    if copy is None or not copy.copied or copy.slice_index >= len(volume.voxels):
        return None
    plane = np.asarray(volume.voxels[copy.slice_index], dtype=np.float32)
    part, origin = _crop_around(plane, copy.column, copy.row)
    half = copy.side // 2
    return SourceFigure(
        crop=plane[part],
        crop_origin=origin,
        box=(copy.column - half, copy.row - half, copy.side, copy.side),
        slice_image=plane,
        slice_number=copy.slice_index + 1,
        place=(copy.column, copy.row),
    )


def _crop_around(
    plane: NDArray[np.float32], x: int, y: int
) -> tuple[tuple[slice, slice], tuple[int, int]]:
    """The crop around a place, and (column, row) of its first pixel."""
    h, w = plane.shape
    size_r, size_c = min(_CROP, h), min(_CROP, w)
    r0 = int(np.clip(y - size_r // 2, 0, h - size_r))
    c0 = int(np.clip(x - size_c // 2, 0, w - size_c))
    return (slice(r0, r0 + size_r), slice(c0, c0 + size_c)), (c0, r0)


def _around(
    plane: NDArray[np.float32], x: int, y: int, side: int
) -> NDArray[np.float32]:
    half = max(side // 2, 1)
    rows = slice(max(y - half, 0), max(y + half, 1))
    columns = slice(max(x - half, 0), max(x + half, 1))
    part = plane[rows, columns]
    return part if part.size else plane


def _orientation(volume: Volume) -> tuple[str, str, str, str]:
    """Letters at (left, right, top, bottom) of a slice (DICOM PS3.3 C.7.6.1.1.1)."""
    right, left = _letters(volume.row_direction)
    bottom, top = _letters(volume.column_direction)
    return left, right, top, bottom


def _letters(direction: tuple[float, float, float]) -> tuple[str, str]:
    axis = int(np.argmax(np.abs(direction)))
    toward, away = _AXES[axis]
    return (toward, away) if direction[axis] > 0 else (away, toward)
