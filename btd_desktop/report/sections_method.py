"""Sections 8 to 10: method, its validation and the calibration used."""

from __future__ import annotations

from typing import Final

from reportlab.platypus import Flowable

from btd_desktop.report.content import (
    Calibration,
    LevelCalibration,
    Method,
    ReportContent,
    ValidationFact,
)
from btd_desktop.report.style import (
    bullets,
    data_table,
    fact_table,
    heading,
    paragraph,
)
from btd_desktop.report.wording import (
    NOT_STATED,
    counted,
    interval_text,
    number_text,
    or_not_stated,
    percent_text,
    rate_text,
    time_text,
)

__all__ = ["method_sections"]


def method_sections(content: ReportContent) -> list[Flowable]:
    """Sections 8 to 10, in order."""
    return [*_methods(content), *_validation(content), *_calibrations(content)]


def _methods(content: ReportContent) -> list[Flowable]:
    story: list[Flowable] = [
        *heading("8  Method"),
        paragraph(
            "A neural network learned from genuine scans to predict the noise of an"
            " image (a denoising diffusion model). Applied once to an untouched slice,"
            " it leaves a residual whose strength and pattern are typical of that kind"
            " of scan. Where image content was added, removed or redrawn by other"
            " software, the residual may differ: content that is too smooth, or noise"
            " that does not fit. The program measures this difference as a score. A"
            " score is not a probability; it gains meaning only by comparison with"
            " genuine scans (section 10)."
        ),
        paragraph(
            "The method follows Back-in-Time Diffusion (BTD; Grabovski, Yasur, Amit and"
            " Mirsky, “Back-in-Time Diffusion: Unsupervised Detection of Medical"
            " Deepfakes”, arXiv:2407.15169): one reverse diffusion step without adding"
            " noise, pooled over patches. Stored values are turned into"
            " modality values by the rescale of the files; window centre and width are"
            " for display only and never touch a score."
        ),
    ]
    if any(level.level == "place" for c in content.calibrations for level in c.levels):
        story.append(paragraph(_COPIED_NOISE))
    for method in content.methods:
        story += _method(method)
    if not content.methods:
        story.append(paragraph("No series was scored."))
    story.append(
        fact_table(
            [
                ("Software", f"BTD Desktop {content.identity.software_version}"),
                ("Commit", or_not_stated(content.identity.software_commit)),
            ],
            mono=("Commit",),
        )
    )
    return story


_COPIED_NOISE: Final = (
    "Image noise never repeats. For each exhibit, the fine detail of the residual in"
    " its central 14 × 14 and 32 × 32 pixels was therefore looked for in the whole"
    " series, in single slices and in three neighbouring slices together. The highest"
    " correlation is set against the spread of all correlations of the series, and"
    " against genuine places. Noise that is found again points to tissue or noise"
    " copied within the series; which of the two places came first, this does not"
    " tell. Copies that were turned, mirrored or rescaled, copies from another scan"
    " and noise drawn anew are not found. An exhibit's anomaly score is the larger of"
    " two surprises, of its features and of its highest correlation where that is"
    " rarer than the false-positive rate, and is ranked among genuine places judged"
    " in the same way (level “place” of section 10)."
)


def _method(method: Method) -> list[Flowable]:
    levels = ", ".join(f"{level:g}" for level in method.noise_levels)
    threads = f", {method.n_threads} threads" if method.n_threads else ""
    facts = [
        ("Model", method.model_name),
        ("Network", method.network),
        ("Weights", or_not_stated(method.weights_digest)),
        ("Model card", or_not_stated(method.card_digest)),
        ("Training data", or_not_stated(method.training_data)),
        ("Credits", or_not_stated(method.credits)),
        ("Preset", method.preset),
        *((fact.name, fact.value) for fact in method.preprocessing),
        ("Noise levels", or_not_stated(levels)),
        ("Grid", f"patch {method.patch_size} pixels, stride {method.stride} pixels"),
        ("Score", or_not_stated(method.score_definition)),
        (
            "Backend",
            f"{method.device}, {method.dtype}, torch {method.torch_version}{threads}",
        ),
        ("Seed", "none: nothing is drawn at random" if method.seed is None
         else str(method.seed)),
        *((fact.name, fact.value) for fact in method.extra),
    ]  # fmt: skip
    return [
        *heading(f"Method {method.method_id}: {method.model_name}", 2),
        fact_table(facts, mono=("Weights", "Model card")),
    ]


def _validation(content: ReportContent) -> list[Flowable]:
    story: list[Flowable] = [*heading("9  Validation")]
    if content.validation:
        story += [
            paragraph(
                "Measured on scans with known alterations that the model had not seen"
                " in training. AUC is the area under the ROC curve: 0.5 is no better"
                " than chance, 1.0 is complete separation. TPR is the share of"
                " alterations flagged at the FPR given. The figures hold for the kinds"
                " of alteration tested; other kinds may be missed more often."
            ),
            data_table(
                ("Method", "Alteration tested", "Modality", "AUC", "Interval",
                 "TPR", "n", "Patients", "Remark"),
                [_validation_row(fact) for fact in content.validation],
                (1.7, 3.7, 1.8, 1.2, 2, 2.3, 1.2, 1.9, 2.7),
                numbers=(3, 6, 7),
            ),
        ]  # fmt: skip
    else:
        story.append(
            paragraph(f"Figures of performance in the model card: {NOT_STATED}.")
        )
    if content.not_validated:
        story += [*heading("Not measured", 2), *bullets(content.not_validated)]
    return story


