"""The numbers of one scored series, as several sections state them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from btd_desktop.calibration.level import WHOLE_BODY, domain_text
from btd_desktop.calibration.place import CalibratedValue
from btd_desktop.calibration.scope import Coverage
from btd_desktop.errors import ReportError
from btd_desktop.examination.series import Evaluation, SeriesExamination, State
from btd_desktop.examination.wording import (
    NOT_COVERED,
    counted,
    established_text,
    flagged_text,
    modality_text,
    number_text,
    p_value_text,
    percent_text,
)
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import Cell, join, name, plain, quoting, reference

_AS_A_WHOLE: Final = {True: "it is flagged: ", False: "it is not flagged: ", None: ""}


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What the method found in one series.

    Attributes:
        number: Number of the series in the report.
        outcome: Its examination.
        method: Reference of the method.
        evaluation: Its scores; None when there are none.
        coverage: "covered", "partly covered" or "not covered".
        reasons: Why, as sentences; empty when covered.
        whole: Result at level "series"; None where the profile has none, or where too
            little was scored to say anything.
        n_scored: Slices with tissue that were scored.
        flagged: (index, value) of the slices above the threshold; empty where too
            little was scored to say anything.
        slice_fpr: FPR per slice that the profile claims; None when not covered or when
            the profile has no threshold for slices.
    """

    number: int
    outcome: SeriesExamination
    method: str
    evaluation: Evaluation | None
    coverage: str
    reasons: tuple[str, ...]
    whole: CalibratedValue | None = None
    n_scored: int = 0
    flagged: tuple[tuple[int, CalibratedValue], ...] = ()
    slice_fpr: float | None = None

    @property
    def is_covered(self) -> bool:
        """False when no p-value and no error rate may be printed."""
        return self.coverage != Coverage.NOT.value

    @property
    def is_examined(self) -> bool:
        """False when too little was scored to say anything."""
        return self.outcome.state is not State.NOT_EXAMINED


def results_of(case: ReportCase) -> list[Result]:
    """The result of every series that a model was used on.

    Raises:
        ReportError: A score carries a p-value although no calibration covers it.
    """
    methods = {(m.digest, m.method): method for method, m in case.methods}
    return [
        _result(number, outcome, methods[outcome.model.digest, outcome.model.method])
        for number, outcome in case.numbered
        if outcome.model is not None and outcome.is_scored
    ]


def _result(number: int, outcome: SeriesExamination, method: str) -> Result:
    evaluation = outcome.evaluation
    if evaluation is None:
        return Result(
            number, outcome, method, None, Coverage.NOT.value, (outcome.reason,)
        )
    anomaly, profile = evaluation.kinds["anomaly"], evaluation.profile
    scope = evaluation.scope
    allowed = scope.p_values_allowed
    claims = allowed and evaluation.level("anomaly", "slice").threshold is not None
    flagged = tuple((i, v) for i, v in enumerate(anomaly.slices) if v and v.flagged)
    result = Result(
        number,
        outcome,
        method,
        evaluation,
        scope.coverage.value,
        scope.reasons,
        anomaly.series if outcome.examined else None,
        sum(value is not None for value in anomaly.slices),
        flagged if outcome.examined else (),
        profile.target_fpr if claims else None,
    )
    values = [
        None if result.whole is None else result.whole.p_value,
        *(value.p_value for _, value in result.flagged),
        *(v.p_value for f in outcome.findings for v in f.numbers.every.values()),
    ]
    if not allowed and any(value is not None for value in values):
        raise ReportError(
            f"the result of series {number} has a p-value although no calibration"
            " covers it",
            hint="Leave its p-values out, or calibrate for this scanner.",
        )
    return result


def score_cell(value: CalibratedValue) -> Cell:
    """A score."""
    return plain(number_text(value.score), value.score)


def p_value_cell(value: CalibratedValue) -> Cell:
    """A p-value with its n, or why there is none."""
    return plain(p_value_text(value), value.p_value)


