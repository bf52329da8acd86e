"""Genuine solid structures of the lung as partners of injections.

Against lung without a nodule, being a nodule would give an injection away. The question
is the paper's own: a forged nodule among genuine ones. One rule finds the structures in
the slices in which places are drawn, and each is judged as a click on its middle; they
are matched with injections once all series are known.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from btd_desktop.bench.place import Site
from btd_desktop.bench.places import Place, content_at
from btd_desktop.preprocess.solid_structures import solid_structures
from btd_desktop.volume import Volume

_LEAST = 8
_ENOUGH = 3  # structures to choose the most similar one from

REACHES = ("same series", "same scanner and kernel", "other scanners")
"""Where a partner comes from, from near to far."""


def draw_structures(
    volume: Volume,
    n_places: int,
    *,
    patch: int,
    slices: Sequence[int],
    seed: Sequence[int],
) -> list[Place]:
    """Genuine solid structures of a CT, at random among all that are found.

    At least eight, and twice as many as places; fewer where there are no more.

    Args:
        volume: The untouched series.
        n_places: Tampered places per attack.
        patch: Side of the patch that must lie inside the slice, px.
        slices: Slices to search.
        seed: Seed of the choice.
    """
    if volume.modality != "CT":
        return []
    half = patch // 2
    found = []
    for s in slices:
        plane = np.asarray(volume.voxels[s])
        h, w = plane.shape
        for own in solid_structures(plane, volume.spacing_mm[1:]):
            r, c = own.row, own.column
            if half <= r <= h - half and half <= c <= w - half:
                content = content_at(plane, "CT", r, c)
                found.append(Place(s, r, c, "structure", content))
    rng = np.random.default_rng([*seed, zlib.crc32(b"solid structures")])
    chosen = rng.permutation(len(found))[: max(_LEAST, 2 * n_places)]
    return [found[int(i)] for i in sorted(chosen)]


def matched(
    tampered: Sequence[Site], structures: Sequence[Site]
) -> tuple[list[int], dict[str, int]]:
    """For each tampered place the structure that it is judged against.

    It comes from the same series where three are left to choose from, else from the
    same scanner and kernel, else from any: the one whose surroundings hold most nearly
    as much solid tissue as the attack has left. None is taken twice; when none is left,
    further places have no partner.

    Args:
        tampered: Places of one attack, in the order in which they choose.
        structures: Genuine structures of the patients that are measured.

    Returns:
        Indices into `structures`, and how many come from each of `REACHES`.
    """
    left = list(range(len(structures)))
    taken: list[int] = []
    reaches: Counter[str] = Counter()
    for own in tampered:
        near = [
            [i for i in left if structures[i].series == own.series],
            [i for i in left if structures[i].scanner == own.scanner],
            left,
        ]
        pool = next((p for p in near if len(p) >= _ENOUGH), left)
        if not pool:
            break
        best = min(pool, key=lambda i: abs(structures[i].content - own.content))
        left.remove(best)
        taken.append(best)
        reaches[REACHES[_reach(own, structures[best])]] += 1
    return taken, {reach: reaches[reach] for reach in REACHES if reaches[reach]}


def _reach(own: Site, other: Site) -> int:
    if own.series == other.series:
        return 0
    return 1 if own.scanner == other.scanner else 2
