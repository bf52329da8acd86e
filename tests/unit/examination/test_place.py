"""What is shown of places: whose level the profile knows; where to look first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.errors import CaseError
from btd_desktop.examination.place import highest_places
from btd_desktop.examination.reading import with_findings
from btd_desktop.examination.series import Evaluation, SeriesExamination
from btd_desktop.scoring.grid import PatchGrid
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
    return SimpleNamespace(
        findings=lambda _series_id: (finding,), audit_log=lambda *_: ()
    )


def test_place_ranked_where_its_profile_ranks_nothing_is_refused():
    with pytest.raises(CaseError, match=r"finding 3 .* no level 'place'"):
        with_findings(store(), examination("patch", "slice", "series"))


def test_place_is_shown_where_its_profile_knows_the_level():
    assert with_findings(store(), examination("place", "patch")).findings


def test_place_of_another_profile_stands_apart_whatever_its_level():
    found = with_findings(store(profile_digest="cd"), examination("patch"))
    assert found.findings == ()
    assert [f.finding_id for f in found.others] == [3]
    assert "listed apart" in found.remarks[0]


def evaluation_of(maps: list[NDArray[np.float64]], model: str = "m") -> Evaluation:
    profile = SimpleNamespace(model={"digest": "m"}, grid=PatchGrid(96))
    found = SimpleNamespace(
        record=SimpleNamespace(
            meta=SimpleNamespace(slice_step_mm=5.0, pixel_spacing_mm=0.5)
        ),
        run=SimpleNamespace(manifest=SimpleNamespace(model={"digest": model})),
        profile=profile,
        kinds={"anomaly": SimpleNamespace(patch_scores=tuple(maps))},
    )
    return cast(Evaluation, found)


def test_where_to_look_first_is_told_of_any_series_in_order():
    maps = [np.zeros((12, 12)) for _ in range(3)]
    maps[1][3, 4], maps[1][3, 5], maps[2][9, 9] = 0.9, 0.8, 0.5
    first, second, *rest = highest_places(evaluation_of(maps))
    assert (first.score, first.slice_index, first.row, first.column) == (0.9, 1, 48, 64)
    # 8 mm beside the first: one place with it.
    assert (second.score, second.slice_index, second.row) == (0.5, 2, 144)
    assert all(peak.score == 0.0 for peak in rest)
    assert len(rest) <= 10


def test_the_density_of_another_model_gives_no_order():
    assert highest_places(evaluation_of([np.ones((12, 12))], model="other")) == ()
