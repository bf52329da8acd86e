"""What is to be tested: how it is typed, kept, and told apart from later changes."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from btd_desktop.cases import audit
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CaseError, SettingsError
from btd_desktop.examination.declared import (
    Mandate,
    NamedPlace,
    declared_in,
    declared_lines,
    details_of,
    placed,
    places_from,
)
from btd_desktop.workflow.declare import declare as declare_tests
from btd_desktop.workflow.services import Services
from tests.factories import make_manifest
from tests.unit.cases.samples import make_volume

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


def test_places_are_typed_with_x_first_and_slices_from_one():
    assert places_from("12,34,5 2:1,2,3; 7,8,9") == (
        NamedPlace(4, 34, 12),
        NamedPlace(2, 2, 1, 2),
        NamedPlace(8, 8, 7),
    )
    assert places_from("  ") == ()
    assert [p.text for p in places_from("2:1,2,3 12,34,5")] == ["2:1,2,3", "12,34,5"]


@pytest.mark.parametrize(
    "text",
    ["1,2", "1,2,3,4", "a,2,3", "-1,2,3", "1,2,0", "0:1,2,3", ":1,2,3", "1:2:3,4,5",
     "1,2,３", "1.5,2,3", "1,2,3 1,2,3"],
)  # fmt: skip
def test_what_is_no_place_is_refused_by_a_sentence(text):
    with pytest.raises(SettingsError, match="place"):
        places_from(text)


def record(number: int) -> Any:
    return SimpleNamespace(series_id=number, n_slices=10, rows=64, cols=32)


def test_place_gets_the_only_series_and_must_name_one_of_several():
    mandate = Mandate("lung", places_from("31,63,10"))
    found = placed(mandate, [record(7)])
    assert found == Mandate("lung", (NamedPlace(9, 63, 31, 7),))
    with pytest.raises(SettingsError, match="any of 2 series") as refused:
        placed(mandate, [record(1), record(2)])
    assert "holds 1, 2" in refused.value.hint


@pytest.mark.parametrize("text", ["32,1,1", "1,64,1", "1,1,11", "9:1,1,1"])
def test_place_outside_the_case_is_refused(text):
    with pytest.raises(SettingsError, match=r"outside series|no series 9"):
        placed(Mandate(places=places_from(text)), [record(1)])


def case_in(folder) -> CaseStore:
    store = CaseStore.create(folder / "case", now=NOW, examiner="E. Xaminer")
    store.add_series(make_volume(), now=NOW, patient_key="P1")
    return store


def declare(store, mandate: Mandate) -> None:
    store.append_audit(audit.DECLARED, details_of(mandate), "E. Xaminer", NOW)


def test_what_stands_when_scoring_begins_decides_and_the_rest_is_a_change(tmp_path):
    with case_in(tmp_path) as store:
        undeclared = declared_in(store)
        assert (undeclared.first.mandate, undeclared.changes) == (Mandate(), ())
        assert "Nothing was declared" in declared_lines(undeclared)[0]
        declare(store, Mandate("solid tissue"))
        declare(store, Mandate("lung", places_from("1:1,2,3")))
        store.start_run(1, make_manifest(), NOW)
        declare(store, Mandate("lung"))
        declare(store, Mandate())
        found = declared_in(store)
    assert found.first.mandate == Mandate("lung", (NamedPlace(2, 2, 1, 1),))
    assert [c.mandate.domain for c in found.changes] == ["lung", "whole body"]
    assert found.now.mandate == Mandate()
    told = declared_lines(found)
    assert told[0].startswith("Declared on 2026-03-14 by E. Xaminer, before scoring")
    assert "1 named place (series:x,y,slice): 1:1,2,3" in told[0]
    assert all("after scoring had begun" in line for line in told[1:])


@pytest.mark.parametrize(
    "mandate",
    [None, {}, {"domain": "liver", "places": []}, {"domain": "lung"},
     {"domain": "lung", "places": [], "more": 1},
     {"domain": "lung", "places": [{"slice_index": -1, "y": 0, "x": 0, "series": 1}]}],
)  # fmt: skip
def test_entry_that_is_no_declaration_is_refused(tmp_path, mandate):
    with case_in(tmp_path) as store:
        store.append_audit(audit.DECLARED, {"mandate": mandate}, "E. Xaminer", NOW)
        with pytest.raises(CaseError, match="no declaration"):
            declared_in(store)


def test_the_usual_test_is_declared_too_and_only_once(tmp_path):
    with case_in(tmp_path) as store:
        services = Services(now=lambda: NOW)
        assert declare_tests(store, Mandate(), services).first.utc
        n = store.head()[0]
        assert declare_tests(store, Mandate(), services).changes == ()
        assert store.head()[0] == n
