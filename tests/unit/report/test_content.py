from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from btd_desktop.digest import canonical_json
from btd_desktop.errors import ReportError
from btd_desktop.report.content import (
    CONCLUSIONS,
    FATES,
    Opinion,
    ReportIdentity,
    ScopeVerdict,
)
from tests.unit.report.sample import (
    WHEN,
    make_content,
    make_exhibit,
    make_exhibit_figure,
    make_items,
    make_result,
)


def test_twin_holds_every_value_of_the_content():
    content = make_content()
    twin = content.to_json()
    assert twin["format"] == "btd-report"
    assert twin["mandate"]["question"] == content.mandate.question
    assert twin["identity"]["created"] == "2026-11-24T09:30:15.000000+00:00"
    files = [(f["name"], f["sha256"], f["fate"]) for f in twin["items"]["files"]]
    assert files == [(f.name, f.sha256, f.fate) for f in content.items.files]
    score = twin["results"][0]["exhibits"][0]["scores"][0]
    assert score["p_value"] == 4.1e-5
    assert score["n"] == 48_230
    flagged = [s["slice_number"] for s in twin["results"][0]["flagged_slices"]]
    assert flagged == [s.slice_number for s in content.results[0].flagged_slices]


def test_twin_leaves_figures_out_and_is_canonical():
    content = make_content()
    twin = content.to_json()
    assert "figure" not in twin["results"][0]
    assert "figure" not in twin["results"][0]["exhibits"][0]
    assert content.twin() == canonical_json(twin)
    other = make_result(exhibits=(make_exhibit(figure=False),), figure=None)
    assert replace(content, results=(other,)).twin() == content.twin()


def test_twin_of_undecodable_file_name_is_valid_utf8():
    item = replace(make_items().files[0], name="CT/\udcff.dcm")
    content = make_content(items=make_items((item,)))
    assert content.to_json()["items"]["files"][0]["name"] == "CT/\\udcff.dcm"
    content.twin().decode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("nan")])
def test_twin_with_a_number_that_is_none_raises_with_its_place(value):
    exhibit = make_exhibit()
    scores = (replace(exhibit.scores[0], value=value),)
    result = make_result(exhibits=(replace(exhibit, scores=scores),))
    with pytest.raises(ReportError, match=r"results\[0\]\.exhibits\[0\]\.scores\[0\]"):
        make_content(results=(result,)).to_json()


def test_counts_by_fate_name_every_fate():
    counts = make_items().counts_by_fate
    assert tuple(counts) == FATES
    assert counts["accepted"] == 12
    assert counts["refused"] == 0
    assert sum(counts.values()) == 15


@pytest.mark.parametrize(
    "claim",
    [
        "The scan is fake.",
        "The scan is authentic.",
        "It is 99.7 % certain that slice 4 was altered.",
        "The authenticity was confirmed.",
    ],
)
def test_opinion_that_claims_too_much_raises(claim):
    with pytest.raises(ReportError, match="cannot show"):
        Opinion("supports", sentences=(claim,))


def test_opinion_off_the_scale_raises_and_names_the_scale():
    with pytest.raises(ReportError) as caught:
        Opinion("proven")  # type: ignore[arg-type]
    assert all(word in caught.value.hint for word in CONCLUSIONS)


def test_identity_without_time_zone_raises():
    with pytest.raises(ReportError, match="time zone"):
        ReportIdentity("R1", datetime(2026, 1, 1), "0.1.0")  # noqa: DTZ001


def test_share_flagged_without_scored_slices_is_none():
    assert make_result(n_slices_scored=0).share_flagged is None
    assert make_result(n_slices_scored=96).share_flagged == pytest.approx(
        len(make_result().flagged_slices) / 96
    )


def test_exhibits_compare_by_what_they_say():
    first = make_exhibit()
    assert first == replace(first, figure=make_exhibit_figure(seed=2))
    assert WHEN.utcoffset() is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": ScopeVerdict("not covered", ("Another scanner.",))},
        {"calibration_digest": None},
    ],
)
def test_p_value_that_no_calibration_covers_is_refused(changes):
    with pytest.raises(ReportError, match="p-value"):
        make_content(results=(make_result(**changes),))


@pytest.mark.parametrize(
    "changes",
    [{"series_number": 9}, {"method_id": "M9"}, {"calibration_digest": "0" * 64}],
)
def test_result_that_refers_to_nothing_in_the_report_is_refused(changes):
    with pytest.raises(ReportError, match="not in the report"):
        make_content(results=(replace(make_result(), **changes),))
