"""Checks that nothing but the tissue itself tells a tampered copy from its source.

A detector must not be able to win by number format, by a clipped range, by a changed
header or by the last digit of the values: such a win would mean nothing against an
attack that takes care. Every attack of the bench passes these checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from btd_desktop.tampering.result import TamperResult
from btd_desktop.volume import Volume

_MIN_VOXELS = 300
_P_VALUE = 1e-6
_MIN_EFFECT = 0.08
_STEP_SLACK = 0.01  # of a step: single precision of stored values
_UNCHANGED_FIELDS = {"voxels"}


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One thing that gives a copy away without looking at the tissue.

    Attributes:
        code: Stable name.
        sentence: What differs.
    """

    code: str
    sentence: str


def find_shortcuts(
    source: Volume, done: TamperResult, earlier: Sequence[TamperResult] = ()
) -> list[Shortcut]:
    """All shortcuts of a tampered copy; empty when only the tissue differs.

    Args:
        source: The untouched volume.
        done: What the attack returned.
        earlier: Results of the same attack on other places, pooled for the statistics
            of digits, which need many voxels.
    """
    return [
        *_format(source, done),
        *_headers(source, done),
        *_outside(source, done),
        *_digits(source, (done, *earlier)),
    ]


def digit_gap(
    changed: NDArray[np.integer], around: NDArray[np.integer], base: int
) -> tuple[float, float]:
    """How differently two sets of whole numbers are spread over their last digit.

    Args:
        changed: Values, shape (N,).
        around: Values that are known to be genuine, shape (M,).
        base: 2 for parity, 10 for the last digit.

    Returns:
        Cramer's V of the 2 x base table in [0, 1], and the p-value of the chi-squared
        test; (0, 1) where either set uses one digit only and both the same.
    """
    table = np.array(
        [np.bincount(np.mod(v, base), minlength=base) for v in (changed, around)],
        np.float64,
    )
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 0.0, 1.0
    found = stats.chi2_contingency(table, correction=False)
    effect = float(np.sqrt(found.statistic / table.sum()))
    return effect, float(found.pvalue)


def _format(source: Volume, done: TamperResult) -> Iterator[Shortcut]:
    old, new = source.voxels, done.volume.voxels
    if new.dtype != old.dtype:
        yield Shortcut("format", f"values are {new.dtype}, the source's {old.dtype}")
    if new.shape != old.shape:
        yield Shortcut("shape", f"shape is {new.shape}, the source's {old.shape}")
        return
    if old.dtype == np.int16 and not np.array_equal(new, np.rint(new)):
        yield Shortcut("fraction", "values are not whole numbers, the source's are")
    if new.min() < old.min() or new.max() > old.max():
        yield Shortcut(
            "range",
            f"values reach from {new.min():g} to {new.max():g}, the source's from "
            f"{old.min():g} to {old.max():g}",
        )
    inside = new[done.mask] if done.mask.any() else new[:0]
    if old.dtype == np.float32 and new.dtype == np.float32:
        yield from _steps(source, done)
    for end in (old.min(), old.max()):
        now = float(np.mean(inside == end)) if inside.size else 0.0
        before = float(np.mean(old[done.mask] == end)) if inside.size else 0.0
        if now > before + 0.02:
            yield Shortcut("clipped", f"{now:.1%} of the changed values are {end:g}")


def _steps(source: Volume, done: TamperResult) -> Iterator[Shortcut]:
    """Values of a series with fractions lie on its own steps, or occur in the slice."""
    changed = done.mask & (done.volume.voxels != source.voxels)
    if not changed.any():
        return
    rescale = source.source.rescale
    if rescale:
        values = done.volume.voxels[changed].astype(np.float64)
        steps = (values - float(rescale[1])) / float(rescale[0])
        stray = int(np.count_nonzero(np.abs(steps - np.rint(steps)) > _STEP_SLACK))
    else:
        stray = sum(
            int(np.count_nonzero(~np.isin(new[own], np.unique(old))))
            for new, old, own in zip(
                done.volume.voxels, source.voxels, changed, strict=True
            )
            if own.any()
        )
    if stray > 0.01 * np.count_nonzero(changed):
        yield Shortcut("steps", f"{stray} values are none that the series' steps yield")


def _headers(source: Volume, done: TamperResult) -> Iterator[Shortcut]:
    for field in fields(Volume):
        if field.name in _UNCHANGED_FIELDS:
            continue
        old, new = getattr(source, field.name), getattr(done.volume, field.name)
        if not _same(old, new):
            yield Shortcut("header", f"{field.name} has changed")


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, np.ndarray) or isinstance(new, np.ndarray):
        return old is new or (
            old is not None and new is not None and np.array_equal(old, new)
        )
    return bool(old == new)


def _outside(source: Volume, done: TamperResult) -> Iterator[Shortcut]:
    if done.volume.voxels.shape != source.voxels.shape:
        return
    stray = (done.volume.voxels != source.voxels) & ~done.mask
    if stray.any():
        yield Shortcut("outside", f"{stray.sum()} voxels outside the mask have changed")


def _digits(source: Volume, results: Sequence[TamperResult]) -> Iterator[Shortcut]:
    """Parity and last digit of the changed voxels against the same places before."""
    if source.voxels.dtype != np.int16:
        return
    changed = [
        (r.volume.voxels[r.mask], source.voxels[r.mask])
        for r in results
        if r.volume.voxels.dtype == np.int16
        and r.volume.voxels.shape == source.voxels.shape
    ]
    if not changed:
        return
    new = np.concatenate([pair[0] for pair in changed])
    old = np.concatenate([pair[1] for pair in changed])
    if new.size < _MIN_VOXELS:
        return
    for base, name in ((2, "parity"), (10, "last digit")):
        effect, p_value = digit_gap(new, old, base)
        # Both: with many voxels a tiny difference is certain, and gives nobody away.
        if p_value < _P_VALUE and effect > _MIN_EFFECT:
            yield Shortcut(
                name.replace(" ", "_"),
                f"the {name} of changed values is spread differently "
                f"(Cramér's V {effect:.2f}, p = {p_value:.1g})",
            )
