"""The shipped model gives the same numbers whatever the number of threads."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from btd_desktop.examination.models import find_model, open_detector
from btd_desktop.preprocess.presets import fit_scale, preset_named
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.engine import grid_of, score_volume
from btd_desktop.simulator.chest import chest_phantom
from btd_desktop.simulator.ct import simulate_ct
from btd_desktop.simulator.scanners import CT_SCANNERS


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_scores_agree_to_1e_5_over_thread_counts_and_runs() -> None:
    import torch

    rng = np.random.default_rng(1)
    volume = simulate_ct(
        chest_phantom(rng), CT_SCANNERS[0], n_slices=2, rows=256, seed=1
    )
    detector = open_detector(find_model("ct96wide-lean", "CT"))
    scale = fit_scale(volume, preset_named("ct96wide"))
    grid = grid_of(detector.card.preset)
    found = []
    for n in (1, 2, 4, 1):
        torch.set_num_threads(n)
        scored = score_volume(detector, volume, scale, grid, TaskContext())
        features = [s.features for s in scored]
        found.append(
            np.concatenate(
                [
                    np.concatenate(
                        [
                            f.features,
                            f.injection[..., None],
                            f.removal[..., None],
                        ],
                        axis=-1,
                    )[f.scored]
                    for f in features
                ]
            )
        )
    first = found[0]
    assert len(first) > 20
    # Learned evidence, third from the end, is not known where tissue is rare.
    assert np.isfinite(np.delete(first, -3, axis=1)).all()
    assert np.isfinite(first[:, -3]).mean() > 0.5
    for other in found[1:]:
        np.testing.assert_allclose(other, first, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(found[-1], first)
