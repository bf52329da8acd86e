"""The paper's two scores of a place (equation 3), on the network that is measured."""

from __future__ import annotations

from btd_desktop.bench.detectors.detector import BenchDetector
from btd_desktop.bench.place import Shown


def _injection(shown: Shown) -> float:
    return float(shown.features.injection[0, 0])


def _removal(shown: Shown) -> float:
    return float(shown.features.removal[0, 0])


PAPER_INJECTION = BenchDetector(
    "paper_injection", "paper, injection score", looks=_injection
)
PAPER_REMOVAL = BenchDetector("paper_removal", "paper, removal score", looks=_removal)
