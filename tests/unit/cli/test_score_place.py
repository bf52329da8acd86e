"""`btd score --at`: level and copied noise, in words and as JSON."""

from __future__ import annotations

import pytest

from btd_desktop.cases.store import CaseStore
from tests.factories import make_series_folder
from tests.unit.workflow.copied_case import COPY, ORIGINAL, copied_volume, even_volume


@pytest.fixture
def case(btd, tiny_model, tmp_path):
    """A scored case with a copy, and a profile of five patients with places."""
    benign = tmp_path / "even"
    for n in range(1, 6):
        make_series_folder(benign / f"p{n}", volume=even_volume(n, f"TEST-{n}"))
    assert btd("calibrate", benign, "--name", "Ours", "--fpr", "0.1").status == 0
    suspect = make_series_folder(tmp_path / "copied", volume=copied_volume())
    folder = tmp_path / "case"
    btd("import", suspect, "--out", folder)
    assert btd("score", folder).status == 0
    return folder


def test_copy_is_told_with_its_level(btd, case):
    z, y, x = COPY
    at = f"{x},{y},{z + 1}"
    said = btd("score", case, "--at", at, "--keep")
    assert said.status == 0
    assert "The noise of this place is found again at x 37, y 64, slice 3 " in said.out
    (row,) = [r for r in said.out.splitlines() if r.lstrip().startswith("anomaly *")]
    assert "place" in row.split()
    (other,) = [r for r in said.out.splitlines() if r.lstrip().startswith("removal")]
    assert "patch" in other.split()

    told = btd("score", case, "--at", at, "--json").json
    with CaseStore.open(case, read_only=True) as store:
        assert told["world_mm"] == list(store.load_volume(1).world_mm(COPY))
    assert "mm (x, y, z, LPS)" in said.out
    copy = told["copy"]
    assert (copy["slice_index"], copy["row"], copy["column"]) == ORIGINAL
    assert copy["copied"] is True
    assert copy["strength"] > copy["usual_strength"]
    assert told["level"] == "place"
    assert told["scores"]["removal"]["level"] == "patch"
    assert told["n"] == told["scores"]["anomaly"]["n"]

    # Scoring again lists the findings of the case; the copy is among them.
    again = btd("score", case).out
    assert "The noise of this place is found again at x 37, y 64, slice 3 " in again
    genuine = btd("score", case, "--at", "64,64,1")
    assert "Noise not found again elsewhere (highest correlation" in genuine.out


def test_every_place_dismissed_leaves_the_method_s_answer_as_it_was(btd, case):
    z, y, x = COPY
    assert btd("score", case, "--at", f"{x},{y},{z + 1}", "--keep").status == 0
    before = btd("report", case, "--json").json
    with CaseStore.open(case, read_only=True) as store:
        numbers = [finding.finding_id for finding in store.findings()]
    assert numbers
    for number in numbers:
        words = ("mark", case, str(number), "dismissed", "--reason", f"reason {number}")
        assert btd(*words).status == 0
    after = btd("report", case, "--json").json
    assert after["conclusion"] == before["conclusion"]
    for old, new in zip(before["series"], after["series"], strict=True):
        assert {**new, "findings": []} == {**old, "findings": []}
    said = btd("verify", after["report"]["path"])
    assert said.status == 0
    assert f"The examiner dismissed {len(numbers)} of them" in said.out
    assert all(f"reason: reason {number}" in said.out for number in numbers)
    told = btd("verify", after["report"]["path"], "--json").json
    assert len(told["marks"]) == 1 + len(numbers)
    assert told["standing"] == "draft"
    assert "none of them" in btd("verify", before["report"]["path"]).out
