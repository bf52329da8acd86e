"""The detectors by name: a new one is a module of this folder and a row here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from btd_desktop.bench.detectors.detector import BenchDetector
from btd_desktop.bench.detectors.high_pass import HIGH_PASS
from btd_desktop.bench.detectors.ours import OURS, OURS_FEATURES
from btd_desktop.bench.detectors.paper import PAPER_INJECTION, PAPER_REMOVAL
from btd_desktop.bench.place import Observed, Shown
from btd_desktop.calibration.profile import CalibrationProfile

_ALL = (
    PAPER_INJECTION,
    PAPER_REMOVAL,
    OURS,
    OURS_FEATURES,
    HIGH_PASS,
)

DETECTORS: Mapping[str, BenchDetector] = MappingProxyType({d.name: d for d in _ALL})
"""Detectors by name, in the order of the tables' columns."""


def looked_at(shown: Shown) -> dict[str, float]:
    """Scores of a place by the detectors that need no calibration."""
    return {d.name: d.looks(shown) for d in _ALL if d.looks is not None}


def ranked(seen: Observed, profile: CalibrationProfile) -> dict[str, float]:
    """Scores of a place by every detector, in the tables' order.

    Args:
        seen: The place.
        profile: Calibration, made from patients other than the place's.
    """
    return {
        d.name: seen.scores[d.name] if d.ranks is None else d.ranks(seen, profile)
        for d in _ALL
    }


def title_of(name: str) -> str:
    """Heading of a detector; a variation that a study made up is its own heading."""
    return DETECTORS[name].title if name in DETECTORS else name
