"""Is a volume without a header a CT? Only its values can tell, and not always.

An MR that is examined as CT, or a CT as MR, gets numbers of the wrong model. So CT is
taken for granted only where the values are those of HU; else the examiner is asked.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom.hounsfield import HIGHEST_HU, LOWEST_HU

UNKNOWN: Final = "OT"
"""Modality of a series that nobody has named: "other" in DICOM (PS3.3 C.7.3.1.1.1)."""

_SAMPLED: Final = 4_000_000
_AIR: Final = (-1100.0, -900.0)
_LEAST_AIR: Final = 1e-4
# Nothing measured lies below; what does is padding, and that has few values.
_BELOW_AIR: Final = -1300.0
_MOST_PADDINGS: Final = 4
_SHIFT: Final = 1024.0
_TISSUE: Final = (-200.0, 200.0)
_BETWEEN: Final = (-800.0, -300.0)
_LEAST_SHARE: Final = 0.05


def looks_like_hu(values: NDArray[Any]) -> bool:
    """True when values reach air at -1000 HU and no further, padding aside.

    Phase images of MR reach as far below zero, and fill the range with noise.
    """
    sample = _sample(values)
    if sample.min() < LOWEST_HU or sample.max() > HIGHEST_HU:
        return False
    below = sample[sample < _BELOW_AIR]
    return (
        _share(sample, _AIR) >= _LEAST_AIR and np.unique(below).size <= _MOST_PADDINGS
    )


def looks_like_shifted_hu(values: NDArray[Any]) -> bool:
    """True when values would be HU if 1024 were subtracted, as some writers add it.

    Air and tissue must both be there with little in between. An MR image may be so by
    accident: this is something to tell the examiner, no decision.
    """
    sample = _sample(values) - _SHIFT
    if sample.min() < _BELOW_AIR or sample.max() > HIGHEST_HU:
        return False
    air, tissue = _share(sample, (-1100.0, -850.0)), _share(sample, _TISSUE)
    between = _share(sample, _BETWEEN)
    return min(air, tissue) >= _LEAST_SHARE and between < min(air, tissue)


def _sample(values: NDArray[Any]) -> NDArray[np.float64]:
    flat = values.reshape(-1)[:: 1 + values.size // _SAMPLED].astype(np.float64)
    return np.append(flat, [float(values.min()), float(values.max())])


def _share(sample: NDArray[np.float64], between: tuple[float, float]) -> float:
    inside = (sample >= between[0]) & (sample <= between[1])
    return float(np.count_nonzero(inside)) / sample.size
