"""Copied noise and the level "place" in the printed report and its twin."""

from __future__ import annotations

from dataclasses import replace

from btd_desktop.report.content import (
    CopiedNoise,
    Exhibit,
    ExhibitScore,
    LevelCalibration,
    ReportContent,
)
from btd_desktop.report.wording import exhibit_sentences
from tests.unit.report.sample import (
    make_calibration,
    make_content,
    make_exhibit,
    make_result,
)
from tests.unit.report.test_layout import render, squeezed, text_of

_SENTENCE = (
    "The noise of this place is found again at x 295, y 335, slice 7 (correlation "
    "0.88, 19 times the spread; 1 % of genuine places reach 5.4)."
)


def _exhibit() -> Exhibit:
    exhibit = make_exhibit(figure=False)
    anomaly = ExhibitScore(
        "anomaly score",
        "two-sided",
        6.1,
        1 / 721,
        720,
        2.5,
        True,
        level="place",
        n_patients=24,
        fpr=0.05,
        fpr_interval=(0.012, 0.09),
    )
    return replace(
        exhibit,
        scores=(anomaly, replace(exhibit.scores[1], n_patients=24)),
        copied_noise=CopiedNoise(7, 295, 335, 0.88, 19.0, 32, 3, 6.2, is_copied=True),
        noise_sentence=_SENTENCE,
    )


def _content() -> ReportContent:
    calibration = make_calibration()
    place = LevelCalibration(
        "place", 2.5, 720, 0.05, (0.012, 0.09), 1 / 721, n_patients=24
    )
    return make_content(
        calibrations=(replace(calibration, levels=(*calibration.levels, place)),),
        results=(make_result(exhibits=(_exhibit(),)),),
    )


def test_sentences_give_units_patients_and_rate_of_the_level():
    ranking, paper, noise = exhibit_sentences(_exhibit())
    assert ranking == (
        "Anomaly score: ranked among 720 genuine places of 24 patients, each judged in "
        "the same way. At its threshold the FPR per place is 5 %, 95 % interval 1.2 % "
        "to 9 %."
    )
    assert paper == (
        "Injection score (paper): ranked among 48,230 genuine patches of 24 patients."
    )
    assert noise == _SENTENCE


def _searched() -> Exhibit:
    exhibit = _exhibit()
    of_slice = ExhibitScore(
        "anomaly score of the slice",
        "highest of the slice",
        6.1,
        0.012,
        400,
        5.8,
        True,
        level="slice",
        n_patients=24,
        fpr=0.05,
        fpr_interval=(0.012, 0.09),
    )
    return replace(exhibit, mode="search", scores=(*exhibit.scores, of_slice))


_TO_QUOTE = (
    "The program's search chose this place for its anomaly score, so that the p-value "
    "of the place is smaller than chance alone would make it. The p-value to quote is "
    "that of its slice: 0.012."
)


def test_place_of_the_search_is_told_to_be_quoted_by_its_slice():
    told = exhibit_sentences(_searched())
    assert told[-2:] == (_TO_QUOTE, _SENTENCE)
    assert told[2] == (
        "Anomaly score of the slice: ranked among 400 genuine slices of 24 patients. "
        "At its threshold the FPR per slice is 5 %, 95 % interval 1.2 % to 9 %."
    )
    content = replace(_content(), results=(make_result(exhibits=(_searched(),)),))
    text = squeezed(text_of(render(content)))
    for words in (_TO_QUOTE, "anomaly score of the slice", "400 slices"):
        assert squeezed(words) in text, words


def test_place_of_the_examiner_or_without_p_value_is_not():
    searched = _searched()
    for exhibit in (
        replace(searched, mode="anomaly"),
        replace(searched, scores=searched.scores[:-1]),
        replace(
            searched, scores=tuple(replace(s, p_value=None) for s in searched.scores)
        ),
    ):
        assert "to quote" not in " ".join(exhibit_sentences(exhibit))


def test_report_without_search_says_nothing_of_copies():
    assert exhibit_sentences(make_exhibit(figure=False)) == ()
    text = squeezed(text_of(render(make_content())))
    for words in ("Image noise never repeats", "level “place” of section 10"):
        assert squeezed(words) not in text


def test_printed_report_holds_copy_level_and_their_meaning():
    text = squeezed(text_of(render(_content())))
    for words in (
        _SENTENCE,
        "720 places",
        "720 (24 patients)",
        "Image noise never repeats",
        "level “place” of section 10",
        "Levels: “patch” ranks any patch of the grid",
        "copied noise",
    ):
        assert squeezed(words) in text, words


def test_twin_holds_place_and_strength_of_the_copy():
    twin = _content().to_json()
    exhibit = twin["results"][0]["exhibits"][0]
    assert exhibit["copied_noise"] == {
        "slice_number": 7,
        "column": 295,
        "row": 335,
        "correlation": 0.88,
        "strength": 19.0,
        "side_px": 32,
        "n_slices": 3,
        "surprise": 6.2,
        "is_copied": True,
    }
    assert exhibit["scores"][0]["level"] == "place"
    assert twin["calibrations"][0]["levels"][-1]["level"] == "place"
