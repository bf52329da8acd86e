"""Colour maps of the overlay: perceptually ordered, so that brighter means more.

They grow evenly in lightness (and cividis is read the same by colour-blind examiners);
they carry no false edges into a map of evidence, as rainbow colours would.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyqtgraph
from numpy.typing import NDArray

COLOUR_MAPS = ("inferno", "viridis", "cividis", "magma", "plasma")

# Where each map begins: what is darker cannot be told from the grey below.
_FIRST_SHARE = {"inferno": 0.22, "magma": 0.22, "plasma": 0.0}


@lru_cache(maxsize=len(COLOUR_MAPS))
def colour_table(name: str) -> NDArray[np.uint8]:
    """RGB of 256 levels, dull to bright, shape (256, 3), read-only.

    Args:
        name: One of `COLOUR_MAPS`; an unknown name gives the first one.
    """
    known = name if name in COLOUR_MAPS else COLOUR_MAPS[0]
    colours = pyqtgraph.colormap.get(known)
    start = _FIRST_SHARE.get(known, 0.1)
    levels = colours.map(np.linspace(start, 1.0, 256), mode="byte")
    table = np.ascontiguousarray(levels[:, :3], dtype=np.uint8)
    table.flags.writeable = False
    return table
