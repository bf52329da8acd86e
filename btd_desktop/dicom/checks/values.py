"""Findings about the stored values: range, steps between them, padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom.findings import concerned, counted, note, number_text, warning
from btd_desktop.dicom.hounsfield import HIGHEST_HU, LOWEST_HU, NOT_HU
from btd_desktop.dicom.rescale import padding_mask
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.dicom.stack import Slice, Stack
from btd_desktop.volume import Volume

_COVERED_SHARE: Final = 0.05
_CLIPPED_SHARE: Final = 0.001
_LOW_CLIPPED_SHARE: Final = 0.01
_AIR_HU: Final = -900.0
# A bin is expected to be filled when its neighbours hold this many values on average:
# by chance alone it is then empty with probability exp(-30).
_FILLED: Final = 30.0
_SKIPPED_SHARE: Final = 0.02
_WINDOW: Final = 9
# Teeth of a comb lie nearer: a step of 32 leaves 8 bits no room for a CT.
_REACH: Final = 32
_MAX_SPAN: Final = 1 << 16
_FEW_VALUES: Final = 256
_ENOUGH_VOXELS: Final = 100_000
# Values in the histogram of a series; more say no more about the steps between them.
_SAMPLED: Final = 20_000_000
# Values compared at once: what the processor's cache holds.
_PART: Final = 1 << 18


def check_values(stack: Stack, volume: Volume) -> Iterator[SeriesFinding]:
    """Findings about the values of a series."""
    rules = [(item.frame.slope, item.frame.intercept) for item in stack.slices]
    numbers = sorted({value for rule in rules for value in rule if value is not None})
    yield from check_voxels(
        volume, [value for value in numbers if value != round(value)]
    )
    yield from _check_wrapped(stack.slices)
    yield from _check_bits(stack.slices)
    if not volume.is_constant:
        yield from _check_steps([item.stored for item in stack.slices], volume.modality)
    yield from _check_stated_range(stack.slices)
    yield from _check_padding(stack.slices, volume.padding)


def check_voxels(
    volume: Volume, fractions: Sequence[float] = ()
) -> Iterator[SeriesFinding]:
    """Findings about rescaled values alone, for volumes of any format.

    Args:
        volume: The values.
        fractions: Rescale slopes and intercepts that are not whole numbers.
    """
    voxels = volume.voxels
    is_hu = volume.unit == "HU"
    if is_hu and voxels.dtype == np.float32 and (voxels != np.rint(voxels)).any():
        rule = f" (rescale value {number_text(fractions[0])})" if fractions else ""
        yield note(
            "fractional_hu",
            f"HU are not whole numbers{rule}. Most scanners write whole ones; some use "
            "a fractional slope, and values that were computed afterwards need one.",
        )
    if volume.modality == "CT" and not is_hu:
        reasons = " ".join(volume.source.not_covered or ())
        yield warning(
            "not_hu",
            f"The values are not called HU: {reasons.removeprefix(NOT_HU)}. No "
            "calibration speaks for them.",
        )
    measured = voxels if volume.padding is None else voxels[~volume.padding]
    low, high = (measured.min(), measured.max()) if measured.size else (0, 0)
    if measured.size and low == high:
        where = "" if measured.size == voxels.size else " apart from padding"
        sentence = f"All values{where} are the same: there is no picture."
        yield warning("constant", sentence)
    elif measured.size and volume.modality == "CT":
        # NaN, which is no number, is looked for voxel by voxel.
        if not (low >= LOWEST_HU and high <= HIGHEST_HU):
            yield from _check_possible(volume)
        yield from _check_range(measured, low, high)
    if volume.padding is not None:
        yield from _check_covered(volume, volume.padding)


def _check_possible(volume: Volume) -> Iterator[SeriesFinding]:
    """Numbers that no HU can be, whatever the header says of them."""
    odd: list[str] = []
    n_odd, low, high = 0, np.inf, -np.inf
    for index, plane in enumerate(volume.voxels):
        wild = (plane < LOWEST_HU) | (plane > HIGHEST_HU)
        if volume.padding is not None:
            wild &= ~volume.padding[index]
        if wild.any():
            odd.append(volume.instance_uids[index])
            n_odd += int(wild.sum())
            low, high = min(low, plane[wild].min()), max(high, plane[wild].max())
    if odd:
        shown = f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"
        yield warning(
            "impossible_hu",
            f"{counted(n_odd, 'pixel')} of {counted(len(odd), 'slice')} would have "
            f"{shown} HU by the header's rescale: impossible. Nothing lies below "
            f"{LOWEST_HU:.0f} HU or above {HIGHEST_HU:.0f} HU.",
            [] if len(odd) == volume.n_slices else odd,
        )


def _check_wrapped(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    """Values at both ends of their type and none between: written with another sign."""
    odd: list[Slice] = []
    words = ""
    for item in slices:
        stored = item.stored
        if stored.dtype.kind not in "iu":
            continue
        info = np.iinfo(stored.dtype)
        eighth = (info.max - info.min) // 8
        if int(stored.max()) <= info.max - eighth:
            continue
        padding = padding_mask(stored, item.facts.padding)
        values = stored if padding is None else stored[~padding]
        far = values > info.max - eighth
        near = values < info.min + eighth
        if far.any() and near.any() and (far | near).all():
            other = values[far].astype(np.int64) - (info.max - info.min + 1)
            odd.append(item)
            words = words or (
                f"stored values of {int(values[far].min())} to {int(values.max())} "
                "stand among values near the other end of the range. Read with the "
                f"other sign they are {int(other.min())} to {int(other.max())}"
            )
    if odd:
        yield warning(
            "wrapped_values",
            f"In {counted(len(odd), 'slice')}, {words}. Scanners write no such values; "
            "values put in after the scanner, under a header of the other sign, look "
            "so. They were taken as the header says.",
            concerned(odd, slices),
        )


def _check_bits(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    """BitsStored and HighBit that do not hold the values that are there."""
    odd = [item for item in slices if "whole_low" in item.facts.number]
    for is_kept in (True, False):
        items = [i for i in odd if ("bits_kept" in i.facts.flags) is is_kept]
        if not items:
            continue
        number = [item.facts.number for item in items]
        whole, cut = (
            f"{min(n[f'{k}_low'] for n in number):g} to "
            f"{max(n[f'{k}_high'] for n in number):g}"
            for k in ("whole", "cut")
        )
        overlay = any("overlay_bits" in item.facts.flags for item in items)
        why = (
            "An overlay element of the header claims them"
            if overlay
            else ("No overlay element of the header claims them")
        )
        yield warning(
            "element:high_bits",
            f"Bits outside the {number[0].get('bits_stored', 0):g} stored ones are "
            f"set: as they stand the stored values run from {whole}, cut to the bits "
            f"stored from {cut}. {why}; the values "
            f"{'as they stand' if is_kept else 'cut to the bits stored'} were used. "
            "Another reader may show the other picture.",
            concerned(items, slices),
        )


def _check_covered(
    volume: Volume, padding: NDArray[np.bool_]
) -> Iterator[SeriesFinding]:
    """Padding on what is not air: what it covers is not examined.

    The header's word is followed: values that the file calls not measured cannot speak
    for it or against it. It is not followed in silence: whoever changes a place can
    also declare its values to be padding.
    """
    if volume.modality == "CT":
        bound = _AIR_HU
    else:
        bound = 0.1 * float(np.percentile(volume.voxels[:, ::4, ::4], 99))
    n_tissue = n_covered = 0
    blank: list[str] = []
    for uid, plane, mask in zip(
        volume.instance_uids, volume.voxels, padding, strict=True
    ):
        tissue = plane > bound
        n_tissue += int(tissue.sum())
        n_covered += int((tissue & mask).sum())
        if mask.all():
            blank.append(uid)
    if n_covered > _COVERED_SHARE * n_tissue:
        yield warning(
            "padding_covers",
            f"The header declares {_percent(n_covered / n_tissue)} % of what is not "
            "air to be padding, which means not measured. What padding covers is not "
            "examined. Scanners declare the surroundings of the picture so.",
        )
    if blank:
        yield warning(
            "padding_slices",
            f"{counted(len(blank), 'slice')} of {volume.n_slices} "
            f"{'is' if len(blank) == 1 else 'are'} padding as a whole, which means "
            "not measured, and not examined.",
            [] if len(blank) == volume.n_slices else blank,
        )


def _percent(share: float) -> str:
    return f"{100 * share:.2g}" if share < 0.995 else "100"


def _check_range(
    measured: NDArray[Any], bottom: float, top: float
) -> Iterator[SeriesFinding]:
    share = _share_of(top, measured) if top < 3000 else 0.0
    if share > _CLIPPED_SHARE:
        yield warning(
            "clipped",
            f"{_percent(share)} % of the values are exactly {top:g}, the highest: the "
            "range looks clipped. Images exported for display are; scanners keep up "
            "to 3071.",
        )
    share = _share_of(bottom, measured) if bottom > _AIR_HU else 0.0
    if share > _LOW_CLIPPED_SHARE:
        yield warning(
            "clipped_low",
            f"{_percent(share)} % of the values are exactly {bottom:g} HU, the lowest, "
            "well above air (-1000 HU): the range looks clipped, as in images "
            "exported for display.",
        )


def _share_of(value: float, measured: NDArray[Any]) -> float:
    flat = measured.ravel(order="K")
    parts = (flat[start : start + _PART] for start in range(0, flat.size, _PART))
    return sum(int(np.count_nonzero(part == value)) for part in parts) / flat.size


def skipped_share(counts: NDArray[np.int64]) -> float:
    """Share of values that are left out though their neighbours are frequent.

    Args:
        counts: Occurrences of consecutive values, shape (n,).

    Returns:
        From 0 to 1; 0 when no value has frequent neighbours.
    """
    if counts.size < _WINDOW:
        return 0.0
    # The extremes hold padding and clipped values, which are no neighbours.
    inner = np.minimum(counts, np.quantile(counts, 0.999)).astype(np.float64)
    around = np.convolve(inner, np.ones(_WINDOW), mode="same") / _WINDOW
    expected = around >= _FILLED
    n_expected = int(expected.sum())
    if n_expected == 0:
        return 0.0
    # Beside a lone peak values are rare too; a comb has teeth on both sides.
    sides = (_tallest_before(inner), _tallest_before(inner[::-1])[::-1])
    hole = expected & (counts * 20.0 < around) & (np.minimum(*sides) >= around)
    return float(hole.sum()) / n_expected


def _tallest_before(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.r_[np.zeros(_REACH), counts[:-1]]
    before = np.lib.stride_tricks.sliding_window_view(padded, _REACH)
    tallest: NDArray[np.float64] = before.max(axis=1)
    return tallest


def _check_steps(
    planes: Sequence[NDArray[Any]], modality: str
) -> Iterator[SeriesFinding]:
    """Values that skip: traces of a rescale with a slope, or of fewer bits."""
    if planes[0].dtype.kind not in "iu":
        return
    counts = _histogram(planes)
    if counts is None:
        return
    n_values = int((counts > 0).sum())
    if n_values <= _FEW_VALUES and counts.sum() >= _ENOUGH_VOXELS:
        yield warning(
            "few_values",
            f"The whole series holds only {n_values} different values. That is what "
            "8 bits hold: the picture went through a display format, or was drawn.",
        )
        return
    share = skipped_share(counts)
    if share > _SKIPPED_SHARE:
        say = warning if modality == "CT" else note
        yield say(
            "comb",
            f"{_percent(share)} % of the values within the used range hardly occur, "
            "though their neighbours are frequent (a comb). The values were "
            "stretched once more after the scanner had rounded them, by a filter, a "
            "conversion or an export through fewer bits; some scanners scale MR so.",
        )


def _histogram(planes: Sequence[NDArray[Any]]) -> NDArray[np.int64] | None:
    lowest = min(int(plane.min()) for plane in planes)
    span = max(int(plane.max()) for plane in planes) - lowest + 1
    if span > _MAX_SPAN:
        return None
    counts = np.zeros(span, dtype=np.int64)
    step = 1 + sum(plane.size for plane in planes) // _SAMPLED
    for plane in planes:
        shifted = plane[::step].ravel().astype(np.int64) - lowest
        counts += np.bincount(shifted, minlength=span)
    return counts


def _check_stated_range(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    """SmallestImagePixelValue and LargestImagePixelValue (PS3.3 C.7.6.3)."""
    odd: list[Slice] = []
    words = ""
    for item in slices:
        number, stored = item.facts.number, item.stored
        low, high = number.get("smallest_value"), number.get("largest_value")
        if stored.dtype.kind not in "iu" or low is None or high is None:
            continue
        if len(item.facts.frames) > 1 or item.frame_index or low == high == 0:
            continue
        found = int(stored.min()), int(stored.max())
        if not all(_same_bits(a, b) for a, b in zip((low, high), found, strict=True)):
            odd.append(item)
            words = words or (
                f"the header says {number_text(low)} to {number_text(high)}, the "
                f"pixels hold {found[0]} to {found[1]}"
            )
    if odd:
        yield note(
            "stated_range",
            f"Smallest and largest pixel value of {counted(len(odd), 'slice')} are not "
            f"those of the pixels ({words}). Scanners that fill them in after masking "
            "or compression err so; pixels changed later without the header do too.",
            concerned(odd, slices),
        )


def _same_bits(stated: float, found: int) -> bool:
    """Equal as 16-bit patterns: signed values are often stated as unsigned."""
    if abs(stated) > 1 << 17 or stated != round(stated):
        return False
    return (int(stated) - found) % (1 << 16) == 0


def _check_padding(
    slices: Sequence[Slice], padding: NDArray[np.bool_] | None
) -> Iterator[SeriesFinding]:
    """Padding that lies among measured values, or differs between slices."""
    rules = {item.facts.padding for item in slices}
    if len(rules) > 1:
        shown = " and ".join(
            sorted("none" if r is None else number_text(r[0]) for r in rules)[:4]
        )
        yield warning(
            "mixed_padding",
            f"Slices state different padding values ({shown}). Two reconstructions "
            "under one series do; so do slices from elsewhere.",
        )
    if padding is None:
        return
    inside = [int(_enclosed(mask).sum()) for mask in padding]
    odd = [item for item, n in zip(slices, inside, strict=True) if n]
    if odd:
        yield note(
            "padding_inside",
            f"{counted(sum(inside), 'pixel')} inside the picture, in "
            f"{counted(len(odd), 'slice')}, with the value that means 'not measured'. "
            "Where that value can also be measured this happens by chance; blanked "
            "areas look so too.",
            concerned(odd, slices),
        )


def _enclosed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Padded pixels with a measured one on all four sides of their row and column."""
    enclosed = mask.copy()
    for inner, lines in ((enclosed, mask), (enclosed.T, mask.T)):
        n_places = lines.shape[1]
        places = np.arange(n_places)
        first = lines.argmin(axis=1)[:, np.newaxis]
        last = n_places - 1 - lines[:, ::-1].argmin(axis=1)[:, np.newaxis]
        is_blank = lines.all(axis=1, keepdims=True)
        inner &= ~is_blank & (places > first) & (places < last)
    return enclosed
