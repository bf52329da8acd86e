"""Findings that only a comparison of series, or of files, of one import can make."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

from btd_desktop.dicom.findings import concerned, counted, listed, quoted, warning
from btd_desktop.dicom.instance import InstanceFacts
from btd_desktop.dicom.series import FileRecord, SeriesFinding
from btd_desktop.dicom.stack import Slice, Stack

_OF_ONE_PATIENT: Final = (
    ("study_uid", "study_of_several_patients", "Study Instance UID"),
    (
        "frame_of_reference_uid",
        "frame_of_several_patients",
        "Frame of Reference UID",
    ),
)
_OF_ONE_SERIES: Final = (
    ("patient_id", "mixed_patient", "Patient IDs"),
    ("patient_name", "mixed_patient_name", "patient names"),
)
_MAX_FILE_NAME: Final = 4096
# Holders of one UID that the others are compared with: the finding lists no more.
_MAX_COMPARED: Final = 5
_PLACES: Final = (
    ("series_uid", "series"),
    ("study_uid", "study"),
    ("patient_id", "patient"),
)


def check_across(
    by_series: Mapping[str, Sequence[Slice]],
) -> dict[str, list[SeriesFinding]]:
    """Findings about UIDs and pixels that several series share, by series key."""
    found: dict[str, list[SeriesFinding]] = {}
    if len(by_series) < 2:
        return found
    _check_patients(by_series, found)
    _check_instance_uids(by_series, found)
    _check_pixels(by_series, found)
    return found


def check_stacks(stacks: Sequence[Stack]) -> list[SeriesFinding]:
    """Findings that only a comparison of the stacks of one series can make."""
    found = []
    for name, code, words in _OF_ONE_SERIES:
        held = [{s.facts.text.get(name, "") for s in stack.slices} for stack in stacks]
        values = set().union(*held)
        # Within one stack another finding says so.
        if len(values) > 1 and all(len(texts) == 1 for texts in held):
            sentence = (
                f"The stacks of this series carry {len(values)} different {words}, "
                "which the tags of the slices show. Anonymisers and archives that "
                "give several scans one Series Instance UID cause this, and headers "
                "that were corrected in part; slices from elsewhere look the same."
            )
            found.append(warning(code, sentence))
    holders: dict[str, dict[int, Slice]] = {}
    for number, stack in enumerate(stacks):
        for item in stack.slices:
            if item.frame_index == 0 and not item.is_flat:
                holders.setdefault(item.pixel_sha256, {})[number] = item
    shared = [held for held in holders.values() if len(held) > 1]
    if shared:
        sentence = (
            f"{counted(len(shared), 'picture')} of one stack of this series "
            f"{'is' if len(shared) == 1 else 'are'} in another one too, pixel by "
            "pixel: noise makes that impossible for separate measurements. Slices "
            "sent again under new UIDs do this; so do slices copied from another scan."
        )
        uids = [item.uid for held in shared for item in held.values()]
        found.append(warning("repeated_pixels", sentence, uids))
    return found


def check_copies(
    pairs: Sequence[tuple[FileRecord, FileRecord]], first_copy: int, last_copy: int
) -> SeriesFinding:
    """That files which claim the UIDs of a series became a series of their own.

    Args:
        pairs: File of the series and file of the copy, for each UID.
        first_copy: Number of the copy, from 2.
        last_copy: Of the last one, where it is said of several at once.
    """
    other = [pair for pair in pairs if pair[0].pixel_sha256 != pair[1].pixel_sha256]
    first, second = (quoted(item.name, _MAX_FILE_NAME) for item in other[0])
    copies = f"copy {first_copy}"
    if last_copy > first_copy:
        copies = f"copies {first_copy} to {last_copy}"
    return warning(
        "conflicting_copy",
        f"{counted(len(pairs), 'file')} claim the UIDs of other files, "
        f"{len(other)} of them with different pixels ({first} and {second} are the "
        f"first such pair). They are examined as series of their own, {copies}. "
        "Software that writes every scan under the same UIDs does this, and copies "
        "compressed with loss; so do pictures that were changed under their old names.",
        tuple(dict.fromkeys(record.sop_instance_uid for record, _ in other)),
    )


def check_copy(
    first: tuple[FileRecord, InstanceFacts], second: tuple[FileRecord, InstanceFacts]
) -> SeriesFinding | None:
    """What a second file under one SOP Instance UID tells, if anything."""
    (record, facts), (other, other_facts) = first, second
    uid = record.sop_instance_uid
    # Uncut, so that a redacted report recognises the names of files.
    used, unused = (quoted(item.name, _MAX_FILE_NAME) for item in (record, other))
    names = f"({used} was used, {unused} was not)"
    if record.pixel_sha256 != other.pixel_sha256:
        return warning(
            "conflicting_copy",
            f"Two files claim the SOP Instance UID {quoted(uid)} with different "
            f"pixels {names}. A copy compressed with loss explains it; so does a "
            "picture that was changed under its old name.",
            (uid,),
        )
    moved = [
        # Who the other patient is, the tags tell: no name goes into a sentence.
        f"another {words}"
        if name == "patient_id"
        else f"{words} {quoted(other_facts.text.get(name, ''))}"
        for name, words in _PLACES
        if other_facts.text.get(name, "") != facts.text.get(name, "")
    ]
    if not moved:
        return None
    return warning(
        "reused_uid",
        f"A second file with the SOP Instance UID {quoted(uid)} and the same pixels "
        f"belongs to {', '.join(moved)} {names}. Archives that merge or anonymise "
        "leave both; so does a header that was written anew for the old picture.",
        (uid,),
    )


def _check_patients(
    by_series: Mapping[str, Sequence[Slice]], found: dict[str, list[SeriesFinding]]
) -> None:
    for name, code, words in _OF_ONE_PATIENT:
        patients: dict[str, set[str]] = {}
        holders: dict[str, dict[str, None]] = {}
        for key, slices in by_series.items():
            for item in slices:
                if uid := item.facts.text.get(name, ""):
                    holders.setdefault(uid, {})[key] = None
                    patient = item.facts.text.get("patient_id", "")
                    patients.setdefault(uid, set()).add(patient)
        for uid, ids in patients.items():
            # Within one series another finding says so.
            if len(ids) < 2 or len(holders[uid]) < 2:
                continue
            finding = warning(
                code,
                f"Series of {len(ids)} Patient IDs share the {words} {quoted(uid)}. "
                "Anonymisers that rename patients but keep UIDs cause this; so does a "
                "series that was moved to another patient.",
            )
            for key in holders[uid]:
                found.setdefault(key, []).append(finding)


def _check_instance_uids(
    by_series: Mapping[str, Sequence[Slice]], found: dict[str, list[SeriesFinding]]
) -> None:
    """SOP Instance UIDs, which are unique in the world, in more than one series."""
    holders: dict[str, dict[str, Slice]] = {}
    for key, slices in by_series.items():
        for item in slices:
            if uid := item.facts.text.get("sop_instance_uid", ""):
                holders.setdefault(uid, {}).setdefault(key, item)
    pairs: dict[str, list[tuple[Slice, Slice, str]]] = {}
    for holding in holders.values():
        some = list(itertools.islice(holding.items(), _MAX_COMPARED))
        for key, item in holding.items() if len(holding) > 1 else ():
            series = item.facts.text.get("series_uid")
            pairs.setdefault(key, []).extend(
                (item, other, name)
                for name, other in some
                # Copies of one series have a finding of their own.
                if other.facts.text.get("series_uid") != series
            )
    for key, found_pairs in pairs.items():
        if found_pairs:
            found.setdefault(key, []).append(_reused(found_pairs, by_series[key]))


def _reused(
    pairs: Sequence[tuple[Slice, Slice, str]], slices: Sequence[Slice]
) -> SeriesFinding:
    mine = {item.uid: item for item, _, _ in pairs}
    n_same = len({a.uid for a, b, _ in pairs if a.pixel_sha256 == b.pixel_sha256})
    pixels = f"{n_same} of them with the same pixels"
    if n_same in (0, len(mine)):
        pixels = "with other pixels" if n_same == 0 else "with the same pixels"
    moved = [
        f"another {words}"
        for name, words in _PLACES[1:]
        if any(
            a.facts.text.get(name, "") != b.facts.text.get(name, "")
            for a, b, _ in pairs
        )
    ]
    elsewhere = f", of {' and '.join(moved)}" if moved else ""
    return warning(
        "reused_uid",
        f"{counted(len(mine), 'slice')} carry SOP Instance UIDs that another series "
        f"carries too ({listed(name for _, _, name in pairs)}{elsewhere}), {pixels}. "
        "All are examined. Anonymisers that number instances anew in every series "
        "cause this, and archives that merge; so does a header that was copied.",
        concerned(list(mine.values()), slices),
    )


def _check_pixels(
    by_series: Mapping[str, Sequence[Slice]], found: dict[str, list[SeriesFinding]]
) -> None:
    holders: dict[str, set[str]] = {}
    for key, slices in by_series.items():
        for item in slices:
            holders.setdefault(item.pixel_sha256, set()).add(key)
    for key, slices in by_series.items():
        shared = [
            item
            for item in slices
            if len(holders[item.pixel_sha256]) > 1
            # Empty slices are alike on their own.
            and not item.is_flat
        ]
        if not shared:
            continue
        others = set().union(*(holders[item.pixel_sha256] for item in shared)) - {key}
        found.setdefault(key, []).append(
            warning(
                "pixels_elsewhere",
                f"Exactly the pixels of {counted(len(shared), 'slice')} are also in "
                f"another series ({listed(others)}): noise makes that impossible for "
                "separate scans. A series sent twice under new UIDs does this; so do "
                "slices copied from another scan.",
                concerned(shared, slices),
            )
        )