def _validation_row(fact: ValidationFact) -> tuple[str, ...]:
    tpr = "–"
    if fact.tpr is not None:
        tpr = percent_text(fact.tpr)
        if fact.tpr_at_fpr is not None:
            tpr += f" at FPR {percent_text(fact.tpr_at_fpr)}"
    return (
        fact.method_id,
        fact.attack,
        fact.modality,
        "–" if fact.auc is None else f"{fact.auc:.2f}",
        interval_text(fact.auc_interval, percent=False),
        tpr,
        f"{fact.n_samples:,}" if fact.n_samples else "–",
        f"{fact.n_patients:,}",
        fact.remark or "–",
    )


def _calibrations(content: ReportContent) -> list[Flowable]:
    story: list[Flowable] = [
        *heading("10  Calibration used"),
        paragraph(
            "A calibration profile holds the scores of genuine scans of other patients"
            " that the model was not trained on. It answers one question: how often"
            " does a genuine scan score as high? The p-value is (1 + number of genuine"
            " scores at least as high) / (n + 1); it cannot become smaller than"
            " 1 / (n + 1). A score above the threshold is flagged; the FPR is how often"
            " genuine scans are flagged. This is an error rate for genuine scans only:"
            " it is neither a likelihood ratio nor a probability of tampering."
        ),
    ]
    if not content.calibrations:
        story.append(
            paragraph(
                "No calibration profile was used. No p-value and no error rate can be"
                " given for any score of this report."
            )
        )
    for calibration in content.calibrations:
        story += _calibration(calibration)
    story += _scope(content)
    return story


def _calibration(calibration: Calibration) -> list[Flowable]:
    based_on = (
        f"{calibration.n_patients:,} patients, {calibration.n_series:,} series,"
        f" {calibration.n_slices:,} slices, {calibration.n_patches:,} patches"
    )
    return [
        *heading(f"Profile {calibration.profile_name}", 2),
        fact_table(
            [
                ("Digest", calibration.profile_digest),
                ("Made", time_text(calibration.created)),
                ("Genuine scans", based_on),
                ("Scanners", "\n".join(calibration.scanner_mix) or NOT_STATED),
                ("FPR asked for", percent_text(calibration.target_fpr)),
            ],
            mono=("Digest",),
        ),
        *(paragraph(_LEVELS) for c in calibration.levels if c.level == "place"),
        data_table(
            ("Level", "n", "Threshold", "FPR claimed", "Interval of the FPR",
             "Smallest p", "FPR on patients left out"),
            [_level_row(level) for level in calibration.levels],
            (1.3, 2.1, 1.9, 2, 3.4, 1.8, 2.6),
            numbers=(1, 2, 3, 5),
        ),
        *bullets(calibration.remarks),
    ]  # fmt: skip


_LEVELS: Final = (
    "Levels: “patch” ranks any patch of the grid; “place” one patch that was pointed"
    " at, by the examiner or by the search, its noise looked for elsewhere in the"
    " series too (its n counts genuine places judged in the same way); “slice” and"
    " “series” rank the highest patch of a slice or of a series."
)


def _level_row(level: LevelCalibration) -> tuple[str, ...]:
    interval = interval_text(level.fpr_interval, percent=True)
    if level.fpr_interval is not None:
        interval += f" ({level.confidence:.0%})"
    return (
        level.level,
        f"{level.n:,}" + (
            f" ({counted(level.n_patients, 'patient')})" if level.n_patients else ""
        ),
        "none: n too small" if level.threshold is None
        else number_text(level.threshold),
        percent_text(level.fpr),
        interval,
        rate_text(level.smallest_p),
        "not measured" if level.held_out_fpr_range is None
        else interval_text(level.held_out_fpr_range, percent=True),
    )  # fmt: skip


def _scope(content: ReportContent) -> list[Flowable]:
    if not content.results:
        return []
    return [
        *heading("Does the calibration cover the series?", 2),
        data_table(
            ("Series", "Method", "Scope", "Reasons"),
            [
                (
                    str(result.series_number),
                    result.method_id,
                    result.scope.scope,
                    "\n".join(result.scope.reasons) or "–",
                )
                for result in content.results
            ],
            (1.2, 1.4, 2.4, 9),
        ),
        paragraph(
            "Intervals are Clopper-Pearson. FPR on patients left out: smallest and"
            " largest FPR observed when one patient at a time was left out of the fit."
            " Where a series is not covered, no p-value is printed.",
            "small",
        ),
    ]
