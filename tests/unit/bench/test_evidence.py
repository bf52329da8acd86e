"""The bench of the evidence map: places found, series judged, rows, files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from btd_desktop.bench.attacks.registry import ATTACKS, Attack
from btd_desktop.bench.evidence import (
    GenuineSeries,
    TamperedSeries,
    measure_each,
    measure_series,
    rank_of,
)
from btd_desktop.bench.evidence_file import KeptEvidence, kept_evidence
from btd_desktop.bench.evidence_rows import (
    genuine_figures,
    rows_of_evidence,
    series_p,
)
from btd_desktop.bench.observe import maps_after
from btd_desktop.digest import array_digest
from btd_desktop.errors import EvidenceError, SettingsError
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.scan_statistic import EvidencePlace
from btd_desktop.strict_json import printed_json
from btd_desktop.workflow.calibrate import patient_key
from tests.unit.scoring.fakes import HighPassDetector, chest_volume

QUIET = "redrawn without noise"
SIDE = 256


def quiet_is_odd(maps, image):
    """A map that calls quiet noise altered, as a redrawn place has it."""
    power = ndimage.uniform_filter(np.square(maps[0]), 9)
    around = ndimage.uniform_filter(np.square(maps[0]), 81)
    return -np.log((power + 1e-6) / (around + 1e-6)).astype(np.float32)


def measured_of(volume, attacks: list[Attack], **options):
    values = {"n_places": 2, "seed": (3, 0), "context": TaskContext()}
    return measure_series(
        volume,
        "someone",
        HighPassDetector(),
        quiet_is_odd,
        attacks=attacks,
        **{**values, **options},
    )


@pytest.fixture(scope="module")
def chest():
    volume = chest_volume(9, 1, side=SIDE)
    z, y, x = np.ogrid[:9, :SIDE, :SIDE]
    # Something solid in the lung.
    volume.voxels[(3.0 * (z - 3)) ** 2 + (y - 120) ** 2 + (x - 80) ** 2 < 50] = 30
    return volume


@pytest.fixture(scope="module")
def measured(chest):
    return measured_of(chest, [ATTACKS[QUIET]])


def genuine_of(patient: str, statistic: float | None, **changes) -> GenuineSeries:
    own = GenuineSeries(
        f"{patient}{statistic}", patient, "Maker One", "SOFT", 16, (), statistic,
        (0.0, 1.0), (-1.0, -0.5),
    )  # fmt: skip
    return replace(own, **changes)


def tampered_of(patient: str, statistic: float | None, **changes) -> TamperedSeries:
    own = TamperedSeries(
        "d", patient, QUIET, "redraw", (4, 100, 90), 7, 1, None, 1, statistic, 2.0, -0.5
    )
    return replace(own, **changes)


def test_a_redrawn_place_is_first_of_its_series_and_of_its_slice(measured):
    genuine, tampered = measured
    assert [t.attack for t in tampered] == [QUIET] * 2
    for own in tampered:
        assert (own.rank, own.slice_rank) == (1, 1)
        assert own.rank_before != 1
        assert own.statistic > genuine.statistic + 0.5
        assert own.at_place > own.at_partner + 0.5
        assert own.series == genuine.series
        assert own.patient == genuine.patient == patient_key("someone")


def test_genuine_series_has_places_structures_and_lung(measured):
    genuine, tampered = measured
    assert genuine.n_slices == 9
    scores = [place.score for place in genuine.places]
    assert scores == sorted(scores, reverse=True)
    assert len(genuine.structures) >= 1
    assert len(genuine.lung) == 16
    assert max(genuine.lung) < min(own.at_place for own in tampered)


def test_measuring_twice_or_genuine_only_gives_the_same_series(chest, measured):
    assert measured_of(chest, [ATTACKS[QUIET]]) == measured
    assert measured_of(chest, []) == (measured[0], [])


def test_maps_near_a_place_are_those_of_the_whole_slice():
    detector, rng = HighPassDetector(), np.random.default_rng(0)
    before = rng.random((320, 340)).astype(np.float32)
    after = before.copy()
    after[150:180, 120:150] *= 0.5
    joined = maps_after(detector.predict_noise(before), after, (165, 135), detector)
    assert np.allclose(joined, detector.predict_noise(after), atol=1e-4)
    assert detector.calls[1].shape == (256, 256)


def test_slices_whose_maps_were_not_kept_are_mapped_whole(chest, measured, monkeypatch):
    monkeypatch.setattr("btd_desktop.bench.evidence._KEPT_MM", 0.0)
    _, tampered = measured_of(chest, [ATTACKS[QUIET]])
    for own, other in zip(tampered, measured[1], strict=True):
        assert own.rank == other.rank
        assert own.statistic == pytest.approx(other.statistic, abs=1e-3)


def test_rank_is_of_the_first_place_within_24_mm(chest):
    # Slices are 2 mm apart, pixels 0.7 mm wide.
    places = [
        EvidencePlace(3.0, 0, 100, 135),
        EvidencePlace(2.0, 0, 100, 134),
        EvidencePlace(1.0, 0, 100, 100),
    ]
    assert rank_of(places, (0, 100, 100), chest) == 2
    assert rank_of(places[:1], (0, 100, 100), chest) is None
    assert rank_of(places[1:2], (5, 100, 100), chest) is None


def test_what_was_measured_is_passed_over_and_numbers_stay(chest, monkeypatch):
    other = chest_volume(9, 2, side=64)
    asked: list[Any] = []

    def measure_one(volume, patient, *_, attacks, seed, **__):
        asked.append((patient, [attack.name for attack in attacks], seed))

    monkeypatch.setattr("btd_desktop.bench.evidence.measure_series", measure_one)

    def measure(names: list[str], **options: Any) -> list[Any]:
        asked.clear()
        found = measure_each(
            iter([(chest, "a"), (other, "b")]),
            HighPassDetector(),
            quiet_is_odd,
            attacks=[ATTACKS[name] for name in names],
            n_places=1,
            seed=3,
            context=TaskContext(),
            **options,
        )
        list(found)
        return list(asked)

    digest = array_digest(chest.voxels)
    both = ["synthetic nodule", QUIET]
    assert measure(both) == [("a", both, (3, 0)), ("b", both, (3, 1))]
    assert measure([], known={digest}) == [("b", [], (3, 1))]
    assert measure(both, known={digest}, made={(digest, QUIET)}) == [
        ("a", both[:1], (3, 0)),
        ("b", both, (3, 1)),
    ]


def test_series_p_counts_patients_and_leaves_its_own_out():
    genuine = [
        genuine_of("a", 1.0),
        genuine_of("a", 3.0),
        genuine_of("b", 2.0),
        genuine_of("c", 0.5),
        genuine_of("d", None),
    ]
    assert series_p(2.0, "x", genuine) == pytest.approx((1 + 0.5 + 1) / 4)
    assert series_p(2.0, "b", genuine) == pytest.approx((1 + 0.5) / 3)
    assert series_p(9.0, "x", genuine) == 0.25
    assert series_p(None, "x", genuine) == 1.0
    assert series_p(1.0, "a", genuine[:2]) is None


def test_row_counts_patients_alike():
    genuine = [genuine_of("a", 0.5), genuine_of("b", 1.0), genuine_of("c", 2.0)]
    tampered = [
        tampered_of("a", 3.0),
        tampered_of("a", 3.0, rank=5, rank_before=12, slice_rank=None),
        tampered_of("b", 2.0, rank=None),
        tampered_of("b", None, rank=12, at_place=None, at_partner=None),
    ]
    [row] = rows_of_evidence(genuine, tampered)
    assert (row.n, row.n_patients) == (4, 2)
    found = (row.first_1, row.first_5, row.first_12, row.before_5, row.before_12)
    assert [rate.value for rate in found] == [0.25, 0.5, 0.75, 0.0, 0.25]
    assert row.slice_1.value == 0.75
    # A statistic that equals the highest genuine one is not beyond it.
    assert row.beyond.value == 0.5
    assert row.beyond_right.value == 0.25
    assert row.p_median == pytest.approx(np.median([1 / 3, 1 / 3, 2 / 3, 1.0]))
    assert row.p_small.value == 0.0
    assert row.partners.value == row.structures.value == 1.0


def test_rows_follow_the_registry_and_many_patients_give_a_small_p():
    genuine = [genuine_of(f"p{k}", 1.0) for k in range(19)]
    tampered = [
        tampered_of("x", 2.0),
        tampered_of("x", 2.0, attack="synthetic nodule", kind="injection"),
    ]
    rows = rows_of_evidence(genuine, tampered)
    assert [row.attack for row in rows] == ["synthetic nodule", QUIET]
    assert rows[0].p_small.value == 1.0
    assert np.isnan(rows[0].partners.low)  # one patient
    assert rows_of_evidence(genuine, []) == []


def test_genuine_figures_hold_structures_against_lung():
    lung = tuple(float(v) for v in range(101))
    genuine = [
        genuine_of("a", 1.0, structures=(99.5, 0.0), lung=lung),
        genuine_of("a", 4.0, structures=(), lung=(), n_slices=9),
        genuine_of("b", None, structures=(100.0,), lung=()),
    ]
    found = genuine_figures(genuine)
    assert (found.n_series, found.n_patients, found.n_slices) == (3, 2, (9, 16))
    assert (found.n_judged, found.n_patients_judged) == (2, 1)
    assert (found.median, found.highest) == (2.5, 4.0)
    assert found.lung_loud == pytest.approx(99.0)
    assert found.structures_beyond is not None
    assert found.structures_beyond.value == 0.75
    nothing = genuine_figures([genuine_of("a", None, structures=(), lung=())])
    assert (nothing.highest, nothing.lung_loud, nothing.structures_beyond) == (
        None,
    ) * 3


def test_kept_series_are_read_again_as_they_were_written(measured, tmp_path):
    genuine, tampered = measured
    rows = tuple(rows_of_evidence([genuine], tampered))
    figures = genuine_figures([genuine])
    facts = {"evidence_map": "ab"}
    kept = KeptEvidence(facts, (genuine,), tuple(tampered), figures, rows)
    file = tmp_path / "e.json"
    file.write_text(printed_json(kept), "utf-8")
    assert kept_evidence(file, "ab") == replace(kept, figures=None, rows=())
    with pytest.raises(SettingsError, match="another evidence map"):
        kept_evidence(file, "cd")
    value = json.loads(file.read_text("utf-8"))
    value["genuine"][0]["n_slices"] = "nine"
    file.write_text(json.dumps(value), "utf-8")
    with pytest.raises(EvidenceError, match="cannot be read"):
        kept_evidence(file, "ab")
    with pytest.raises(EvidenceError):
        kept_evidence(tmp_path / "none.json", "ab")
