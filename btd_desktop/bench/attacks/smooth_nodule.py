"""The simulator's own attack as one of the bench: a smooth nodule drawn or taken away.

The content is computed, so it is smoother than tissue; the noise is a copy of other
lung of the same slice.
"""

from __future__ import annotations

import numpy as np

from btd_desktop.bench.attacks.paste import Centre
from btd_desktop.simulator.tamper import (
    Noise,
    TamperResult,
    inject_nodule,
    remove_nodule,
)
from btd_desktop.volume import Volume

__all__ = ["inject", "remove"]


def inject(
    volume: Volume,
    centre: Centre,
    rng: np.random.Generator,
    *,
    noise: Noise = "copied",
) -> TamperResult:
    """A nodule of 8 to 16 mm drawn in; see `simulator.tamper.inject_nodule`."""
    diameter = float(rng.uniform(8.0, 16.0))
    return inject_nodule(volume, centre, diameter, rng, noise=noise)


def remove(
    volume: Volume,
    centre: Centre,
    rng: np.random.Generator,
    *,
    noise: Noise = "copied",
) -> TamperResult:
    """Parenchyma over 10 to 18 mm; see `simulator.tamper.remove_nodule`."""
    diameter = float(rng.uniform(10.0, 18.0))
    return remove_nodule(volume, centre, diameter, rng, noise=noise)
