"""Whose number space a UID comes from.

A UID starts with a root that a registration authority gave to one organisation
(PS3.5 chapter 9), so it says which maker's software issued it. The table holds only
roots that are widely seen; another root says nothing.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

_STEM_COMPONENTS: Final = 6


class RootKind(enum.StrEnum):
    """What the owner of a root makes."""

    SCANNER = "scanner"
    TOOLKIT = "toolkit"
    ANONYMISER = "anonymiser"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class UidRoot:
    """A root and its owner.

    Attributes:
        root: Dotted prefix, without the last dot.
        owner: Name for a sentence; for scanners the maker as `makers` names it.
        kind: What the owner makes.
    """

    root: str
    owner: str
    kind: RootKind


_SCANNERS: Final = {
    "1.2.840.113619": "GE",
    "1.3.12.2.1107": "Siemens",
    "1.3.46.670589": "Philips",
    "1.2.392.200036.9116": "Toshiba/Canon",
    "1.2.392.200036.9123": "Toshiba/Canon",
    "1.2.156.112605": "United Imaging",
}
_TOOLKITS: Final = {
    "1.2.826.0.1.3680043.8.498": "pydicom",
    "1.2.826.0.1.3680043.9.3811": "pynetdicom",
    "1.2.826.0.1.3680043.2.1143": "GDCM",
    "1.2.826.0.1.3680043.2.1125": "ITK / SimpleITK",
    "1.2.276.0.7230010.3": "DCMTK",
    "1.2.40.0.13.1": "dcm4che",
    "1.3.6.1.4.1.30071": "fo-dicom",
    "1.3.6.1.4.1.9590.100.1": "MATLAB",
    "1.3.6.1.4.1.25403": "ClearCanvas",
    "1.3.6.1.4.1.5962": "PixelMed",
}
_ANONYMISERS: Final = {
    "1.3.6.1.4.1.14519.5.2.1": "The Cancer Imaging Archive",
    "1.3.6.1.4.1.9328.50": "the US National Cancer Institute's image archive",
    "1.2.840.113654.2.55": "the US National Lung Screening Trial's archive",
    "1.3.6.1.4.1.22213": "Posda (curation for public archives)",
}
_RANDOM: Final = {"2.25": "a random number (UUID)"}
_TABLE: Final = {
    root: UidRoot(root, owner, kind)
    for kind, owners in (
        (RootKind.SCANNER, _SCANNERS),
        (RootKind.TOOLKIT, _TOOLKITS),
        (RootKind.ANONYMISER, _ANONYMISERS),
        (RootKind.RANDOM, _RANDOM),
    )
    for root, owner in owners.items()
}
_MAX_COMPONENTS: Final = max(root.count(".") + 1 for root in _TABLE)


def root_of(uid: str) -> UidRoot | None:
    """The longest known root that a UID starts with, whole components only."""
    parts = uid.split(".")
    for n_parts in range(min(len(parts), _MAX_COMPONENTS), 0, -1):
        found = _TABLE.get(".".join(parts[:n_parts]))
        if found is not None:
            return found
    return None


def stem_of(uid: str) -> str:
    """What tells issuers apart: the known root, else the first six components."""
    known = root_of(uid)
    if known is not None:
        return known.root
    return ".".join(uid.split(".")[:_STEM_COMPONENTS])
