"""Findings whose level their profile has not are refused before anybody draws them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from btd_desktop.errors import CaseError
from btd_desktop.examination.reading import with_findings
from btd_desktop.examination.series import SeriesExamination
from tests.factories import make_numbers


def examination(*levels: str) -> SeriesExamination:
    evaluation = SimpleNamespace(
        run=SimpleNamespace(run_id=1),
        profile=SimpleNamespace(digest="ab", levels={"anomaly": dict.fromkeys(levels)}),
    )
    record: Any = SimpleNamespace(series_id=1)
    return SeriesExamination(record, evaluation=cast(Any, evaluation))


def store(**changes: Any) -> Any:
    values = {"finding_id": 3, "run_id": 1, "profile_digest": "ab", **changes}
    finding = SimpleNamespace(**values, numbers=make_numbers())
    return SimpleNamespace(findings=lambda _series_id: (finding,))


def test_place_ranked_where_its_profile_ranks_nothing_is_refused():
    with pytest.raises(CaseError, match=r"finding 3 .* no level 'place'"):
        with_findings(store(), examination("patch", "slice", "series"))


def test_place_is_shown_where_its_profile_knows_the_level():
    assert with_findings(store(), examination("place", "patch")).findings


def test_place_of_another_profile_is_left_out_whatever_its_level():
    found = with_findings(store(profile_digest="cd"), examination("patch"))
    assert found.findings == ()
    assert "not shown" in found.remarks[0]
