"""Seeded damage to everything that is opened: no crash, no hang, nothing let through.

`--hostile-times 10` runs ten times as many. The figures stand at the end of the run;
`python -m tests.hostile.campaign` prints them without pytest.
"""

from __future__ import annotations

import random

import pytest

from tests.hostile.campaign import CAMPAIGNS, SEED, Campaign
from tests.hostile.campaign_evidence import LIMITS, import_violations
from tests.hostile.figures import Figures
from tests.hostile.mutations_archive import mutated_archives
from tests.hostile.mutations_dicom import dicom_originals, elements, mutated_dicoms
from tests.hostile.mutations_volume import mutated_volumes
from tests.unit.dicom import samples


@pytest.mark.slow
@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda campaign: campaign.name)
def test_damaged_inputs_end_well(
    campaign: Campaign, campaign_figures: list[Figures], pytestconfig: pytest.Config
) -> None:
    times = int(pytestconfig.getoption("--hostile-times"))
    figures = campaign.run(campaign.n * times, SEED)
    campaign_figures.append(figures)
    assert figures.violations == []
    assert figures.tried == campaign.n * times
    assert sum(figures.reasons.values()) == figures.tried - figures.survived
    # Each decoder is left by an error, not by the end of its process.
    assert figures.crashes == 0
    assert figures.slowest[1] < LIMITS.file_timeout_s


def test_damage_is_the_same_for_the_same_seed_and_no_other() -> None:
    for make in (mutated_dicoms, mutated_archives, mutated_volumes):
        first = dict(make(40, 1))
        assert first == dict(make(40, 1))
        assert list(first.values()) != [data for _, data in make(40, 2)]


def test_originals_are_readable_before_they_are_damaged(tmp_path) -> None:
    """Damage to what cannot be read anyway would show nothing."""
    originals = dict(dicom_originals())
    for name, data in originals.items():
        samples.save(tmp_path / "dicom", f"{name}.dcm", data)
    result = samples.load(tmp_path / "dicom")
    refused = {r.name for r in result.files if r.fate.value in ("damaged", "refused")}
    assert refused == set()
    assert import_violations(result) == []
    accepted = {r.name for r in result.files if r.fate.value == "accepted"}
    duplicates = {r.name for r in result.files if r.fate.value == "duplicate"}
    assert len(accepted) + len(duplicates) >= len(originals) - 3


@pytest.mark.parametrize("name", ["explicit", "1.2.2", "MR_small_implicit", "enhanced"])
def test_elements_are_found_where_pydicom_finds_them(name: str) -> None:
    data = dict(dicom_originals())[name]
    starts = {data[e.start : e.start + 4] for e in elements(data)}
    order = ">" if name == "1.2.2" else "<"
    pixels = b"\x7f\xe0\x00\x10" if order == ">" else b"\xe0\x7f\x10\x00"
    rows = b"\x00\x28\x00\x10" if order == ">" else b"\x28\x00\x10\x00"
    assert {pixels, rows} <= starts


def test_every_kind_of_damage_is_applied() -> None:
    from tests.hostile.mutations_dicom import DICOM_MUTATORS

    names = {word for name, _ in mutated_dicoms(600, 3) for word in name.split("+")}
    seen = " ".join(sorted(names))
    for kind, mutator in DICOM_MUTATORS:
        assert kind in seen
        data = dict(dicom_originals())["explicit"]
        changed = [mutator(random.Random(i), data) for i in range(5)]
        assert any(item != data for item in changed)
