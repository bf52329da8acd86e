"""Regions of the body that a profile holds, and what they say of a series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from btd_desktop.preprocess.region import REGIONS, body_regions
from btd_desktop.volume import Region, SeriesFacts

RegionKey = Region | Literal["not known"]
NOT_KNOWN: Literal["not known"] = "not known"
_KEYS: tuple[RegionKey, ...] = (*REGIONS, NOT_KNOWN)
_WORDS: dict[RegionKey, str] = {"extremity": "limbs", NOT_KNOWN: "regions not known"}


def count_regions(
    series: Iterable[tuple[str, SeriesFacts]],
) -> dict[RegionKey, int]:
    """Number of patients of each region; of none that is known under "not known".

    Args:
        series: Key of the patient and facts of each series.
    """
    of_patient: dict[str, set[RegionKey]] = {}
    for patient, facts in series:
        of_patient.setdefault(patient, set()).update(body_regions(facts).found)
    n = Counter(r for found in of_patient.values() for r in found or {NOT_KNOWN})
    return {key: n[key] for key in _KEYS if n[key]}


def regions_text(counts: Mapping[RegionKey, int]) -> str:
    """Regions and their patients in words, from head to foot."""
    return _joined(
        [
            f"{_WORDS.get(key, key)} ({n} patient{'' if n == 1 else 's'})"
            for key in _KEYS
            if (n := counts.get(key, 0))
        ]
    )


def region_reasons(
    counts: Mapping[RegionKey, int], facts: SeriesFacts, fewest: int
) -> tuple[list[str], list[str]]:
    """Why the region of a series is not among those of a profile.

    A region of too few patients is a doubt in CT and a refusal in MR, where coil and
    sequence go with the region and shape the noise.

    Args:
        counts: As `count_regions` gives them.
        facts: Facts of the series.
        fewest: Patients of a region below which it is in doubt.

    Returns:
        Refusals, where both sides are known and differ throughout, and doubts.
    """
    known = body_regions(facts)
    enough = {key for key, n in counts.items() if n >= fewest}
    if not known.found:
        why = [_why_not_known(facts)]
        is_open = facts.modality == "CT" or NOT_KNOWN in enough
        return ([], why) if is_open else (why, [])
    doubts = []
    lacking = [r for r in known.found if not counts.get(r)]
    several = len(lacking) < len(known.found)
    missing = (
        f"the profile holds scans of the {regions_text(counts)}; this series "
        f"{'shows' if known.seen else 'is by its header of'} the {_named(lacking)}"
        f"{' too' if several else ''}"
    )
    if known.contradict:
        doubts.append(
            f"the header states the {_named(known.stated)}, the image shows the "
            f"{_named(known.seen)}"
        )
    # A header that states what the profile holds, or patients whose region nobody
    # knows, leave it open.
    held = any(counts.get(r) for r in (*known.found, *known.stated))
    if not held and counts.get(NOT_KNOWN, 0) < fewest:
        return [missing, *doubts], []
    if lacking:
        doubts.insert(0, missing)
    few = [
        f"of the {_named([r])} the profile holds {n} patient(s) only"
        for r in known.found
        if 0 < (n := counts.get(r, 0)) < fewest
    ]
    if facts.modality == "CT" or enough & {*known.found, *known.stated, NOT_KNOWN}:
        return [], doubts + few
    return few, doubts


def _why_not_known(facts: SeriesFacts) -> str:
    if facts.modality != "CT":
        why = f"of {facts.modality} the image is not read"
    elif facts.seen_regions is None:
        why = "the image was not read"
    else:
        why = "the image shows none that the program knows"
    return f"the region of the body is not known: the files do not state it, and {why}"


def _named(regions: Sequence[Region]) -> str:
    return _joined([_WORDS.get(region, region) for region in regions])


def _joined(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
