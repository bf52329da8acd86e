"""The pictures of an exhibit, cut from the case."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.cases.model import Finding
from btd_desktop.examination.series import Evaluation
from btd_desktop.examination.stored import load_residual
from btd_desktop.report.case import ReportCase
from btd_desktop.report.pictures import ExhibitFigure
from btd_desktop.volume import Volume

_CROP: Final = 160
_LUNG_WINDOW: Final = (-600.0, 1500.0)
_SOFT_WINDOW: Final = (40.0, 400.0)
_LUNG_BELOW_HU: Final = -400.0
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
    h, w = plane.shape
    size_r, size_c = min(_CROP, h), min(_CROP, w)
    r0 = int(np.clip(y - size_r // 2, 0, h - size_r))
    c0 = int(np.clip(x - size_c // 2, 0, w - size_c))
    part = (slice(r0, r0 + size_r), slice(c0, c0 + size_c))
    patch = run.manifest.grid.patch
    every = finding.numbers.every
    ranked = every["anomaly"]
    if ranked.chosen is True and "slice" in every:
        # The search chose the place for its score: its rank among genuine places is no
        # evidence, that of its slice is.
        ranked = every["slice"]
    level = evaluation.level("anomaly", ranked.ranked_at)
    return ExhibitFigure(
        crop=plane[part],
        crop_origin=(c0, r0),
        residual=residual[part],
        box=(x - patch // 2, y - patch // 2, patch, patch),
        window=_display_window(volume, plane[part]),
        pixel_mm=(volume.spacing_mm[1], volume.spacing_mm[2]),
        slice_image=plane,
        genuine=None if ranked.p_value is None else level.ecdf,
        score=ranked.score,
        threshold=ranked.threshold,
        orientation=_orientation(volume),
        label=f"exhibit {label}" if ranked is every["anomaly"] else f"slice of {label}",
        place=(x, y),
        modality=volume.modality,
    )


def _display_window(volume: Volume, part: NDArray[np.float32]) -> tuple[float, float]:
    """(centre, width) that shows a part well: lung or soft tissue for CT."""
    if volume.modality == "CT":
        is_lung = float(np.median(part)) < _LUNG_BELOW_HU
        return _LUNG_WINDOW if is_lung else _SOFT_WINDOW
    low, high = np.percentile(part, [0.5, 99.5])
    return float(low + high) / 2.0, max(float(high - low), 1.0)


def _orientation(volume: Volume) -> tuple[str, str, str, str]:
    """Letters at (left, right, top, bottom) of a slice (DICOM PS3.3 C.7.6.1.1.1)."""
    right, left = _letters(volume.row_direction)
    bottom, top = _letters(volume.column_direction)
    return left, right, top, bottom


def _letters(direction: tuple[float, float, float]) -> tuple[str, str]:
    axis = int(np.argmax(np.abs(direction)))
    toward, away = _AXES[axis]
    return (toward, away) if direction[axis] > 0 else (away, toward)
