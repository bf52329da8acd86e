"""Where in a series is the evidence highest, and how far above the rest of it?

An evidence map (`diffusion.evidence`) gives every pixel of a slice a logit. Here it is
averaged over discs and neighbouring slices, its highest distinct places are listed, and
the first of them is judged against those that follow.

Why against its own series: of an absolute threshold, drawn where 1 % of the genuine
slices of known scanners lie above it, up to 21 % of the genuine slices of scanners not
in the corpus were above (prototype of the map, four such series). A scanner, kernel or
dose that the networks have not seen lifts the whole map, and with it the highest and
the next places alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btd_desktop.scoring.engine import usual_steps

STRIDE_PX = 8
RADIUS_PX = 10.0
APART_MM = 24.0
N_PLACES = 12
MIN_PLACES = 5
"""Places that a series must have to be judged against itself."""

_NEXT = 7  # places that the first one is judged against
_SPREAD = 0.3  # logits; keeps a series of nearly equal places from dividing by nothing
_SLICES_BESIDE = 2
_REACH_MM = 8.0
_SLACK_MM = 1e-3  # positions are sums of decimals
_POINTED_PX = 8.0


@dataclass(frozen=True, slots=True)
class EvidencePlace:
    """A place of a series with its evidence.

    Attributes:
        score: Mean logit there.
        slice_index: From 0.
        row: Row of its centre in pixels, from 0.
        column: Column of it, from 0.
    """

    score: float
    slice_index: int
    row: int
    column: int


def centres(n_px: int, stride: int = STRIDE_PX) -> NDArray[np.int64]:
    """Rows or columns of the disc centres along a side: stride // 2 + k stride."""
    return np.arange(stride // 2, n_px, stride)


def disc_means(
    evidence: NDArray[np.float32],
    tissue: NDArray[np.uint8],
    stride: int = STRIDE_PX,
    radius_px: float = RADIUS_PX,
) -> NDArray[np.float32]:
    """Mean evidence over the tissue in a disc around every centre of a slice.

    Args:
        evidence: Logits, shape (H, W).
        tissue: Tissue classes, 0 outside the body, shape (H, W).
        stride: Distance between centres, px.
        radius_px: A pixel belongs to a disc up to this distance from its centre.

    Returns:
        float32, shape (R, C) with one value for each of `centres`; NaN where less than
        half of the disc is tissue. What lies outside the slice is no tissue.
    """
    h, w = evidence.shape
    inside = tissue > 0
    reach = int(radius_px)
    # Sums along rows, so that a disc costs as many look-ups as it has rows.
    frame = ((reach, reach), (reach + 1, reach))
    sums, counts = (
        np.pad(values, frame).cumsum(axis=1)
        for values in (
            np.where(inside, evidence, 0.0).astype(np.float64),
            inside.astype(np.int64),
        )
    )
    rows, columns = centres(h, stride), centres(w, stride)
    total = np.zeros((len(rows), len(columns)))
    n_tissue = np.zeros(total.shape, np.int64)
    n_disc = 0
    for dy in range(-reach, reach + 1):
        half = int(np.sqrt(radius_px * radius_px - dy * dy))
        n_disc += 2 * half + 1
        own = (rows + reach + dy)[:, None]
        # The frame puts column c at c + reach + 1, and a sum up to it includes it.
        last, before = columns + reach + 1 + half, columns + reach - half
        total += sums[own, last] - sums[own, before]
        n_tissue += counts[own, last] - counts[own, before]
    means = total / np.maximum(n_tissue, 1)
    means[2 * n_tissue < n_disc] = np.nan
    return means.astype(np.float32)


def evidence_at(
    evidence: NDArray[np.float32],
    tissue: NDArray[np.uint8],
    at: tuple[int, int],
    radius_px: float = _POINTED_PX,
) -> float | None:
    """Mean evidence over the tissue around one place that somebody points at.

    Args:
        evidence: Logits, shape (H, W).
        tissue: Tissue classes, 0 outside the body, shape (H, W).
        at: (row, column).
        radius_px: Radius of the disc.

    Returns:
        None without any tissue there.
    """
    y, x = np.ogrid[: evidence.shape[0], : evidence.shape[1]]
    disc = (y - at[0]) ** 2 + (x - at[1]) ** 2 <= radius_px * radius_px
    disc &= tissue > 0
    return float(evidence[disc].mean(dtype=np.float64)) if disc.any() else None


def pooled(
    stack: NDArray[np.float32], positions_mm: Sequence[float]
) -> NDArray[np.float32]:
    """Mean of each disc and those at its row and column in neighbouring slices.

    Up to two neighbours on each side count: those that are reached by steps of the
    series' usual distance and lie at most 8 mm away. At the ends of a series and beside
    gaps fewer are averaged, so chance reaches higher there.

    Args:
        stack: `disc_means` of every slice, shape (S, R, C).
        positions_mm: Position of each slice along the normal, S entries.

    Returns:
        Shape (S, R, C); NaN where the slice's own disc is NaN, whatever lies beside it.
    """
    positions = np.asarray(positions_mm, dtype=np.float64)
    is_usual = usual_steps(positions_mm)
    known = np.isfinite(stack)
    values = np.where(known, stack, 0.0).astype(np.float64)
    means = np.full(stack.shape, np.nan, np.float32)
    for s in range(len(stack)):
        near = [
            n
            for n in range(
                max(0, s - _SLICES_BESIDE), min(len(stack), s + _SLICES_BESIDE + 1)
            )
            if abs(positions[n] - positions[s]) <= _REACH_MM + _SLACK_MM
            and is_usual[min(n, s) : max(n, s)].all()
        ]
        mean = values[near].sum(axis=0) / np.maximum(known[near].sum(axis=0), 1)
        means[s][known[s]] = mean[known[s]]
    return means


def highest_places(
    pooled: NDArray[np.float32],
    positions_mm: Sequence[float],
    spacing_mm: tuple[float, float],
    *,
    n: int = N_PLACES,
    apart_mm: float = APART_MM,
    stride: int = STRIDE_PX,
) -> tuple[EvidencePlace, ...]:
    """Distinct places of a series, the highest first.

    Each is the highest of those farther than `apart_mm` from all places before it.

    Args:
        pooled: Evidence, shape (S, R, C); NaN where there is none.
        positions_mm: Position of each slice along the normal, S entries.
        spacing_mm: Distance between rows and between columns of pixels.
        n: How many at most.
        apart_mm: Distance that keeps places distinct.
        stride: Distance between centres, px.
    """
    left = pooled.astype(np.float64)  # a copy
    depth = np.asarray(positions_mm, dtype=np.float64)
    rows = np.arange(left.shape[1]) * stride * spacing_mm[0]
    columns = np.arange(left.shape[2]) * stride * spacing_mm[1]
    found: list[EvidencePlace] = []
    while len(found) < n and np.isfinite(left).any():
        s, i, j = (int(k) for k in np.unravel_index(np.nanargmax(left), left.shape))
        found.append(
            EvidencePlace(
                float(left[s, i, j]),
                s,
                stride // 2 + i * stride,
                stride // 2 + j * stride,
            )
        )
        in_plane = ((rows - rows[i]) ** 2)[:, None] + (columns - columns[j]) ** 2
        apart = ((depth - depth[s]) ** 2)[:, None, None] + in_plane
        left[apart <= apart_mm**2] = np.nan
    return tuple(found)


def self_referenced(places: Sequence[EvidencePlace]) -> float | None:
    """How far the highest place of a series stands above the next ones.

    (highest less the median of the next seven) / (their range + 0.3). A constant added
    to the map changes nothing. It is not free of scale: the map times c > 1 gives more,
    up to the same ratio without the 0.3, so that a faint map never stands out.

    From a prototype of the map, pooled over five slices: at most 1.7 in fifteen genuine
    blocks of 16 to 24 slices, and above that, at the right place, in 24 of 32 tampered
    series of four families on scanners not in the corpus. Thirty genuine blocks of the
    corpus had a median of 0.9; three lay above 1.75, the highest at 2.8. These figures
    are of that map: a threshold is drawn from genuine patients, by the map in use
    (`btd bench evidence`), whose series should be about as long as the one judged.

    Args:
        places: `highest_places` of the series, in their order.

    Returns:
        None with fewer than five places: too little of the series to judge by.
    """
    if len(places) < MIN_PLACES:
        return None
    rest = [place.score for place in places[1 : 1 + _NEXT]]
    spread = max(rest) - min(rest) + _SPREAD
    return float((places[0].score - np.median(rest)) / spread)