def threshold_cell(value: CalibratedValue) -> Cell:
    """The threshold of a score."""
    return plain(number_text(value.threshold), value.threshold)


def flagged_cell(value: CalibratedValue) -> Cell:
    """Whether a score is flagged."""
    return plain(flagged_text(value), value.flagged)


def series_title(number: int, outcome: SeriesExamination) -> Cell:
    """How a series is called in headings and tables."""
    record = outcome.record
    described = (
        name("description", record.description)
        if record.description.strip()
        else plain("no description")
    )
    return join(
        plain(f"Series {number:d}: "), modality_cell(record.modality), plain(", "),
        described,
    )  # fmt: skip


def result_sentences(result: Result, *, under_title: bool = False) -> tuple[Cell, ...]:
    """What was found in one series, in plain words.

    Args:
        result: Of the series.
        under_title: The sentences follow the title and the table of levels, and repeat
            neither.
    """
    title = join(series_title(result.number, result.outcome), plain(". "))
    if under_title:
        title = plain("")
    outcome, share = result.outcome, result.outcome.share
    if outcome.state is State.NOT_EXAMINED:
        told = join(plain("It was not examined: "), quoting(outcome.reason))
        return (join(title, told),)
    if not result.is_covered:
        return (
            join(
                title,
                plain(
                    "The calibration does not cover this series. Its scores are"
                    " given, but no error rate and no p-value can be stated for them."
                ),
            ),
        )
    sentences = [] if under_title else [join(title, _level_sentence(result))]
    sentences.append(_share_sentence(result))
    if result.coverage == Coverage.PARTLY.value:
        sentences.append(
            join(
                plain("The calibration covers this series only in part, see section "),
                reference("calibration"),
                plain("; its error rates may be off here."),
            )
        )
    if share is not None and not share.is_whole:
        sentences.append(quoting(share.sentence))
    return tuple(sentences)


def _share_sentence(result: Result) -> Cell:
    """Share of slices flagged, beside the FPR that genuine scans show."""
    if result.n_scored == 0:
        return plain("No slice was scored.")
    evaluation = result.evaluation
    # Of the usual search, as long as nobody changed it, there is nothing to add.
    if evaluation and (evaluation.domain != WHOLE_BODY or result.outcome.first):
        who = quoting(f"Search of {domain_text(evaluation.domain)}: ")
        return join(who, _flagged_share(result, evaluation))
    return _flagged_share(result, evaluation)


def _flagged_share(result: Result, evaluation: Evaluation | None) -> Cell:
    if result.is_covered and result.slice_fpr is None and evaluation:
        reason = evaluation.level("anomaly", "slice").reason.rstrip(".")
        return quoting(f"No slice can be flagged: {reason}.")
    n_flagged = len(result.flagged)
    flagged = (
        f"{n_flagged:,} of {counted(result.n_scored, 'scored slice')} flagged"
        f" ({percent_text(n_flagged / result.n_scored)})"
    )
    if result.slice_fpr is None or evaluation is None:
        return plain(flagged + f"; {NOT_COVERED}, so no rate can be set beside it.")
    claimed = (
        f"; in genuine scans of the calibration the rate is"
        f" {percent_text(result.slice_fpr)} per slice (FPR)"
    )
    level = evaluation.level("anomaly", "slice")
    doubt = established_text(level, result.slice_fpr)
    return plain(flagged + claimed + (f", {doubt}." if doubt else "."))


def _level_sentence(result: Result) -> Cell:
    level = result.whole
    if level is None or level.p_value is None:
        return plain("Nothing can be said of the series as a whole.")
    series = counted(level.n, "genuine series", "genuine series")
    return plain(
        f"As a whole {_AS_A_WHOLE[level.flagged]}p = {p_value_text(level)}, ranked"
        f" among {series} of {counted(level.n_patients, 'patient')}. That is how often"
        " a genuine scan scores at least as high. It is not the probability that the"
        " series was tampered with."
    )


def modality_cell(modality: str) -> Cell:
    """CT or MR, or that the modality is not known."""
    return plain(modality_text(modality))
