"""A place is withdrawn with a reason, listed so, and put back; tests cannot be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from btd_desktop.cases.model import FindingOrigin
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import SettingsError
from btd_desktop.examination.declared import Mandate, NamedPlace
from btd_desktop.examination.withdrawn import withdrawn_in
from btd_desktop.workflow.declare import declare
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.withdraw import restore_finding, withdraw_finding
from tests.factories import make_ct_volume, make_numbers

NOW = datetime(2026, 12, 1, tzinfo=UTC)
SERVICES = Services(now=lambda: NOW)


@pytest.fixture
def store(tmp_path):
    with CaseStore.create(tmp_path / "case", now=NOW, examiner="E. Xaminer") as made:
        series = made.add_series(make_ct_volume(0, shape=(4, 64, 64)), now=NOW)
        places: tuple[tuple[float, FindingOrigin], ...] = (
            (10.0, "examiner"),
            (20.0, "search"),
            (30.0, "examiner"),
        )
        for x, origin in places:
            made.add_finding(
                series_id=series,
                slice_index=1,
                x=x,
                y=12.0,
                mode="anomaly",
                numbers=make_numbers(),
                now=NOW,
                origin=origin,
            )
        yield made


def test_place_is_withdrawn_and_restored_by_entries_of_the_log(store):
    withdraw_finding(store, 1, " clicked by mistake ", SERVICES)
    withdraw_finding(store, 1, "again", SERVICES)
    (gone,) = withdrawn_in(store).values()
    assert (gone.finding_id, gone.reason) == (1, "clicked by mistake")
    assert gone.actor == "E. Xaminer"
    assert len(store.findings()) == 3
    restore_finding(store, 1, SERVICES)
    assert withdrawn_in(store) == {}
    withdraw_finding(store, 1, "after all", SERVICES)
    assert withdrawn_in(store)[1].reason == "after all"
    assert store.verify().is_intact


@pytest.mark.parametrize(
    ("number", "reason", "why"),
    [(2, "no", "found by the search"), (1, "  ", "without a reason")],
)
def test_what_cannot_be_withdrawn_says_why(store, number, reason, why):
    with pytest.raises(SettingsError, match=why):
        withdraw_finding(store, number, reason, SERVICES)
    assert withdrawn_in(store) == {}


def test_declared_place_cannot_be_withdrawn(store):
    declare(store, Mandate(places=(NamedPlace(1, 12, 30),)), SERVICES)
    with pytest.raises(SettingsError, match="declared to be tested"):
        withdraw_finding(store, 3, "does not suit", SERVICES)
