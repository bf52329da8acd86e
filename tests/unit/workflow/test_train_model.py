"""Training from scans to a model with its card, also from the weights of another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from btd_desktop.digest import array_digest
from btd_desktop.errors import ModelError, SettingsError
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.card import WEIGHTS_FILE, read_card
from btd_desktop.simulator.chest import chest_phantom
from btd_desktop.simulator.ct import simulate_ct
from btd_desktop.simulator.export import export_series
from btd_desktop.simulator.scanners import CT_SCANNERS
from btd_desktop.volume import Volume
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.train_model import TrainingOptions, train_on_paths


def _scan(folder: Path, seed: int) -> Volume:
    rng = np.random.default_rng(seed)
    volume = simulate_ct(
        chest_phantom(rng), CT_SCANNERS[0], n_slices=2, rows=96, seed=seed
    )
    name = f"SIM-{seed}"
    export_series(
        volume, folder, patient_id=name, series_description=name, uid_seed=name
    )
    return volume


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> tuple[Path, list[Volume]]:
    root = tmp_path_factory.mktemp("scans")
    return root, [_scan(root / str(seed), seed) for seed in (1, 2)]


def _train(scan: Path, out: Path, **changes):
    options = {"dim": 4, "steps": 2, "batch": 1, "crop": 16, "validation_share": 0.0}
    return train_on_paths(
        [scan],
        TrainingOptions("ct96wide", **{**options, **changes}),
        out=out,
        device="cpu",
        services=Services(),
        context=TaskContext(),
    )


def test_card_says_what_was_learnt_and_at_which_levels(scans, tmp_path):
    root, volumes = scans
    card = _train(root / "1", tmp_path / "low")
    assert card == read_card(tmp_path / "low")
    assert card.training["voxel_digests"] == [array_digest(volumes[0].voxels)]
    assert card.training["recipe"]["initial"] == ""
    assert min(card.levels) == 0.003
    # A network that was not taught that low must not be asked there.
    higher = _train(root / "1", tmp_path / "higher", noise_low=0.01)
    assert min(higher.levels) == 0.01


def test_training_from_a_model_names_it_and_knows_the_scans_it_knew(scans, tmp_path):
    root, volumes = scans
    first = _train(root / "1", tmp_path / "first")
    second = _train(root / "2", tmp_path / "second", start_from=tmp_path / "first")
    assert second.training["recipe"]["initial"] == first.weights_sha256
    known = {array_digest(v.voxels) for v in volumes}
    assert set(second.training["voxel_digests"]) == known
    assert second == read_card(tmp_path / "second")
    assert second.weights_sha256 != first.weights_sha256
    assert (tmp_path / "second" / WEIGHTS_FILE).exists()


def test_training_from_a_network_of_another_width_is_refused(scans, tmp_path):
    root, _ = scans
    _train(root / "1", tmp_path / "first")
    with pytest.raises(ModelError, match="do not fit"):
        _train(root / "2", tmp_path / "wide", dim=8, start_from=tmp_path / "first")


def test_simulated_patients_are_learnt_from_and_counted_apart(scans, tmp_path):
    root, _ = scans
    plain = _train(root / "1", tmp_path / "plain")
    widened = _train(root / "1", tmp_path / "widened", simulated=1)
    assert widened.weights_sha256 != plain.weights_sha256
    assert widened.training["patients_simulated"] == 1
    assert widened.training["recipe"]["simulated"] == 1
    for told in ("patients_learnt", "slices_learnt", "voxel_digests", "scanners"):
        assert widened.training[told] == plain.training[told], told
    with pytest.raises(SettingsError, match="simulated patients"):
        _train(root / "1", tmp_path / "fewer", simulated=-1)
