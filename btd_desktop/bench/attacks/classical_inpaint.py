"""Removal by classical in-painting: the hole is filled from its rim, noise on top."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from btd_desktop.bench.attacks.fill import FILLS, Fill, filled
from btd_desktop.bench.attacks.lung import within_lung
from btd_desktop.bench.attacks.paste import (
    Centre,
    ball_share,
    check_place,
    cube_box,
    pasted,
    steps_mm,
)
from btd_desktop.bench.attacks.touch_up import TouchUp, blended, noise_for
from btd_desktop.tampering.result import TamperResult
from btd_desktop.volume import Volume


def remove(
    volume: Volume,
    centre: Centre,
    rng: np.random.Generator,
    *,
    noise: TouchUp = "copied",
    fill: Fill | None = None,
) -> TamperResult:
    """Fill a ball of 7.5 to 11.5 mm radius from its rim, in CT up to the pleura.

    Args:
        volume: CT or MR; not changed.
        centre: Voxel (slice, row, column).
        rng: Source of the one seed that is drawn and recorded.
        noise: What is added to the smooth filling.
        fill: Method; drawn at random when None.

    Raises:
        SettingsError: Another modality, or a place outside the volume.
    """
    check_place(volume, centre, ("CT", "MR"))
    seed = int(rng.integers(2**31))
    rng = np.random.default_rng(seed)
    method = FILLS[int(rng.integers(len(FILLS)))]
    method = fill or method
    radius = float(rng.uniform(7.5, 11.5))
    box = cube_box(volume, centre)
    share, lung = within_lung(volume, box, ball_share(volume, centre, box, radius, rng))
    original = volume.voxels[box].astype(np.float32)
    # With noise to come the rim is smoothed first, else its noise would be drawn into
    # the hole as streaks and the added noise would come on top.
    rim = original if noise == "none" else gaussian_filter(original, (0.0, 1.2, 1.2))
    # What is beyond the pleura shall not bleed in: it is filled too, but not pasted.
    known = lung & (share == 0)
    content = filled(rim, ~known, steps_mm(volume), method)
    content = np.clip(content, rim[known].min(), rim[known].max())
    added = noise_for(volume, box, share, rng, noise)
    return pasted(
        volume,
        centre,
        box,
        blended(original, content, added, share),
        share,
        kind="removal",
        size_mm=2.0 * radius,
        seed=seed,
        what=f"Tissue was replaced by {method} in-painting, noise: {noise},",
    )
