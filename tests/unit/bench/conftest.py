"""One simulated chest and one simulated head, made once for all tests of the bench."""

from __future__ import annotations

import numpy as np
import pytest

from btd_desktop.simulator.chest import chest_phantom
from btd_desktop.simulator.ct import simulate_ct
from btd_desktop.simulator.head import head_phantom
from btd_desktop.simulator.mri import simulate_mr
from btd_desktop.simulator.scanners import CT_SCANNERS, MR_SCANNERS
from btd_desktop.volume import Volume


@pytest.fixture(scope="session")
def chest() -> Volume:
    """15 slices of a simulated chest, 2.5 mm apart, 320x320."""
    phantom = chest_phantom(np.random.default_rng(5))
    return simulate_ct(phantom, CT_SCANNERS[0], n_slices=15, rows=320, seed=5)


@pytest.fixture(scope="session")
def other_chest() -> Volume:
    """Another patient on another scanner."""
    phantom = chest_phantom(np.random.default_rng(6))
    return simulate_ct(phantom, CT_SCANNERS[1], n_slices=15, rows=320, seed=6)


@pytest.fixture(scope="session")
def head() -> Volume:
    """Five slices of a simulated head."""
    phantom = head_phantom(np.random.default_rng(5))
    return simulate_mr(phantom, MR_SCANNERS[0], n_slices=5, rows=256, seed=5)
