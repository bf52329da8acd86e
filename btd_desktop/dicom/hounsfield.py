"""Whether the values of a CT may be called HU: what the header says, what they show.

HU are a scale with two fixed points, air at -1000 and water at 0 (PS3.3 C.11.1.1.2).
A header that leaves half of the rescale out, or values that no material has, make a
number without a unit, for which no calibration in HU can speak.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom.findings import listed, number_text
from btd_desktop.dicom.stack import Slice

# Below: the padding of any maker (-3024 at most). Above: the extended scale of 16 bits
# ends at 30,710; no material is denser.
LOWEST_HU: Final = -4096.0
HIGHEST_HU: Final = 32_000.0

NOT_HU: Final = "its values are not HU: "
_SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7."
UCUM_HU: Final = "[hnsf'U]"
_UNITS: Final = {"MGML": "mg/ml", "PCT": "%", "HU_MOD": "modified HU", "US": ""}
FEW_BITS: Final = 8
# Of perfusion and dual energy (PS3.3 C.8.15.2.1, and as makers write them).
_MAPS: Final = frozenset(
    (
        *("CBF", "CBV", "MTT", "TTP", "TMAX", "TTD", "TTS", "RCBF", "RCBV", "PMB"),
        *("PERMEABILITY", "SUBTRACTION", "IODINE", "ZEFF", "RHO"),
    )
)

_SAMPLED: Final = 400_000
_BIN: Final = 20
# Air and soft tissue are 1000 HU apart, give or take fat, muscle and the filter.
_APART: Final = (850.0, 1150.0)
_AROUND: Final = 100.0
_AIR_SHARE: Final = 0.05
_TISSUE_SHARE: Final = 0.10
_VALLEY: Final = 0.5
# Lung fills the upper part when nothing else of air is in the picture.
_AIR_HU: Final = (-1200.0, -700.0)
_BODY_HU: Final = -500.0
_SOFT_HU: Final = 200.0
_SOFT_SHARE: Final = 0.01


def stated_unit(slices: Sequence[Slice]) -> str:
    """What RescaleType calls the values, when it is one thing and not HU; else ""."""
    kinds = {item.facts.text.get("rescale_type", "HU") for item in slices}
    kind = kinds.pop() if len(kinds) == 1 else "US"
    return "" if kind == "HU" else _UNITS.get(kind, kind[:16])


def not_covered(
    not_hu: Sequence[str], slices: Sequence[Slice] = ()
) -> tuple[str, ...] | None:
    """`SeriesFacts.not_covered`: why no calibration speaks for these values."""
    reasons = [f"{NOT_HU}{'; '.join(not_hu)}"] if not_hu else []
    if not not_hu and any(map(is_secondary_capture, slices)):
        reasons.append("its images are secondary captures, made for display")
    return tuple(reasons) or None


def is_secondary_capture(item: Slice) -> bool:
    """True for images of the Secondary Capture classes, multi-frame ones among them."""
    uid = item.facts.text.get("sop_class_uid", "")
    return f"{uid}.".startswith(_SECONDARY_CAPTURE)


def why_not_hu(
    voxels: NDArray[Any],
    padding: NDArray[np.bool_] | None,
    slices: Sequence[Slice] = (),
) -> tuple[str, ...]:
    """Reasons why the values of a CT are not HU; empty when they may be called so.

    Args:
        voxels: Modality values, shape (S, H, W).
        padding: True where nothing was measured, same shape, or None.
        slices: Their headers; none for formats without.
    """
    return (*_by_header(slices), *_by_values(voxels, padding))


def _by_header(slices: Sequence[Slice]) -> Iterator[str]:
    if not slices:
        return
    if any(not item.frame.slope for item in slices):
        yield "RescaleSlope is missing, zero or unreadable"
    if any(item.frame.intercept is None for item in slices):
        yield "RescaleIntercept is missing or unreadable"
    texts = [item.facts.text for item in slices]
    kinds = {text.get("rescale_type", "HU") for text in texts} - {"HU"}
    if kinds:
        yield f"RescaleType says {listed(kinds)}"
    if any("modality_lut" in item.facts.flags for item in slices):
        yield "a look-up table, which is not applied, stands for the rescale"
    units = {text.get("real_world_unit", UCUM_HU) for text in texts} - {UCUM_HU}
    if units:
        yield f"the header maps them to another unit ({listed(units)})"
    yield from _by_image_type(texts)
    if any(map(is_secondary_capture, slices)):
        yield "they are those of a secondary capture, a picture made for display"
    bits = [item.facts.number.get("bits_stored", 16.0) for item in slices]
    if min(bits) <= FEW_BITS:
        yield f"{number_text(min(bits))} bits do not hold the range of HU"


def _by_image_type(texts: Sequence[Mapping[str, str]]) -> Iterator[str]:
    types = [text.get("image_type", "").upper() for text in texts]
    if any("LOCALIZER" in words for words in types):
        yield "ImageType says localizer: a projection has no HU"
    split = [set(words.replace("_", "\\").split("\\")) for words in types]
    # PERFUSION alone may also name the scans that such maps are computed from.
    maps = {w for words in split if "DERIVED" in words for w in words & _MAPS}
    if maps:
        yield f"ImageType says that they are a map computed from HU ({listed(maps)})"


def _by_values(
    voxels: NDArray[Any], padding: NDArray[np.bool_] | None
) -> Iterator[str]:
    low, high = float(voxels.min()), float(voxels.max())
    if padding is not None and (low < LOWEST_HU or high > HIGHEST_HU):
        measured = voxels[~padding]
        if not measured.size:
            return
        low, high = float(measured.min()), float(measured.max())
    if high > HIGHEST_HU:
        yield f"values reach {number_text(high)}, more than any material has"
    if low < LOWEST_HU:
        yield f"values go down to {number_text(low)}, far below air"
    if low == high:
        return
    # Padding too: a header that declares the body to be padding is no reason.
    sample = voxels.reshape(-1)[:: 1 + voxels.size // _SAMPLED]
    if high <= _BODY_HU:
        yield (
            f"the highest value is {number_text(high)}: in HU that is air and lung "
            "alone, without a body"
        )
        return
    apart = _air_and_tissue(sample)
    if apart is not None and not _AIR_HU[0] <= apart[0] <= _AIR_HU[1]:
        air, tissue = (number_text(round(level)) for level in apart)
        yield f"what looks like air lies at {air}, what looks like tissue at {tissue}"
    body = sample[sample > _BODY_HU]
    n_soft = int(np.count_nonzero(np.abs(body) <= _SOFT_HU))
    if (
        apart is None
        and body.size >= _AIR_SHARE * sample.size
        and n_soft < _SOFT_SHARE * body.size
    ):
        middle = number_text(float(np.median(body)))
        yield f"nothing lies where soft tissue does; most is near {middle}"


def _air_and_tissue(sample: NDArray[Any]) -> tuple[float, float] | None:
    """Values of two large groups as far apart as air and soft tissue; None without.

    What is exactly the lowest value is padding or clipped and no measurement.
    """
    is_inner = (sample > sample.min()) & (sample >= LOWEST_HU) & (sample <= HIGHEST_HU)
    inner = sample[is_inner]
    if not inner.size:
        return None
    edges = np.arange(float(inner.min()), float(inner.max()) + 2 * _BIN, _BIN)
    if inner.dtype.kind in "iu":  # counted one by one: nothing to sort
        above = inner.astype(np.intp) - int(inner.min())
        single = np.bincount(above, minlength=_BIN * (edges.size - 1))
        counts = single.reshape(-1, _BIN).sum(axis=1)
    else:
        inner = inner.astype(np.float64)
        counts, _ = np.histogram(inner, edges)
    centres = edges[:-1] + _BIN / 2
    width = int(_AROUND // _BIN)
    near = np.convolve(counts, np.ones(2 * width + 1))[width:-width] / sample.size
    largest = int(near.argmax())
    # The lower partner first: bone lies as far above soft tissue as that above air.
    for sign in (-1.0, 1.0):
        away = sign * (centres - centres[largest])
        reach = np.where((away >= _APART[0]) & (away <= _APART[1]), near, 0.0)
        air, tissue = sorted((largest, int(reach.argmax())))
        if reach.max() == 0.0 or near[air] < _AIR_SHARE or near[tissue] < _TISSUE_SHARE:
            continue
        if near[air:tissue].min() < _VALLEY * min(near[air], near[tissue]):
            low, high = centres - _AROUND, centres + _AROUND
            levels = (
                float(np.median(inner[(inner >= low[peak]) & (inner <= high[peak])]))
                for peak in (air, tissue)
            )
            return next(levels), next(levels)
    return None
