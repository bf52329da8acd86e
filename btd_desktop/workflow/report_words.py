"""Sentences of the report that follow from results: one place, one wording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from btd_desktop.calibration.scope import Coverage
from btd_desktop.report import content as rc

if TYPE_CHECKING:
    from btd_desktop.examination.series import SeriesExamination

__all__ = [
    "ALTERNATIVES",
    "ANOMALY_DEFINITION",
    "LIMITATIONS",
    "SCORE_NAMES",
    "SCORE_OF_SLICE",
    "opinion_for",
]

ANOMALY_DEFINITION = (
    "Noise predictions at several noise levels are pooled in a disc and two rings "
    "around the place, with the correlations of the noise in the slice and from "
    "slice to slice, and compared with the surroundings in the same slice and "
    "with the rest of the same series. The score is -log10 of the share of genuine "
    "places of the same tissue whose Mahalanobis distance from the ordinary is as "
    "large (2: one in a hundred). Unusually smooth and unusually rough content "
    "both raise it, and at level “place” so does noise that is found again "
    "elsewhere in the series: the larger of both surprises counts."
)
"""How the anomaly score is computed: stands once in a report, with the method."""

SCORE_NAMES = {
    "anomaly": (
        "anomaly score",
        "How unusual the noise is among genuine places: -log10 of their share "
        "(section 8).",
    ),
    "injection": (
        "injection score (paper)",
        "Mean of the squared noise prediction over the central 32x32 pixels at the "
        "first noise level (Back-in-Time Diffusion, equation 3).",
    ),
    "removal": (
        "removal score (paper)",
        "Mean of the squared noise prediction over the whole patch at the first noise "
        "level (Back-in-Time Diffusion, equation 3).",
    ),
}

SCORE_OF_SLICE = (
    "anomaly score of the slice",
    "Highest anomaly score among the patches of the grid in the slice.",
)

LIMITATIONS = (
    "A p-value is the share of genuine scans that score as high or higher. It is not "
    "the probability that the scan was altered.",
    "The calibration holds genuine scans only. How often the method misses an "
    "alteration depends on the kind of alteration; figures are given where they were "
    "measured, and nowhere else.",
    "That nothing was flagged does not show that nothing was altered.",
    "A flagged place shows that the image noise there is unlike that of its "
    "surroundings and of genuine scans. Metal, motion, contrast medium, "
    "post-processing and re-compression can do the same.",
    "Scores of neighbouring patches and slices are not independent; the number of "
    "patients is what carries the error rate.",
    "The program is not a medical device and says nothing about health or disease.",
)

ALTERNATIVES = (
    rc.Alternative("Metal or other dense objects near the place"),
    rc.Alternative("Patient motion or pulsation"),
    rc.Alternative("Contrast medium"),
    rc.Alternative("Another reconstruction kernel or iterative reconstruction"),
    rc.Alternative("Lossy compression"),
    rc.Alternative("Resampling, rotation or export by another program"),
    rc.Alternative("De-identification that edited pixels"),
)

_WOULD_CHANGE = (
    "The untouched original from the scanner or archive, with its digest.",
    "Genuine scans of the same scanner, kernel and protocol to calibrate on.",
)


def opinion_for(outcomes: Sequence[SeriesExamination], remarks: str) -> rc.Opinion:
    """The opinion that follows from the results by fixed rules.

    Nothing covered: "not covered". A flagged place in a covered series that the
    examiner confirmed or has not dismissed: "supports" when the slice-level threshold
    carries the flag, "inconclusive" when the series is only partly covered. No flag:
    "no support found".
    """
    covered = [
        o.evaluation
        for o in outcomes
        if o.evaluation is not None and o.evaluation.scope.p_values_allowed
    ]
    if not covered:
        return rc.Opinion(
            "not covered",
            ("No calibration profile covers a series of this case.",),
            remarks,
            _WOULD_CHANGE,
        )
    sentences, flagged, partly = [], False, False
    for number, outcome in enumerate(outcomes, 1):
        evaluation = outcome.evaluation
        if evaluation is None or not evaluation.scope.p_values_allowed:
            continue
        series = evaluation.kinds["anomaly"]
        n_flagged = sum(bool(v and v.flagged) for v in series.slices)
        n_scored = sum(v is not None for v in series.slices)
        open_findings = [f for f in outcome.findings if f.status != "dismissed"]
        partly |= evaluation.scope.coverage is Coverage.PARTLY
        # More slices than the error rate lets expect, and places to point at.
        expected = evaluation.profile.target_fpr * n_scored
        stands_out = n_flagged > max(1.0, 3.0 * expected) and bool(open_findings)
        flagged |= stands_out
        sentences.append(
            f"Series {number}: {n_flagged} of {n_scored} slices are flagged; at the "
            f"false-positive rate of {evaluation.profile.target_fpr:.1%} per slice, "
            f"{expected:.1f} are expected in a genuine series of this length. "
            f"{len(open_findings)} places are shown as exhibits."
        )
    if flagged:
        conclusion: rc.Conclusion = "inconclusive" if partly else "supports"
        if partly:
            sentences.append(
                "Places are flagged, but the calibration covers the series only in "
                "part, so that their error rate is not established."
            )
    else:
        conclusion = "no support found"
    return rc.Opinion(conclusion, tuple(sentences), remarks, _WOULD_CHANGE)
