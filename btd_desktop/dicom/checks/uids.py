"""Findings about UIDs: their form, who issued them, and whether they fit together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from btd_desktop.dicom.findings import about, concerned, note, quoted, warning
from btd_desktop.dicom.makers import maker_named
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.dicom.stack import Slice, grouped
from btd_desktop.dicom.uid_roots import RootKind, root_of, stem_of

_CHECKED: Final = {
    "sop_instance_uid": "SOP Instance UID",
    "series_uid": "Series Instance UID",
    "study_uid": "Study Instance UID",
    "frame_of_reference_uid": "Frame of Reference UID",
}
_REQUIRED: Final = ("sop_instance_uid", "series_uid", "study_uid")
_MAX_LENGTH: Final = 64
_COMPONENTS: Final = re.compile(r"\d+(\.\d+)*", re.ASCII)
_LEADING_ZERO: Final = re.compile(r"(^|\.)0\d", re.ASCII)


def check_uids(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    """Findings about the UIDs of a series (PS3.5 chapter 9)."""
    yield from about(
        slices,
        "no_series_uid",
        "warning",
        "No Series Instance UID: files of one folder were taken as a series.",
        lambda item: not item.facts.text.get("series_uid"),
    )
    yield from _check_form(slices)
    yield from _check_mixed_issuers(slices)
    yield from _check_issuers(slices)
    yield from _check_file_meta(slices)


def uid_fault(uid: str) -> str:
    """What breaks the rules for a UID (PS3.5 9.1), "" when nothing does."""
    if not _COMPONENTS.fullmatch(uid):
        return "holds other characters than digits between single dots"
    if _LEADING_ZERO.search(uid):
        return "has a component with a leading zero"
    if len(uid) > _MAX_LENGTH:
        return f"has {len(uid)} characters, {_MAX_LENGTH} are allowed"
    if "." not in uid:
        return "is a number alone, from which no issuer can be told"
    if uid[0] not in "012":
        return "starts with a number that no authority gives out"
    return ""


def _check_form(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    for name, words in _CHECKED.items():
        by_uid = [(item.facts.text.get(name, ""), item) for item in slices]
        stated = [pair for pair in by_uid if pair[0]]
        for fault, pairs in grouped(stated, lambda pair: uid_fault(pair[0])).items():
            if not fault:
                continue
            uid, items = pairs[0][0], [item for _, item in pairs]
            yield warning(
                "bad_uid",
                f"The {words} {quoted(uid)} {fault}. Scanners do not write such; old "
                "or home-made software does, and people who type them.",
                concerned(items, slices),
            )
    missing = [
        words
        for name, words in _CHECKED.items()
        if name in _REQUIRED
        and name != "series_uid"
        and any(not item.facts.text.get(name) for item in slices)
    ]
    if missing:
        yield from about(
            slices,
            "missing_uid",
            "warning",
            f"Files without {' and '.join(missing)}. Every image must have it; some "
            "converters leave it out, and so does a header put together by hand.",
            lambda item: any(not item.facts.text.get(name) for name in _REQUIRED),
        )


def _check_mixed_issuers(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    """Slices whose UID comes from another number space than that of the rest."""
    # A number alone has no issuer to compare.
    issued = [s for s in slices if "." in s.facts.text.get("sop_instance_uid", "")]
    by_stem = grouped(issued, lambda s: stem_of(s.facts.text["sop_instance_uid"]))
    if len(by_stem) < 2:
        return
    most = Counter({stem: len(items) for stem, items in by_stem.items()}).most_common()
    others = [item for stem, _ in most[1:] for item in by_stem[stem]]
    yield warning(
        "mixed_uid_issuers",
        f"SOP Instance UIDs start differently: {_issuer(most[0][0])} in most slices, "
        f"{_issuer(most[1][0])} in {most[1][1]}. One scanner issues the UIDs of a "
        "series alike; slices that passed through other software get new ones.",
        [item.uid for item in others],
    )


def _check_issuers(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    text = slices[0].facts.text
    stems: dict[str, str] = {}
    for name, words in _CHECKED.items():
        uid = text.get(name, "")
        known = root_of(uid)
        if "." in uid:
            stems[words] = stem_of(uid)
        if known is None or name != "sop_instance_uid":
            continue
        if known.kind is RootKind.SCANNER:
            yield from _check_maker(slices, known.owner)
        elif known.kind is RootKind.RANDOM:
            yield note(
                "uid_random",
                f"UIDs begin with 2.25, which is followed by {known.owner}: no maker "
                "shows in them. Some scanners and most anonymisers issue such, as "
                "does software that writes a new image.",
            )
        else:
            what = (
                "the archive re-issued them when it removed names"
                if known.kind is RootKind.ANONYMISER
                else "that software wrote the images anew, for instance to remove "
                "names, to convert or to edit"
            )
            yield note(
                "uid_reissued",
                f"UIDs begin with {known.root}, the number space of {known.owner}, "
                f"not of a scanner: {what}.",
            )
    if len(set(stems.values())) > 1:
        parts = "; ".join(f"{words} {quoted(stem)}" for words, stem in stems.items())
        yield note(
            "uid_issuers_differ",
            f"The UIDs of one image come from different number spaces ({parts}). A "
            "work list or an archive may have issued the study's; it is also what "
            "images look like that were put into another series.",
        )


def _check_maker(slices: Sequence[Slice], owner: str) -> Iterator[SeriesFinding]:
    stated = slices[0].facts.text.get("manufacturer", "")
    maker = maker_named(stated)
    if maker and maker != owner:
        yield warning(
            "uid_other_maker",
            f"SOP Instance UIDs come from the number space of {owner}, while the "
            f"manufacturer is {quoted(stated)}. A workstation of the other maker may "
            "have made the images; or parts of two headers were put together.",
        )


def _check_file_meta(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    for code, meta, name, words in (
        ("meta_uid", "meta_sop_instance_uid", "sop_instance_uid", "SOP Instance UID"),
        ("meta_class", "meta_sop_class_uid", "sop_class_uid", "SOP Class UID"),
    ):
        odd = [
            item
            for item in slices
            if (stated := item.facts.text.get(meta))
            and stated != item.facts.text.get(name, "")
        ]
        if not odd:
            continue
        text = odd[0].facts.text
        yield warning(
            code,
            f"The {words} in the file's own header ({quoted(text[meta])}) is not that "
            f"of the image ({quoted(text.get(name, ''))}). Software that changes one "
            "and forgets the other leaves this behind, an anonymiser as well as an "
            "editor.",
            concerned(odd, slices),
        )


def _issuer(stem: str) -> str:
    known = root_of(stem)
    return f"{stem} ({known.owner})" if known is not None else quoted(stem)
