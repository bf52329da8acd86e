"""Places of a case: their noise is searched for, by click and by search alike."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import UNSET

from btd_desktop.calibration.apply import calibrate_place, calibrate_series
from btd_desktop.calibration.profile import write_profile
from btd_desktop.calibration.scope import Coverage, Scope
from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.series import LoadedSeries
from btd_desktop.errors import Cancelled
from btd_desktop.examination.copied_noise import copy_sentence, judge_copy
from btd_desktop.examination.models import find_model, open_detector
from btd_desktop.examination.reading import read_case, read_series, required_evaluation
from btd_desktop.examination.series import Evaluation
from btd_desktop.examination.wording import p_value_text
from btd_desktop.paths import user_profiles_dir
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.report.case import ReportCase
from btd_desktop.report.compose import document_of
from btd_desktop.report.document import Document, Figure, Record, Text, text_of
from btd_desktop.report.exhibits import score_sentences
from btd_desktop.report.pictures import ExhibitFigure
from btd_desktop.report.twin import twin_value
from btd_desktop.scoring.copies import NoiseCopy
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.workflow import candidates as candidates_module
from btd_desktop.workflow.calibrate import calibrate_on
from btd_desktop.workflow.candidates import find_candidates
from btd_desktop.workflow.findings import keep_place, search_and_keep, searched
from btd_desktop.workflow.score_place import score_at
from btd_desktop.workflow.services import Services
from tests.unit.calibration.samples import older
from tests.unit.workflow.copied_case import (
    COPY,
    FPR,
    ORIGINAL,
    CopiedCase,
    even_volume,
    make_copied_case,
)

COVERED = Scope(Coverage.COVERED, ())
NOT_COVERED = Scope(Coverage.NOT, ("another grid",))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CopiedCase]:
    root = tmp_path_factory.mktemp("copied")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(root / "home"))
        patch.setenv("BTD_MODELS_DIR", str(root / "models"))
        yield make_copied_case(root)


@pytest.fixture
def store(made: CopiedCase, tmp_path: Path) -> Iterator[CaseStore]:
    folder = tmp_path / "case"
    shutil.copytree(made.case, folder)
    with CaseStore.open(folder) as opened:
        yield opened


@pytest.fixture
def evaluation(store: CaseStore) -> Evaluation:
    [record] = store.series()
    return required_evaluation(read_series(store, record))


@pytest.fixture(scope="module")
def detector(made: CopiedCase) -> Any:
    return open_detector(find_model("", "CT"))


def test_clicked_copy_is_found_where_it_was_taken_from(store, evaluation, detector):
    place = score_at(store, evaluation, detector, COPY)
    copy = place.numbers.copy
    assert copy
    assert (copy.slice_index, copy.row, copy.column) == ORIGINAL
    assert copy.copied
    sentence = copy_sentence(copy)
    assert "found again at x 37, y 64, slice 3 " in sentence
    assert "0.1 % of genuine places reach" in sentence
    level = evaluation.profile.levels["anomaly"]["place"]
    value = place.numbers.anomaly
    assert (value.n, value.n_patients) == (level.ecdf.n, 5)
    assert value.threshold == level.threshold
    assert value.p_value == level.ecdf.p_value(value.score)
    # The other scores know no copies and stay at their level.
    patch = evaluation.profile.levels["removal"]["patch"]
    assert place.numbers.removal.n == patch.ecdf.n


def test_genuine_place_is_said_not_to_be_found_again(store, evaluation, detector):
    place = score_at(store, evaluation, detector, (0, 64, 64))
    judged = place.numbers.copy
    assert judged
    assert not judged.copied
    assert copy_sentence(judged).startswith("Noise not found again elsewhere (highest")


def test_candidates_have_the_numbers_of_a_click_there(store, evaluation, detector):
    found = find_candidates(store, evaluation)
    assert found
    for candidate in found:
        at = (candidate.slice_index, candidate.y, candidate.x)
        click = score_at(store, evaluation, detector, at)
        assert candidate.is_searched
        assert not click.is_searched
        # Nothing is kept yet, so that the click is nobody's suggestion.
        for kind, value in candidate.numbers.scores.items():
            assert value.score == click.numbers.scores[kind].score
            assert (value.p_value, value.threshold, value.flagged) == (None,) * 3
            assert click.numbers.scores[kind].p_value is not None
        assert candidate.numbers.copy == click.numbers.copy
        assert candidate.world_mm == click.world_mm
        value = evaluation.kinds["anomaly"].slices[candidate.slice_index]
        assert candidate.numbers.slice == value
    assert any(c.numbers.copy for c in found)


def test_uncovered_series_has_its_highest_places_to_look_at(evaluation, store):
    features = evaluation.features
    kinds = calibrate_series(evaluation.profile, NOT_COVERED, features)
    uncovered = replace(evaluation, scope=NOT_COVERED, kinds=kinds)
    found = find_candidates(store, uncovered)
    values = [c.numbers.slice for c in found]
    scores = [v.score for v in values if v is not UNSET]
    assert 1 <= len(found) == len(scores) <= 5
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == max(v.score for v in kinds["anomaly"].slices if v is not None)
    for candidate in found:
        for value in candidate.numbers.scores.values():
            assert (value.p_value, value.flagged) == (None, None)
    # A report says of none of them what it was ranked among.
    of_slice = [("slice", value) for value in values if value is not UNSET]
    assert all(value.n for _, value in of_slice)
    told = score_sentences("search", of_slice, uncovered)
    assert not any("ranked among" in sentence for sentence in told)
    # Where another model made the density, not even their order means anything.
    model = {"name": "other", "digest": "b" * 64}
    foreign = replace(uncovered, profile=replace(uncovered.profile, model=model))
    assert find_candidates(store, foreign) == ()


def test_click_that_overlaps_a_suggested_place_gets_no_p_value(
    store, evaluation, detector
):
    [found, *_] = search_and_keep(store, evaluation, Services())
    s, r, c = found.slice_index, round(found.y), round(found.x)
    near = score_at(store, evaluation, detector, (s, r, c + 20))
    for value in near.numbers.scores.values():
        assert value.chosen is True
        assert (value.p_value, value.flagged) == (None, None)
    kept = keep_place(store, near, Services())
    assert kept.origin == "examiner"
    exhibit, record = _exhibits(store)[kept.finding_id]
    assert all(score["p_value"] is None for score in exhibit["scores"])
    told = [text_of(b.cell) for b in record.blocks if isinstance(b, Text)]
    assert any("overlaps one that the program's search had sug" in t for t in told)
    assert not any("ranked among" in t for t in told)
    [figure] = [block for block in record.blocks if isinstance(block, Figure)]
    assert figure.picture.genuine is None


def test_findings_keep_copy_and_level(store, evaluation, detector):
    place = score_at(store, evaluation, detector, COPY)
    finding = keep_place(store, place, Services())
    [kept] = [f for f in store.findings() if f.finding_id == finding.finding_id]
    assert kept.numbers == place.numbers
    copy = kept.numbers.copy
    assert copy
    assert copy.copied is True
    assert (copy.slice_index, copy.row, copy.column) == ORIGINAL
    assert copy.surprise is not None
    assert copy.surprise > 1.0
    levels = {kind: value.level for kind, value in kept.numbers.scores.items()}
    assert levels == {"anomaly": "place", "injection": "patch", "removal": "patch"}


def test_place_at_the_rim_is_ranked_among_patches(store, evaluation, detector):
    # The square around it leaves the slice.
    place = score_at(store, evaluation, detector, (2, 64, 15))
    assert place.numbers.copy is None
    finding = keep_place(store, place, Services())
    assert finding.numbers.copy is None
    assert finding.numbers.anomaly.level == "patch"
    patch = evaluation.profile.levels["anomaly"]["patch"]
    assert place.numbers.anomaly.n == patch.ecdf.n
    assert "cannot be searched for" in copy_sentence(None)


def test_search_judges_a_kept_place_only_once(store, evaluation, monkeypatch):
    first = search_and_keep(store, evaluation, Services())
    assert first
    assert {f.origin for f in first} == {"search"}
    asked: list[Any] = []

    def copies(*args: Any) -> list[None]:
        asked.append(args)
        return []

    monkeypatch.setattr(candidates_module, "copies_in_case", copies)
    assert search_and_keep(store, evaluation, Services()) == ()
    assert not asked
    assert len(read_case(store)[0].findings) == len(first)


def test_case_of_another_computer_is_searched_only_after_its_adoption(
    made, tmp_path, monkeypatch
):
    shutil.copytree(made.case, tmp_path / "case")
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "another-home"))
    write_profile(made.profile, user_profiles_dir() / "places.json")
    with CaseStore.open(tmp_path / "case") as store:
        [record] = store.series()
        entries = store.audit_log()
        seen = searched(store, read_series(store, record), Services())
        assert seen.evaluation is not None
        assert seen.findings == ()
        assert store.audit_log() == entries
        store.adopt("handed over by the clerk", store.actor, Services().now())
        assert searched(store, seen, Services()).findings


@pytest.mark.parametrize("seen", [0, 2])
@pytest.mark.parametrize("by", ["click", "search"])
def test_search_for_noise_can_be_cancelled_and_keeps_nothing(
    store, evaluation, detector, seen, by
):
    told: list[Progress] = []

    def listen(progress: Progress) -> None:
        told.append(progress)
        if progress.done == seen:
            context.cancel()

    context = TaskContext(listen)
    work: Callable[[], object] = {
        "click": lambda: score_at(store, evaluation, detector, COPY, context),
        "search": lambda: search_and_keep(store, evaluation, Services(), context),
    }[by]
    with pytest.raises(Cancelled):
        work()
    assert [(p.done, p.total) for p in told] == [(n, 4) for n in range(seen + 1)]
    assert {p.stage for p in told} == {"Searching for copied noise"}
    assert store.findings() == ()


def test_calibration_can_be_cancelled_during_its_search(made, detector):
    told: list[int] = []

    def listen(progress: Progress) -> None:
        # The first four slices are scored; the count stands still while it searches.
        if told[-2:] == [4, 4]:
            context.cancel()
        told.append(progress.done)

    context = TaskContext(listen)
    volumes = [even_volume(n, f"TEST-{n}") for n in (1, 2, 3)]
    with pytest.raises(Cancelled):
        calibrate_on(
            [LoadedSeries(v, f"1.2.{n}", "", (), ()) for n, v in enumerate(volumes)],
            detector,
            name="stopped",
            fpr=FPR,
            services=Services(),
            context=context,
        )
    assert told == [1, 2, 3, 4, 4, 4]


def test_report_prints_the_error_rate_of_the_level_ranked_at(
    store, evaluation, detector
):
    place = score_at(store, evaluation, detector, COPY)
    finding = keep_place(store, place, Services())
    exhibit, record = _exhibits(store)[finding.finding_id]
    level = evaluation.profile.levels["anomaly"]["place"]
    anomaly = exhibit["scores"][0]
    assert anomaly["level"] == "place"
    assert (anomaly["n"], anomaly["n_patients"]) == (level.ecdf.n, 5)
    assert anomaly["fpr"] == FPR
    assert anomaly["fpr_interval"] == list(level.interval or ())
    assert exhibit["scores"][1]["level"] == "patch"
    assert exhibit["mode"] == "anomaly"  # the examiner's own, not the search's
    assert exhibit["copied_noise"]["is_copied"]
    assert exhibit["copied_noise"]["slice_number"] == ORIGINAL[0] + 1
    assert "found again at x 37, y 64, slice 3 " in exhibit["noise_sentence"]
    [figure] = [block for block in record.blocks if isinstance(block, Figure)]
    assert figure.picture.genuine is not None
    np.testing.assert_array_equal(figure.picture.genuine.scores, level.scores)
    [calibration] = _twin(store)["calibrations"]
    by_level = {c["level"]: c for c in calibration["levels"]}
    assert by_level["place"]["n_patients"] == 5
    assert by_level["place"]["n"] == level.ecdf.n


def _document(store: CaseStore) -> Document:
    outcomes = read_case(store)
    return document_of(ReportCase(store, outcomes, "R-1", Services().now()))


def _twin(store: CaseStore) -> dict[str, Any]:
    return twin_value(_document(store))


def _exhibits(store: CaseStore) -> dict[int, tuple[dict[str, Any], Record]]:
    """In the twin and as printed, by the finding they show."""
    document = _document(store)
    [outcome] = read_case(store)
    [result] = [
        block
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Record) and block.key == "results"
    ]
    printed = [b for b in result.blocks if isinstance(b, Record)]
    told = twin_value(document)["results"][0]["exhibits"]
    return {
        finding.finding_id: (exhibit, record)
        for finding, exhibit, record in zip(
            outcome.findings, told, printed, strict=True
        )
    }


def test_report_gives_a_place_of_the_search_the_p_value_of_its_slice(
    store, evaluation, detector
):
    own = keep_place(store, score_at(store, evaluation, detector, COPY), Services())
    [found, *_] = search_and_keep(store, evaluation, Services())
    exhibits = _exhibits(store)
    value = evaluation.kinds["anomaly"].slices[found.slice_index]
    assert value is not None
    assert value.p_value is not None
    exhibit, record = exhibits[found.finding_id]
    of_slice = exhibit["scores"][-1]
    assert of_slice["level"] == "slice"
    assert (of_slice["value"], of_slice["p_value"]) == (value.score, value.p_value)
    assert (of_slice["n"], of_slice["n_patients"]) == (value.n, value.n_patients)
    assert of_slice["threshold"] == value.threshold
    assert of_slice["is_flagged"] == value.flagged
    level = evaluation.profile.levels["anomaly"]["slice"]
    interval = level.interval if of_slice["fpr"] else None
    assert of_slice["fpr_interval"] == (interval and list(interval))
    quoted = f"slice: {p_value_text(value)}."
    told = [text_of(b.cell) for b in record.blocks if isinstance(b, Text)]
    assert any(sentence.endswith(quoted) for sentence in told)
    # The drawing shows the slice; the place is set among no genuine ones.
    assert not any(sentence.startswith("Injection score") for sentence in told)
    [figure] = [block for block in record.blocks if isinstance(block, Figure)]
    assert figure.picture.genuine is not None
    assert isinstance(figure.picture, ExhibitFigure)
    assert figure.picture.score == value.score
    np.testing.assert_array_equal(figure.picture.genuine.scores, level.scores)
    # Nobody searched for the examiner's own place.
    of_own, _ = exhibits[own.finding_id]
    assert all(score["level"] != "slice" for score in of_own["scores"])


def _one_place(evaluation: Evaluation) -> GridFeatures:
    grid = evaluation.features[2]
    r, c = np.argwhere(grid.scored)[0]
    return GridFeatures(
        grid.rows[r : r + 1],
        grid.columns[c : c + 1],
        *(a[r : r + 1, c : c + 1]
          for a in (grid.injection, grid.removal, grid.features, grid.aerated)),
    )  # fmt: skip


MATCH = NoiseCopy(19.0, 0.88, 3, 6, 335, 295, side_px=32)


def test_search_judges_itself_whether_or_not_a_profile_covers_the_series(made):
    found = replace(MATCH, surprise=4.0, copied=True, share=0.001, usual_strength=5.9)
    for scope in (COVERED, NOT_COVERED):
        assert judge_copy(made.profile, scope, found) == found


def test_strength_that_places_of_an_older_profile_reach_is_where_copies_begin(made):
    profile = older(made.profile)
    below = judge_copy(profile, COVERED, MATCH)
    assert below is not None
    assert below.usual_strength is not None
    for factor, copied in ((0.999, False), (1.001, True)):
        match = replace(MATCH, strength=below.usual_strength * factor)
        judged = judge_copy(profile, COVERED, match)
        assert judged is not None
        assert judged.copied is copied
    # Beyond the genuine places the scale goes on.
    rare = replace(profile, target_fpr=1e-4)
    beyond = judge_copy(rare, COVERED, MATCH)
    assert beyond is not None
    assert beyond.usual_strength is not None
    assert beyond.usual_strength > below.usual_strength
    match = replace(MATCH, strength=beyond.usual_strength * 0.999)
    again = judge_copy(rare, COVERED, match)
    assert again is not None
    assert again.surprise == pytest.approx(4.0, abs=0.05)
    assert not again.copied


def test_series_that_is_not_covered_is_not_judged(made):
    judged = judge_copy(older(made.profile), NOT_COVERED, MATCH)
    assert judged is not None
    assert judged.surprise is None
    assert judged.usual_strength is None
    assert not judged.copied
    assert copy_sentence(judged) == (
        "Highest correlation with the noise of another place: 0.88 over 32×32 px of 3 "
        "slices, at x 295, y 335, slice 7 (19 times the spread). How high genuine "
        "places reach is not known here."
    )


def test_profile_without_places_ranks_among_patches_and_judges_nothing(
    made, evaluation
):
    anomaly = dict(made.profile.levels["anomaly"])
    del anomaly["place"]
    without = replace(made.profile, levels={**made.profile.levels, "anomaly": anomaly})
    for profile, match, level in (
        (made.profile, MATCH, "place"),
        (made.profile, None, "patch"),
        (without, MATCH, "patch"),
    ):
        values = calibrate_place(
            profile, COVERED, _one_place(evaluation), evaluation.features, match
        )
        assert [v.level for v in values.values()] == [level, "patch", "patch"]
    judged = judge_copy(without, COVERED, MATCH)
    assert judged is not None
    assert judged.surprise is None
    assert not judged.copied


def test_sentence_of_a_copy_names_place_correlation_and_what_is_usual():
    judged = NoiseCopy(
        19.2, 0.884, 1, 6, 335, 295, 6.0, copied=True, share=0.01, usual_strength=5.43,
        side_px=14,
    )  # fmt: skip
    assert copy_sentence(judged) == (
        "The noise of this place is found again at x 295, y 335, slice 7 (correlation "
        "0.88 over 14×14 px, 19 times the spread; 1 % of genuine places reach 5.4)."
    )
    ordinary = replace(judged, correlation=0.11, surprise=0.4, copied=False)
    assert copy_sentence(ordinary) == (
        "Noise not found again elsewhere (highest correlation 0.11 over 14×14 px, as "
        "by chance)."
    )
