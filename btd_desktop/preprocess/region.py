"""Which region of the body a series states and shows.

Noise depends on what the rays crossed: a profile made of chests does not speak for a
head. The set of regions is small, because finer ones are neither stated reliably nor
seen at a glance, and noise hardly tells them apart.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from btd_desktop.volume import Region, SeriesFacts

REGIONS: tuple[Region, ...] = get_args(Region)
_TRUNK = REGIONS[:5]  # follow each other along the body
# What a scan shows beside what it is called: a shoulder the chest, too.
_NEAR = [{a, b} for a, b in itertools.pairwise(_TRUNK)]
_NEAR += [{"breast", "chest"}, {"extremity", "chest"}, {"extremity", "pelvis"}]

# DICOM PS3.16 CID 4 and what vendors write beside it. Codes run words together
# ("CHESTABDPELVIS"), so that only short words must stand alone.
_WORDS: dict[Region, str] = {
    "head": r"HEAD|BRAIN|SKULL|FACE|FACIAL|ORBIT|SINUS|NEURO|CEREB|CRANI|SCALP|WILLIS"
    r"|MAXILLA|MANDIB|DENTAL|TONGUE|MOUTH|ZYGOMA|PAROTID|SCHAEDEL|SCHADEL|KOPF"
    r"|\b(IAC|EARS?|EYES?|JAW|TMJ|NOSE|TETE)\b",
    "neck": r"NECK|CERVICAL|LARYNX|PHARYNX|THYROID|CAROTID|CT?SPINE"
    r"|\b(C SPINE|HALS|HWS)\b",
    "chest": r"CHEST|THORA|LUNG|HEART|CARDIA|CORONARY|MEDIASTIN|BRONCH|TRACHEA|AXILLA"
    r"|ESOPHAG|STERNUM|TL?SPINE|TORAX|\b(T SPINE|RIBS?|BWS|CAP|TAP)\b",
    "abdomen": r"ABD|LIVER|KIDNEY|RENAL|PANCREA|SPLEEN|STOMACH|GALLBLADDER|COLON|BOWEL"
    r"|DUODEN|JEJUN|ILEUM|URETER|LUMBAR|LS?SPINE|LEBER|\b(L SPINE|LWS|BAUCH)\b",
    "pelvis": r"PELV|PROSTAT|\bBLADDER|UTERUS|CERVIX|OVAR|RECTUM|RECTAL|SACR|SSPINE"
    r"|COCCYX|ILIUM|SCROT|TEST[IE]S|VAGIN|BECKEN|BASSIN|\b(HIPS?|CAP|TAP)\b",
    "breast": r"BREAST|MAMM[AO]",
    "extremity": r"EXTREM|KNEE|ANKLE|FOOT|FEET|HAND|WRIST|ELBOW|SHOULDER|CLAVIC|SCAPULA"
    r"|FEMUR|TIBIA|PATELLA|CALCAN|HUMERUS|FOREARM|UPPERARM|THIGH|LOWERLEG"
    r"|\b(ARMS?|LEGS?|CALF|TOES?|FINGERS?|THUMB|KNIE)\b",
}
# In daily use from the neck to the thighs; what else it shows, the image says.
_WHOLE = re.compile(r"WHOLE ?BODY|ENTIRE ?BODY|TRUNK|TORSO")


@dataclass(frozen=True, slots=True)
class BodyRegions:
    """Regions of a series, each from head to foot.

    Attributes:
        stated: By its header.
        seen: In its image; empty where nobody looked or nothing was recognised.
    """

    stated: tuple[Region, ...]
    seen: tuple[Region, ...]

    @property
    def found(self) -> tuple[Region, ...]:
        """What counts: the image where it shows a region, else the header."""
        return self.seen or self.stated

    @property
    def origin(self) -> Literal["image", "header", "not known"]:
        """What says so."""
        return "image" if self.seen else "header" if self.stated else "not known"

    @property
    def contradict(self) -> bool:
        """Header and image exclude each other; neighbours do not."""
        near = any(a == b or {a, b} in _NEAR for a in self.stated for b in self.seen)
        return bool(self.stated and self.seen) and not near


def body_regions(facts: SeriesFacts) -> BodyRegions:
    """Regions of a series by its header (`body_part`) and image (`seen_regions`)."""
    return BodyRegions(stated_regions(facts.body_part or ""), facts.seen_regions or ())


def stated_regions(body_part: str) -> tuple[Region, ...]:
    """Regions that a BodyPartExamined names, with those of the trunk between them."""
    text = re.sub(r"[^A-Z]+", " ", body_part.upper().replace("Ä", "AE")).strip()
    found = {region for region, words in _WORDS.items() if re.search(words, text)}
    if _WHOLE.search(text):
        found |= {"neck", "pelvis"}
    along = [i for i, region in enumerate(_TRUNK) if region in found]
    if along:
        found |= set(_TRUNK[along[0] : along[-1] + 1])
    return in_order(found)


def in_order(found: Iterable[Region]) -> tuple[Region, ...]:
    """Each region once, from head to foot."""
    return tuple(sorted(set(found), key=REGIONS.index))
