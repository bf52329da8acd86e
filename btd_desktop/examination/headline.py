"""The answer on a series, and on a place, in plain words with what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from btd_desktop.examination.series import Evaluation, SeriesExamination, State
from btd_desktop.examination.wording import (
    counted,
    established_text,
    number_text,
    p_text,
)

if TYPE_CHECKING:
    from btd_desktop.examination.place import ScoredPlace

Step = Literal["", "score", "resume", "calibration", "review"]
"""What the examiner would do next."""

Tone = Literal["plain", "warning"]

_NO_ALTERATION = "That does not show that nothing was altered."


@dataclass(frozen=True, slots=True)
class Headline:
    """The answer on a series.

    Attributes:
        words: In one sentence.
        detail: What it rests on, or why there is none.
        step: What to do next.
        tone: "warning" where something stands out or nothing can be said.
    """

    words: str
    detail: str = ""
    step: Step = ""
    tone: Tone = "plain"


NO_HEADLINE = Headline("")
"""No series is shown."""


def headline_of(examination: SeriesExamination, *, is_busy: bool = False) -> Headline:
    """The answer on a series.

    Args:
        examination: Of the series.
        is_busy: It is being scored, or waits for it.
    """
    if not examination.is_scored:
        return _unscored(examination, is_busy=is_busy)
    evaluation = examination.evaluation
    if evaluation is None:
        if not examination.reason:
            return Headline("Scored; the calibration is being applied.")
        told = f"{examination.reason[:1].upper()}{examination.reason[1:]}"
        words = "Scored, but nothing says how often genuine scans look the same."
        return Headline(words, told, "calibration", "warning")
    if examination.state is State.NOT_EXAMINED:
        return Headline("Not examined.", examination.reason, tone="warning")
    if examination.state is State.NOT_COVERED:
        words = "The calibration does not cover this series: no error rate can be given"
        return Headline(f"{words}.", examination.reason, "calibration", "warning")
    return _examined(examination, evaluation)


def _unscored(examination: SeriesExamination, *, is_busy: bool) -> Headline:
    run, n_slices = examination.run, examination.record.n_slices
    if is_busy:
        return Headline("Being scored. You can look at its slices meanwhile.")
    if examination.problem and run is None:
        told = f"{examination.problem[:1].upper()}{examination.problem[1:]}"
        return Headline("Not scored.", told, "score", "warning")
    if run is None:
        return Headline("Not scored yet.", step="score")
    done = f"{run.n_done} of {counted(n_slices, 'slice')} are scored."
    return Headline(f"Scoring was stopped: {done}", step="resume", tone="warning")


def _examined(examination: SeriesExamination, evaluation: Evaluation) -> Headline:
    anomaly = evaluation.kinds["anomaly"]
    n_scored = sum(value is not None for value in anomaly.slices)
    level, fpr = evaluation.level("anomaly", "slice"), evaluation.profile.target_fpr
    where = evaluation.searched("anomaly", "slice")
    details = [f"{where[:1].upper()}{where[1:]}."] if where else []
    if anomaly.series is not None:
        details.append(f"The series as a whole: {p_text(anomaly.series)}.")
    if evaluation.scope.reasons:
        details.append("The calibration covers it in part: its rates may be off here.")
    if level.threshold is None:
        details.insert(0, f"{level.reason[:1].upper()}{level.reason[1:].rstrip('.')}.")
        words = "No slice can be called unusual with this calibration."
        return Headline(words, " ".join(details), "review", "warning")
    expected = f"about {number_text(fpr * n_scored, 2)}"
    doubt = established_text(level, fpr)
    if doubt:
        details.append(f"The rate is {doubt}.")
    n = len(anomaly.flagged)
    places = [f for f in examination.findings if f.origin == "search"]
    if n:
        told = f"; {counted(len(places), 'place')} to look at" if places else ""
        words = (
            f"{n:,} of {counted(n_scored, 'slice')} {'is' if n == 1 else 'are'} unusual"
            f", {expected} expected of genuine ones{told}."
        )
        return Headline(words, " ".join(details), "review", "warning")
    words = (
        f"None of {counted(n_scored, 'slice')} is unusual ({expected} expected of "
        "genuine ones)."
    )
    return Headline(words, " ".join([_NO_ALTERATION, *details]), "review")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer on a place.

    Attributes:
        words: In one sentence.
        detail: What it does not say.
        tone: "warning" where the place stands out.
    """

    words: str
    detail: str
    tone: Tone = "plain"


_UNDETERMINED = (
    "The kind of change is not determined: content put in, taken out or changed scores "
    "alike, and processing or nature can be the cause too."
)


def verdict_of(place: ScoredPlace) -> Verdict:
    """The one answer on a place, from its anomaly score.

    A place that the search suggests was chosen for being the highest of its slice:
    it stands out where its slice does.
    """
    value = place.numbers.anomaly
    if value.flagged:
        return Verdict("Unusual: above the threshold.", _UNDETERMINED, "warning")
    if value.flagged is False:
        return Verdict("Not unusual: below the threshold.", _NO_ALTERATION)
    if value.chosen is True:
        slices = place.evaluation.kinds["anomaly"].slices
        of_slice = slices[place.slice_index]
        if of_slice is not None and of_slice.flagged:
            words = "Unusual: highest place of a slice above the threshold."
            return Verdict(words, _UNDETERMINED, "warning")
        words = "Suggested by the search; its slice is not above the threshold."
        return Verdict(words, _NO_ALTERATION)
    if value.p_value is None:
        words = "Cannot be judged: the calibration does not cover this scan."
        return Verdict(words, "Its score has no error rate here.")
    words = "Ranked, but too few patients for a threshold."
    return Verdict(words, _UNDETERMINED)
