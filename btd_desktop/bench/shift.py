"""Scanner shift: do claimed error rates hold on genuine scans of other scanners?

Every series is genuine, so every flag is wrong. Beside the result of the scope check
this shows whether the check can be relied on: rates should hold where it says
"covered", and it should say otherwise where they do not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from btd_desktop.calibration.apply import calibrate_series
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.calibration.scope import (
    Coverage,
    Scope,
    check_scope,
    with_scores,
)
from btd_desktop.examination.models import BoundDetector
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.engine import score_volume
from btd_desktop.volume import Volume
from btd_desktop.workflow.kept_series import facts_of
from btd_desktop.workflow.score_series import make_manifest

AS_IF = Scope(Coverage.COVERED, ())
"""Judges as if covered: what would be flagged without the scope check?"""


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """One genuine series.

    Attributes:
        patient: Whose series.
        scanner: Manufacturer and model.
        kernel: Reconstruction kernel; "" where the files do not say.
        thickness_mm: Slice thickness; NaN where unknown.
        coverage: Result of the scope check.
        reasons: Its sentences.
        n_patches: Scored patches.
        flagged_patches: Those above the profile's threshold for patches.
        n_slices: Slices with scored patches.
        flagged_slices: Those above the threshold for slices; None without threshold.
        series_flagged: Whether the series is flagged; None without threshold.
    """

    patient: str
    scanner: str
    kernel: str
    thickness_mm: float
    coverage: str
    reasons: tuple[str, ...]
    n_patches: int
    flagged_patches: int
    n_slices: int
    flagged_slices: int | None
    series_flagged: bool | None

    @property
    def share(self) -> float:
        """Share of patches flagged, in [0, 1]."""
        return self.flagged_patches / self.n_patches


def shift_rows(
    series: Iterable[tuple[Volume, str]],
    detector: BoundDetector,
    profile: CalibrationProfile,
    context: TaskContext,
) -> list[ShiftRow]:
    """One row per genuine series that holds tissue to score, in the given order.

    Raises:
        Cancelled: The user asked to stop.
    """
    rows = []
    for number, (volume, patient) in enumerate(series, start=1):
        context.report(number, 0, "Scoring genuine series", patient)
        _, scale, grid = make_manifest(volume, "", detector.info)
        found = score_volume(detector, volume, scale, grid, context)
        features = [s.features for s in found]
        if not any(f.scored.any() for f in features):
            continue
        facts = facts_of(volume)
        scope = check_scope(
            profile,
            model_digest=detector.info.digest,
            preset=detector.info.preset,
            grid=grid,
            facts=facts,
        )
        result = calibrate_series(profile, AS_IF, features)["anomaly"]
        scope = with_scores(scope, profile, result.patch_scores)
        limit = profile.levels["anomaly"]["patch"].threshold
        if limit is None:
            limit = np.inf
        scores = np.concatenate([m[np.isfinite(m)] for m in result.patch_scores])
        slices = [v.flagged for v in result.slices if v is not None]
        rows.append(
            ShiftRow(
                patient,
                facts.scanner,
                facts.kernel or "",
                float(facts.thickness_mm or np.nan),
                scope.coverage.value,
                scope.reasons,
                len(scores),
                int((scores > limit).sum()),
                len(slices),
                None if None in slices else sum(bool(f) for f in slices),
                None if result.series is None else result.series.flagged,
            )
        )
    return rows


def by_coverage(rows: Sequence[ShiftRow]) -> list[dict[str, Any]]:
    """Rates for each result of the scope check that occurs, covered first.

    Keys: coverage, n_series, n_patients, share (of all patches), series_mean (mean of
    the series' shares), series_highest, flagged_slices and n_slices.
    """
    out = []
    for coverage in Coverage:
        own = [row for row in rows if row.coverage == coverage.value]
        if not own:
            continue
        shares = [row.share for row in own]
        out.append(
            {
                "coverage": coverage.value,
                "n_series": len(own),
                "n_patients": len({row.patient for row in own}),
                "share": sum(r.flagged_patches for r in own)
                / sum(r.n_patches for r in own),
                "series_mean": float(np.mean(shares)),
                "series_highest": max(shares),
                "flagged_slices": sum(r.flagged_slices or 0 for r in own),
                "n_slices": sum(r.n_slices for r in own),
            }
        )
    return out
