"""Which scanner maker a word of the header points to.

Only words that one maker uses and no other are listed; everything else points to
nobody. Makers carry the names of `uid_roots`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_NAMES: Final = {
    "GE": ("ge medical", "ge healthcare", "general electric", "gems"),
    "Siemens": ("siemens",),
    "Philips": ("philips", "picker", "elscint", "marconi medical"),
    "Toshiba/Canon": ("toshiba", "canon"),
    "United Imaging": ("united imaging", "uih"),
}
_MODELS: Final = {
    "GE": r"lightspeed|brightspeed|hispeed|discovery|optima|revolution|signa|genesis",
    "Siemens": r"somatom|sensation|emotion|volume zoom|biograph|symphony|avanto|aera|"
    r"skyra|verio|triotim|prisma|espree|magnetom|sonata|naeotom|vida|sola|lumina",
    "Philips": r"brilliance|ingenuity|mx8000|ingenia|achieva|intera|gyroscan|iqon|"
    r"gemini|panorama",
    "Toshiba/Canon": r"aquilion|asteion|vantage|activion|alexion|excelart",
}
_SOFTWARE: Final = {
    "GE": r"lightspeed|\d\dmw\d|revo_|pet_vct|dm\d\d_dvct|m3b_xt",
    "Siemens": r"syngo|\bnumaris",
    "Philips": r"brilliance|mx8000",
    "Toshiba/Canon": r"\bv\d\.\d\d[a-z]{2}\d{3}",
}
_CREATORS: Final = {
    "GE": r"gems_",
    "Siemens": r"siemens |sienet\b",
    "Philips": r"philips |elscint1\b",
    "Toshiba/Canon": r"toshiba_mec|toshiba_|canon_mec",
    "United Imaging": r"image private header|uih\b",
}
# Private blocks that archives and stations add to images of any maker.
_OF_ARCHIVES: Final = re.compile(
    r"gems_(genie|3d|centricity|pacs)|siemens sienet|siemens med display|sienet|"
    r"siemens syngo",
    re.IGNORECASE,
)
_KERNELS: Final = {
    "GE": r"BONEPLUS|CHST|HD BONEPLUS",
    "Siemens": r"[A-Z][a-z]?\d{2}[a-z]{1,2}(\\\d)?",
    "Toshiba/Canon": r"FC\d\d(-.*)?",
}


def maker_named(manufacturer: str) -> str:
    """Maker by the Manufacturer element, "" when it is none of the known ones."""
    low = manufacturer.lower().strip()
    if low == "ge":
        return "GE"
    return next(
        (
            maker
            for maker, words in _NAMES.items()
            if any(word in low for word in words)
        ),
        "",
    )


def maker_of_model(model: str) -> str:
    """Maker by a scanner model's name."""
    return _maker(_MODELS, model, re.search)


def maker_of_software(software: str) -> str:
    """Maker by the form of SoftwareVersions."""
    return _maker(_SOFTWARE, software, re.search)


def maker_of_private_creator(creator: str) -> str:
    """Maker by the name of a private block, "" for those that archives add."""
    if _OF_ARCHIVES.match(creator):
        return ""
    return _maker(_CREATORS, creator, re.match)


def maker_of_kernel(kernel: str) -> str:
    """Maker by the name of a reconstruction kernel (CT)."""
    return _maker(_KERNELS, kernel, re.fullmatch, 0)


def _maker(
    forms: dict[str, str], text: str, find: Callable[..., object], flags: int = re.I
) -> str:
    """The maker, when the forms of exactly one fit."""
    found = [maker for maker, form in forms.items() if find(form, text, flags)]
    return found[0] if len(found) == 1 else ""
