"""What may be said of a case: the weakest statement that is true of every series.

"No support for an alteration was found" is never said of what was not scored, and not
of a case in which a series was left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from btd_desktop.calibration.ecdf import more_than_expected
from btd_desktop.calibration.level import WHOLE_BODY, Domain, domain_text
from btd_desktop.calibration.scope import Coverage
from btd_desktop.cases.model import Finding
from btd_desktop.examination.declared import Mandate, NamedPlace
from btd_desktop.examination.series import Evaluation, SeriesExamination, State
from btd_desktop.examination.wording import (
    counted,
    false_alarms_text,
    left_out_text,
    number_text,
    percent_text,
)

Conclusion = Literal[
    "supports",
    "inconclusive",
    "no support found",
    "partly examined",
    "not covered",
    "not examined",
]
_MOST_NAMED = 8
_STRENGTH: list[Conclusion] = ["supports", "inconclusive", "no support found"]
_MOST_CHANCE = 0.05  # that one of several named places is flagged
_PARTLY = (
    "The calibration covers the series only in part, so that the error rate of these "
    "flags is not established."
)
# Fates of files that hold, or may hold, pictures of the patient.
_UNREAD = ("damaged", "refused", "unsupported")
_OF_STATE: dict[State, Conclusion] = {
    State.NOT_SCORED: "not examined",
    State.NOT_EXAMINED: "not examined",
    State.NOT_CALIBRATED: "not covered",
    State.NOT_COVERED: "not covered",
}


@dataclass(frozen=True, slots=True)
class SeriesConclusion:
    """What may be said of one series.

    Attributes:
        number: Number of the series in the report, from 1.
        state: How far its examination came.
        conclusion: A word of the scale.
        sentences: Why, test by test.
        n_tests: Tests that were answered, as declared before scoring.
    """

    number: int
    state: State
    conclusion: Conclusion
    sentences: tuple[str, ...]
    n_tests: int = 0


@dataclass(frozen=True, slots=True)
class CaseConclusion:
    """What may be said of a case.

    Attributes:
        conclusion: A word of the scale.
        headline: The conclusion in one sentence.
        sentences: What it rests on.
        series: Series by series.
    """

    conclusion: Conclusion
    headline: str
    sentences: tuple[str, ...]
    series: tuple[SeriesConclusion, ...]

    def to_json(self) -> dict[str, object]:
        """JSON value."""
        return {
            "conclusion": self.conclusion,
            "headline": self.headline,
            "sentences": list(self.sentences),
        }


def conclude(
    examinations: Sequence[SeriesExamination], fates: Mapping[str, int] | None = None
) -> CaseConclusion:
    """The conclusion that follows from the examination by fixed rules.

    Two tests, as they were declared before scoring. The search: a series whose flagged
    slices are more than the error rate lets expect, with a place to point at:
    "supports", or "inconclusive" where there is no such place, the calibration covers
    it in part, or its patients carry no threshold for slices. Each place named before
    scoring: "supports" where it is flagged by itself, "inconclusive" where it cannot be
    judged, the calibration covers it in part, or so many were named that chance alone
    flags one. A flagged place that the examiner pointed at later: "inconclusive". Else
    "no support found", "partly examined" where part of the body was not scored. Of a
    case the strongest of the first two decides; else what is true of every series. What
    the examiner marked, dismissed places included, changes none of it, and neither does
    a test declared later: its answer is told beside.

    Args:
        examinations: In the order of their numbers.
        fates: Number of files received by fate: of image data that could not be read
            nothing was found either.
    """
    series = tuple(_of_series(n, e) for n, e in enumerate(examinations, 1))
    conclusion, headline = _of_case(series)
    order: list[Conclusion] = ["supports", "inconclusive"]
    told = sorted(series, key=lambda s: (s.conclusion not in order, s.number))
    sentences = tuple(sentence for s in told for sentence in s.sentences)
    n_tests = sum(s.n_tests for s in series)
    if n_tests > 1:
        sentences += (
            f"{counted(n_tests, 'test')} were made. Each rate of false alarms is that "
            "of its own sentence: that one of several is a false alarm happens more "
            "often.",
        )
    unread = {fate: n for fate, n in (fates or {}).items() if fate in _UNREAD and n}
    n_unread = sum(unread.values())
    if unread and conclusion in ("no support found", "partly examined"):
        if conclusion == "no support found":
            headline = f"{headline.rstrip('.')} in {_named([s.number for s in series])}"
        who = "1 file was" if n_unread == 1 else f"{n_unread:,} files were"
        conclusion = "partly examined"
        headline = f"{headline.rstrip('.')}; {who} received that could not be examined."
        listed = ", ".join(f"{n:,} {fate}" for fate, n in sorted(unread.items()))
        sentences += (f"Files received that could not be examined: {listed}.",)
    return CaseConclusion(conclusion, headline, sentences, series)


def _of_series(number: int, examination: SeriesExamination) -> SeriesConclusion:
    state, evaluation = examination.state, examination.evaluation
    if evaluation is None or state in _OF_STATE:
        reason = examination.reason.rstrip(".") or "the reason is not known"
        words = {
            State.NOT_CALIBRATED: "was scored but is not calibrated",
            State.NOT_COVERED: "is not covered by the calibration",
        }.get(state, "was not examined")
        return SeriesConclusion(
            number, state, _OF_STATE[state], (f"Series {number} {words}: {reason}.",)
        )
    declared = examination.declared
    conclusion, sentences = _of_tests(
        number,
        examination,
        examination.first or evaluation,
        declared.first.mandate,
        "before scoring",
    )
    share = examination.share
    if share is not None and not share.is_whole:
        sentences[0] += f" {share.sentence}"
        if conclusion == "no support found":
            conclusion = "partly examined"
    if declared.changes:
        change = declared.now
        word, told = _of_tests(number, examination, evaluation, change.mandate, "later")
        sentences += [
            f"The tests were changed on {change.utc[:10]} by {change.actor}, after "
            "scoring had begun; what was declared before decides. The changed tests "
            f"say “{word}”.",
            *(f"As changed: {sentence}" for sentence in told),
        ]
    named = declared.first.mandate.of_series(examination.record.series_id)
    return SeriesConclusion(number, state, conclusion, tuple(sentences), 1 + len(named))


def _of_tests(
    number: int,
    examination: SeriesExamination,
    evaluation: Evaluation,
    mandate: Mandate,
    when: str,
) -> tuple[Conclusion, list[str]]:
    """The strongest answer of the search and of each named place, and all of them.

    Args:
        number: Of the series, in the report.
        examination: Its findings.
        evaluation: As the search of the mandate's domain sees it.
        mandate: What is tested.
        when: The places were named, in words.
    """
    findings, series_id = examination.findings, examination.record.series_id
    named = mandate.of_series(series_id)
    declared = examination.declared
    ever = {*declared.first.mandate.of_series(series_id), *named}
    answers = [
        _of_search(number, evaluation, findings, ever),
        *(_of_place(number, evaluation, findings, place, when) for place in named),
    ]
    told = [sentence for _, sentence in answers]
    words = [word for word, _ in answers]
    if named and len(mandate.places) > 1:
        # Bonferroni, over all series: the claimed rate is that of one place.
        chance = min(1.0, len(mandate.places) * evaluation.profile.target_fpr)
        told.append(
            f"{len(mandate.places)} places were named: at the claimed rate, one of "
            f"them at least is flagged by chance in up to {percent_text(chance)} of "
            "genuine cases."
        )
        if chance > _MOST_CHANCE:
            told.append("One flag among so many supports nothing by itself.")
            words[1:] = [
                "inconclusive" if word == "supports" else word for word in words[1:]
            ]
    return min(words, key=_STRENGTH.index), told


def _of_search(
    number: int,
    evaluation: Evaluation,
    findings: Sequence[Finding],
    named: Collection[NamedPlace],
) -> tuple[Conclusion, str]:
    """Answer of the search, and of places that the examiner pointed at unnamed."""
    series, rate = evaluation.kinds["anomaly"], evaluation.profile.target_fpr
    n_flagged = len(series.flagged)
    n_scored = sum(v is not None for v in series.slices)
    expected = rate * n_scored
    # Scores decide: not a word here depends on what the examiner marked.
    found = sum(f.origin == "search" for f in findings)
    who = f"Series {number}{_searched_text(evaluation.domain)}:"
    exhibits = f"Places that the search suggests: {found}."
    if len(findings) > found:
        exhibits += f" Places that the examiner pointed at: {len(findings) - found}."
    level = evaluation.level("anomaly", "slice")
    if level.threshold is None:
        # No flag is possible: that none was set says nothing.
        return "inconclusive", (
            f"{who} whether slices stand out cannot be said, since "
            f"{level.reason.rstrip('.')}. {exhibits}"
        )
    sentence = (
        f"{who} {n_flagged} of {n_scored} slices are flagged; at the "
        f"false-positive rate of {percent_text(rate)} per slice, {expected:.1f} are "
        f"expected in a genuine series of this length. {exhibits}"
    )
    is_alarm = more_than_expected(n_flagged, n_scored, rate)
    search = evaluation.profile.search(evaluation.domain)
    alarms = None if search is None else search.alarms
    sentence += f" {false_alarms_text(alarms, is_alarm=is_alarm)}"
    if is_alarm:
        if evaluation.scope.coverage is Coverage.PARTLY:
            return "inconclusive", f"{sentence} {_PARTLY}"
        # A place that the examiner adds must not turn the answer.
        if not found:
            return "inconclusive", (f"{sentence} The case keeps no place to point at.")
        return "supports", sentence
    pointed = [
        f
        for f in findings
        if f.origin == "examiner"
        and _is_flagged(f)
        and not any(place.is_at(f.slice_index, f.y, f.x) for place in named)
    ]
    if pointed:
        told = ", ".join(
            f"x {round(f.x)}, y {round(f.y)}, slice {f.slice_index + 1}"
            for f in pointed[:_MOST_NAMED]
        )
        return "inconclusive", (
            f"{sentence} The slices as a whole do not stand out, but "
            f"{len(pointed)} of the places that the examiner pointed at are above "
            f"their threshold by themselves ({told}). They were not declared before "
            "scoring: whether they were named before the scores were seen decides what "
            "that is worth, and the program cannot know it."
        )
    return "no support found", sentence


def _of_place(
    number: int,
    evaluation: Evaluation,
    findings: Sequence[Finding],
    place: NamedPlace,
    when: str,
) -> tuple[Conclusion, str]:
    """Answer of the test of one place that was named."""
    who = (
        f"Series {number}, place x {place.x}, y {place.y}, slice "
        f"{place.slice_index + 1}, named {when}:"
    )
    kept = [
        f
        for f in findings
        if f.origin == "examiner" and place.is_at(f.slice_index, f.y, f.x)
    ]
    if not kept:
        return "inconclusive", f"{who} it could not be scored."
    value = kept[0].numbers.anomaly
    level = evaluation.profile.levels["anomaly"][value.ranked_at]
    if value.flagged is None:
        overlaps = "it overlaps a place that the search had suggested before"
        why = overlaps if value.chosen is True else level.reason.rstrip(".")
        return "inconclusive", f"{who} it cannot be judged: {why}."
    above = "lies above" if value.flagged else "does not lie above"
    rate = left_out_text(level)
    sentence = (
        f"{who} its anomaly score {number_text(value.score)} {above} the "
        f"threshold {number_text(value.threshold)}{f'; {rate}' if rate else ''}."
    )
    if not value.flagged:
        return "no support found", sentence
    if evaluation.scope.coverage is Coverage.PARTLY:
        return "inconclusive", f"{sentence} {_PARTLY}"
    return "supports", sentence


def _searched_text(domain: Domain) -> str:
    return "" if domain == WHOLE_BODY else f", search of {domain_text(domain)}"


def _is_flagged(finding: Finding) -> bool:
    return bool(finding.numbers.anomaly.flagged)


def _of_case(series: Sequence[SeriesConclusion]) -> tuple[Conclusion, str]:
    by_word: dict[Conclusion, list[int]] = {}
    for one in series:
        by_word.setdefault(one.conclusion, []).append(one.number)
    several = len(series) > 1
    if "supports" in by_word:
        where = f" in {_named(by_word['supports'])}" if several else ""
        return "supports", (
            f"More is flagged{where} than genuine scans let expect: the findings speak "
            "against image data as acquired (H3). Whether content was altered (H1) or "
            "the data were processed (H2), they do not tell."
        )
    if "inconclusive" in by_word:
        where = f" in {_named(by_word['inconclusive'])}" if several else ""
        return "inconclusive", f"Inconclusive{where}."
    if set(by_word) == {"no support found"}:
        return "no support found", "No support for an alteration was found."
    clear, partly = (
        by_word.get("no support found", []),
        by_word.get("partly examined", []),
    )
    left_out = _left_out(by_word, several)
    if not clear and not partly:
        only: Conclusion = (
            "not covered" if "not examined" not in by_word else ("not examined")
        )
        return only, f"No opinion: {left_out or 'no series was examined'}."
    places = [f"in {_named(clear)}"] if clear else []
    if partly:
        places.append(
            f"in the part of {_named(partly) if several else 'the series'} that was "
            "scored"
        )
    headline = f"No support for an alteration was found {' and '.join(places)}"
    return "partly examined", f"{headline}{f'; {left_out}' if left_out else ''}."


def _left_out(by_word: dict[Conclusion, list[int]], several: bool) -> str:
    words: list[tuple[Conclusion, str, str]] = [
        ("not covered", "is not covered by the calibration", "are not covered by the "
         "calibration"),
        ("not examined", "was not examined", "were not examined"),
    ]  # fmt: skip
    told = []
    for word, one, many in words:
        numbers = by_word.get(word, [])
        if numbers:
            who = _named(numbers) if several else "the series"
            told.append(f"{who} {one if len(numbers) == 1 else many}")
    return "; ".join(told)


def _named(numbers: Sequence[int]) -> str:
    shown = [str(n) for n in numbers[:_MOST_NAMED]]
    if len(numbers) > _MOST_NAMED:
        return f"series {', '.join(shown)} and {len(numbers) - _MOST_NAMED} more"
    if len(shown) > 1:
        return f"series {', '.join(shown[:-1])} and {shown[-1]}"
    return f"series {shown[0]}"
