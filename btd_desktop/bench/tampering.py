"""Attacks at random places of a genuine series, before any detector looks.

Places and changes follow from the seed and the attack's name alone: compared detectors
see the same places, and an attack's places do not depend on which others are tried.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from btd_desktop.bench.attacks.donors import Donor
from btd_desktop.bench.attacks.registry import Attack, why_unavailable
from btd_desktop.bench.places import PlacePair, draw_pairs, rematched
from btd_desktop.errors import BtdError
from btd_desktop.progress import TaskContext
from btd_desktop.strict_json import plain_json
from btd_desktop.volume import Volume

_JUDGED_SLICES = 4  # of a series: others are its reference only


@dataclass(frozen=True, slots=True, eq=False)
class TamperedPlace:
    """One place that was tampered with.

    Attributes:
        attack: What was done.
        pair: The place, and its genuine partner in the series as it was.
        volume: The series afterwards.
        facts: What repeats the attack: places, seed, series; JSON values.
    """

    attack: Attack
    pair: PlacePair
    volume: Volume
    facts: dict[str, Any]


def series_of(volume: Volume) -> str:
    """SeriesInstanceUID, "" where it is not known."""
    return volume.source.series_uid or ""


def judged_slices(n_slices: int) -> list[int]:
    """Indices of the slices in which places are drawn, at most four, ascending."""
    if n_slices <= _JUDGED_SLICES:
        return list(range(n_slices))
    # Away from the ends, where an attack has no room.
    spread = np.linspace(0, n_slices - 1, _JUDGED_SLICES + 2)[1:-1]
    return sorted({round(float(s)) for s in spread})


def tampered_places(
    volume: Volume,
    patient: str,
    *,
    attacks: Sequence[Attack],
    n_places: int,
    patch: int,
    seed: Sequence[int],
    context: TaskContext,
    donors: Sequence[Donor] = (),
) -> Iterator[TamperedPlace]:
    """Tamper at random places, one at a time, each in a copy of its own.

    Genuine partners keep their distance from all places of the same attack.

    Attacks that the series cannot carry (too few slices) and places at which an attack
    gives up are left out.

    Args:
        volume: A genuine series.
        patient: Whose it is: nobody's blobs are spliced into their own scan.
        attacks: What to try.
        n_places: Tampered places per attack.
        patch: Side of the patch that must lie inside the slice, in pixels.
        seed: Everything random follows from it and from the attack's name.
        context: Progress and cancel.
        donors: Blobs of other patients for splicing.

    Raises:
        Cancelled: The user asked to stop.
    """
    slices = judged_slices(volume.n_slices)
    others = [d for d in donors if d.patient != patient]
    for attack in attacks:
        if why_unavailable(attack, volume):
            continue
        rng = np.random.default_rng([*seed, zlib.crc32(attack.name.encode())])
        pairs = draw_pairs(volume, n_places, rng, patch=patch, slices=slices)
        touched = [pair.tampered for pair in pairs]
        for k, pair in enumerate(pairs):
            context.report(k, len(pairs), "Measuring", f"{patient}: {attack.name}")
            attack_rng = np.random.default_rng(pair.seed)
            try:
                result = attack.apply(volume, pair.tampered.centre, attack_rng, others)
            except BtdError:
                continue  # no room for it here
            after = result.volume
            if attack.kind == "removal":
                plane = np.asarray(after.voxels[pair.tampered.slice_index])
                pair = rematched(volume, pair, plane, touched, rng, patch=patch)
            facts = {**plain_json(pair), "series": series_of(volume)}
            yield TamperedPlace(attack, pair, after, facts)
