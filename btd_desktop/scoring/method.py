"""How a model is used: as this program does, or as the paper and no further."""

from __future__ import annotations

from typing import Final, Literal, get_args

Method = Literal["own", "paper", "paper-clamped"]
"""What is done with a model; part of every run and of every profile.

"own": features of a place in its surroundings, ranked by a benign density. "paper": the
patch alone, with the paper's two scores and nothing else. "paper-clamped": the same
with the residual that the authors' library gives, which clamps the image to its range.
"""

OWN: Final[Method] = "own"
METHODS: Final[tuple[Method, ...]] = get_args(Method)

PAPER_FEATURES: Final = ("log injection score", "log removal score")
"""What a place is ranked by in the paper's method."""

METHOD_NAMES: Final[dict[Method, str]] = {
    "own": "this program's",
    "paper": "the paper's, each patch alone",
    "paper-clamped": "the paper's, each patch alone, residual clamped as by its code",
}
"""What each is called in reports and in the window."""
