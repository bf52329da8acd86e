"""The conclusion never says "no support" about what was not scored."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from btd_desktop.calibration.apply import CalibratedSeries
from btd_desktop.calibration.level import WHOLE_BODY, Alarms, Domain
from btd_desktop.calibration.place import CalibratedValue
from btd_desktop.calibration.scope import Coverage, Scope
from btd_desktop.cases.model import Run, SeriesRecord
from btd_desktop.examination.conclusion import conclude
from btd_desktop.examination.declared import (
    Declaration,
    Declared,
    Mandate,
    NamedPlace,
)
from btd_desktop.examination.series import SeriesExamination, State
from btd_desktop.examination.share import ScoredShare

N_SLICES = 100
PLACES = SimpleNamespace(
    reason="", interval=(0.001, 0.09), patient_fpr=(0.0,) * 45 + (0.46,), n_patients=46
)
REASON = "4 patients cannot carry a false-positive rate of 1 %"
PLACE = NamedPlace(6, 5, 4, 1)
NAMED = Declaration(Mandate(places=(PLACE,)), "2026-03-14T09:26:53.000Z", "E. Xaminer")
LATER = Declaration(Mandate("lung", (PLACE,)), "2026-03-15T09:26:53.000Z", "E. Xaminer")
WHOLE = ScoredShare(N_SLICES, N_SLICES, 1000, 1000, ())
FOUR_FIFTHS = ScoredShare(
    N_SLICES, N_SLICES, 1000, 800, ("The header declares 20 % of the body padding.",)
)
LITTLE = ScoredShare(N_SLICES, 10, 1000, 30, ("The header declares 97 % padding.",))
NOTHING = ScoredShare(N_SLICES, 0, 0, 0, ("No body was found in 100 of 100 slices.",))


def series(
    *,
    n_flagged: int = 0,
    coverage: Coverage = Coverage.COVERED,
    share: ScoredShare = WHOLE,
    findings: tuple[Any, ...] = (),
    domain: Domain = WHOLE_BODY,
    threshold: float | None = 0.5,
    **declared: Any,
) -> SeriesExamination:
    """A scored and calibrated series."""
    n = share.n_slices_scored
    slices = [
        CalibratedValue(float(i < n_flagged), 0.5, None, 99, 9, 0.5, i < n_flagged)
        for i in range(n)
    ]
    scored = (*slices, *[None] * (N_SLICES - n))
    anomaly = CalibratedSeries("anomaly", (), (), scored, slices[0] if n else None)
    reasons = () if coverage is Coverage.COVERED else ("another scanner",)
    evaluation = SimpleNamespace(
        kinds={"anomaly": anomaly},
        profile=SimpleNamespace(
            target_fpr=0.01,
            levels={"anomaly": {"place": PLACES}},
            search=lambda domain: SimpleNamespace(alarms=Alarms(1, 26)),
        ),
        scope=Scope(coverage, reasons),
        domain=domain,
        level=lambda kind, name: SimpleNamespace(threshold=threshold, reason=REASON),
    )
    return SeriesExamination(
        cast(SeriesRecord, SimpleNamespace(series_id=1, n_slices=N_SLICES)),
        run=cast(Run, SimpleNamespace(status="done")),
        evaluation=cast(Any, evaluation),
        findings=findings,
        share=share,
        **declared,
    )


def without_scores(*, is_scored: bool) -> SeriesExamination:
    """A series that has no p-values."""
    run = cast(Run, SimpleNamespace(status="done")) if is_scored else None
    record = cast(SeriesRecord, SimpleNamespace(series_id=1, n_slices=N_SLICES))
    return SeriesExamination(record, run=run, problem="there is a reason")


def finding(
    origin: str = "search", *, flagged: bool | None = False, **changes: Any
) -> Any:
    anomaly = SimpleNamespace(
        flagged=flagged,
        score=3.0 if flagged else 1.0,
        threshold=2.19,
        ranked_at="place",
    )
    numbers = SimpleNamespace(anomaly=anomaly)
    values = {"status": "to check", "x": 4.0, "y": 5.0, "slice_index": 6, **changes}
    return SimpleNamespace(origin=origin, numbers=numbers, **values)


LEFT_OUT: dict[str, Callable[[], SeriesExamination]] = {
    "not covered": lambda: series(coverage=Coverage.NOT),
    "not calibrated": lambda: without_scores(is_scored=True),
    "not scored": lambda: without_scores(is_scored=False),
    "nothing in the mask": lambda: series(share=NOTHING),
    "padding over the body": lambda: series(share=LITTLE),
}


def test_whole_case_without_flags_is_no_support():
    found = conclude([series(), series(n_flagged=3, findings=(finding(),))])
    assert found.conclusion == "no support found"
    assert found.headline == "No support for an alteration was found."
    assert "3 of 100 slices are flagged" in found.sentences[1]


@pytest.mark.parametrize("name", LEFT_OUT)
def test_series_left_out_alone_is_no_opinion(name):
    found = conclude([LEFT_OUT[name]()])
    assert found.conclusion in ("not covered", "not examined")
    assert "o support" not in found.headline
    assert found.headline.startswith("No opinion")
    assert not any("o support" in sentence for sentence in found.sentences)


@pytest.mark.parametrize("name", LEFT_OUT)
def test_case_with_a_series_left_out_has_no_headline_of_no_support(name):
    found = conclude([series(), LEFT_OUT[name]()])
    assert found.conclusion == "partly examined"
    assert found.headline.startswith(
        "No support for an alteration was found in series 1; series 2 "
    )
    assert "not" in found.headline.partition(";")[2]
    assert [s.number for s in found.series] == [1, 2]


def test_part_of_the_body_is_named_as_a_part():
    found = conclude([series(share=FOUR_FIFTHS)])
    assert found.conclusion == "partly examined"
    assert found.headline == (
        "No support for an alteration was found in the part of the series that was "
        "scored."
    )
    assert "80 % of the body were scored" in found.sentences[0]
    assert "20 % of the body padding" in found.sentences[0]


def test_flags_beyond_the_error_rate_support_an_alteration_whatever_was_left_out():
    hit = series(n_flagged=9, findings=(finding(),))
    assert conclude([hit]).conclusion == "supports"
    # How often the very rule speaks of genuine patients is said beside it.
    [sentence] = conclude([hit]).sentences
    assert "So many are flagged in 1 of 26 genuine patients" in sentence
    [calm] = conclude([series()]).sentences
    assert "That is no alarm; it gives one in 1 of 26 genuine patients" in calm
    found = conclude([without_scores(is_scored=False), hit])
    assert found.conclusion == "supports"
    assert found.headline.startswith("More is flagged in series 2 than")
    assert "against image data as acquired (H3)" in found.headline
    assert "(H1) or the data were processed (H2), they do not tell" in found.headline
    assert found.sentences[0].startswith("Series 2")
    assert found.sentences[1].startswith("Series 1 was not examined")


def test_flags_of_a_series_covered_in_part_are_inconclusive():
    hit = series(n_flagged=9, findings=(finding(),), coverage=Coverage.PARTLY)
    assert conclude([hit]).conclusion == "inconclusive"


def test_flags_beyond_the_error_rate_without_a_place_are_not_called_no_support():
    found = conclude([series(n_flagged=9)])
    assert found.conclusion == "inconclusive"
    assert found.sentences[0].endswith("The case keeps no place to point at.")


def test_place_pointed_at_and_flagged_is_not_called_no_support():
    pointed = series(findings=(finding("examiner", flagged=True),))
    found = conclude([pointed])
    assert found.conclusion == "inconclusive"
    assert "x 4, y 5, slice 7" in found.sentences[0]
    for other in (
        finding("examiner", flagged=False),
        finding("search", flagged=True),
    ):
        assert conclude([series(findings=(other,))]).conclusion == "no support found"


MARKS: tuple[tuple[str, ...], ...] = (
    ("dismissed",) * 3,
    ("confirmed",) * 3,
    ("confirmed", "dismissed", "to check"),
)


@pytest.mark.parametrize(
    "declared", [Declared(), Declared(NAMED), Declared(NAMED, (LATER,))]
)
@pytest.mark.parametrize("coverage", [Coverage.COVERED, Coverage.PARTLY])
@pytest.mark.parametrize("n_flagged", [0, 9])
@pytest.mark.parametrize("marks", MARKS)
def test_no_mark_of_the_examiner_changes_a_word_of_the_conclusion(
    marks, n_flagged, coverage, declared
):
    def told(statuses: tuple[str, ...]) -> Any:
        origins = ("search", "examiner", "examiner")
        places = tuple(
            finding(o, flagged=True, status=s, note="a vessel")
            for o, s in zip(origins, statuses, strict=True)
        )
        options = {"coverage": coverage, "findings": places, "declared": declared}
        return conclude([series(n_flagged=n_flagged, **options)])

    before = told(("to check",) * 3)
    assert told(marks) == before
    assert before.conclusion != "no support found"
    assert (
        "search suggests: 1. Places that the examiner pointed at: 2."
        in (before.sentences[0])
    )


def test_place_that_the_examiner_adds_does_not_stand_for_one_of_the_search():
    added = finding("examiner", flagged=False)
    assert conclude([series(n_flagged=9, findings=(added,))]).conclusion == (
        "inconclusive"
    )


def test_rates_of_several_tests_are_told_to_be_of_each_alone():
    assert not any("tests were made" in s for s in conclude([series()]).sentences)
    assert conclude([series(), series()]).sentences[-1].startswith("2 tests were made.")
    named = series(declared=Declared(NAMED), findings=(finding("examiner"),))
    assert conclude([named]).sentences[-1].startswith("2 tests were made.")
    # What was not covered was not tested.
    left_out = series(coverage=Coverage.NOT)
    assert "tests were made" not in " ".join(conclude([series(), left_out]).sentences)


def test_rate_of_false_alarms_that_was_not_measured_is_told_to_be_so():
    unmeasured = series()
    assert unmeasured.evaluation is not None
    unmeasured.evaluation.profile.search = lambda _domain: None  # type: ignore[method-assign, assignment]
    [sentence] = conclude([unmeasured]).sentences
    assert "gives a false alarm was not measured with this profile" in sentence


def test_states_have_one_reason_each():
    told = {name: make() for name, make in LEFT_OUT.items()}
    assert {name: e.state for name, e in told.items()} == {
        "not covered": State.NOT_COVERED,
        "not calibrated": State.NOT_CALIBRATED,
        "not scored": State.NOT_SCORED,
        "nothing in the mask": State.NOT_EXAMINED,
        "padding over the body": State.NOT_EXAMINED,
    }
    assert all(e.reason for e in told.values())
    assert "No body was found" in told["nothing in the mask"].reason
    assert "97 % padding" in told["padding over the body"].reason


def test_many_series_are_counted_in_one_line():
    found = conclude([series(), *(without_scores(is_scored=False) for _ in range(30))])
    assert "series 2, 3, 4, 5, 6, 7, 8, 9 and 22 more were not" in found.headline


def test_no_support_is_not_said_of_files_that_could_not_be_examined():
    whole = conclude([series()], {"accepted": 100, "not an image": 7, "duplicate": 2})
    assert whole.headline == "No support for an alteration was found."
    fates = {"accepted": 100, "unsupported": 3, "damaged": 1}
    told = conclude([series(), series()], fates)
    assert told.conclusion == "partly examined"
    assert told.headline == (
        "No support for an alteration was found in series 1 and 2; 4 files were "
        "received that could not be examined."
    )
    assert told.sentences[-1].endswith("1 damaged, 3 unsupported.")
    flagged = conclude([series(n_flagged=50, findings=(finding(),))], fates)
    assert flagged.conclusion == "supports"


def test_flagged_place_that_was_named_before_scoring_supports_with_its_error_rate():
    hit = series(
        findings=(finding("examiner", flagged=True),), declared=Declared(NAMED)
    )
    found = conclude([hit])
    assert found.conclusion == "supports"
    _, sentence, _ = found.sentences
    assert "place x 4, y 5, slice 7, named before scoring" in sentence
    assert "1 % of genuine ones lie above it, of 46 patients each left out" in sentence
    assert "0.1 % to 9 %" in sentence
    partly = replace_coverage(hit)
    assert conclude([partly]).conclusion == "inconclusive"


def replace_coverage(hit: SeriesExamination) -> SeriesExamination:
    return series(
        findings=hit.findings, declared=hit.declared, coverage=Coverage.PARTLY
    )


def test_named_place_that_is_not_flagged_is_answered_too():
    miss = series(findings=(finding("examiner"),), declared=Declared(NAMED))
    found = conclude([miss])
    assert found.conclusion == "no support found"
    assert "does not lie above the threshold 2.19" in found.sentences[1]


def test_named_place_without_a_score_is_never_no_support():
    found = conclude([series(declared=Declared(NAMED))])
    assert found.conclusion == "inconclusive"
    assert "could not be scored" in found.sentences[1]
    # What the search found there was chosen for its score and is no test of the place.
    searched = series(findings=(finding("search"),), declared=Declared(NAMED))
    assert "could not be scored" in conclude([searched]).sentences[1]


@pytest.mark.parametrize("flagged", [True, False])
def test_tests_changed_after_scoring_are_told_and_decide_nothing(flagged):
    changed = Declared(changes=(LATER,))
    now = series(
        n_flagged=9 * flagged,
        domain="lung",
        findings=(finding(), finding("examiner", flagged=flagged)),
        declared=changed,
        first=series(n_flagged=9 * (not flagged)).evaluation,
    )
    found = conclude([now])
    assert found.conclusion == ("inconclusive" if flagged else "supports")
    first, sentence, *told = found.sentences
    assert "search of the lung" not in first
    assert "changed on 2026-03-15 by E. Xaminer, after scoring had begun" in sentence
    assert f"“{'supports' if flagged else 'no support found'}”" in sentence
    assert told[0].startswith("As changed: Series 1, search of the lung: ")
    assert "named later" in told[1]
    assert not any("named before scoring" in text for text in found.sentences)


@pytest.mark.parametrize(("n", "word"), [(5, "supports"), (6, "inconclusive")])
def test_flag_among_many_named_places_is_no_support(n, word):
    places = (PLACE, *(NamedPlace(k, 50, 50, 1) for k in range(n - 1)))
    declared = Declared(Declaration(Mandate(places=places), NAMED.utc, NAMED.actor))
    found = tuple(
        finding("examiner", flagged=place is PLACE, x=place.x, y=place.y,
                slice_index=place.slice_index)
        for place in places
    )  # fmt: skip
    told = conclude([series(findings=found, declared=declared)])
    assert told.conclusion == word
    sentence = " ".join(told.sentences)
    assert len(told.sentences) == 1 + n + 2 + (word == "inconclusive")
    assert f"{n} places were named" in sentence
    assert f"in up to {n} % of genuine cases" in sentence
    assert ("supports nothing" in sentence) is (word == "inconclusive")


def test_search_supports_however_many_places_were_named():
    places = (PLACE, *(NamedPlace(k, 50, 50, 1) for k in range(9)))
    declared = Declared(Declaration(Mandate(places=places), NAMED.utc, NAMED.actor))
    hit = series(n_flagged=9, findings=(finding(),), declared=declared)
    assert conclude([hit]).conclusion == "supports"


def test_place_named_first_is_not_held_against_a_change_that_leaves_it_out():
    hit = finding("examiner", flagged=True)
    declared = Declared(NAMED, (Declaration(Mandate("lung"), LATER.utc, LATER.actor),))
    found = conclude([series(findings=(hit,), declared=declared)])
    assert found.conclusion == "supports"
    # It was declared, only not in the test that is in force by now.
    assert not any("were not declared before" in text for text in found.sentences)


def test_named_place_that_overlaps_a_suggestion_says_why_it_has_no_answer():
    place = finding("examiner", flagged=None)
    place.numbers.anomaly.chosen = True
    declared = Declared(
        changes=(Declaration(Mandate(places=(PLACE,)), LATER.utc, "E."),)
    )
    found = conclude([series(findings=(place,), declared=declared)])
    assert "overlaps a place that the search had suggested" in found.sentences[-1]


def test_series_that_no_threshold_can_flag_is_never_no_support():
    found = conclude([series(threshold=None, findings=(finding(),))])
    assert found.conclusion == "inconclusive"
    assert "cannot be said, since 4 patients cannot carry" in found.sentences[0]
    assert "0 of 100" not in found.sentences[0]
