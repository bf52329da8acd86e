"""Findings about DICOM digital signatures, from what the parsing process checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Final

from btd_desktop.dicom.findings import counted, note, quoted, visible, warning
from btd_desktop.dicom.instance import SignatureFacts
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.dicom.stack import Slice, grouped

_ALIKE: Final = attrgetter(
    "state", "reason", "signer", "algorithm", "covers_pixels", "remarks"
)


def check_signatures(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    """Which signatures are there, and whether they match (PS3.15 annex C)."""
    signed = [(item, facts) for item in slices for facts in item.facts.signatures]
    for members in grouped(signed, lambda pair: _ALIKE(pair[1])).values():
        concerned = list(dict.fromkeys(item.uid for item, _ in members))
        uids = [] if len(concerned) == len(slices) else concerned
        yield _finding(members[0][1], len(concerned), uids)
    n_signed = sum(1 for item in slices if item.facts.signatures)
    if 0 < n_signed < len(slices):
        yield warning(
            "partly_signed",
            f"{n_signed} of {len(slices)} slices carry a digital signature, the "
            "others none. A device that signs does so for all it writes: the others "
            "were added, or lost their signature when they were changed.",
            [item.uid for item in slices if not item.facts.signatures],
        )


def _finding(
    facts: SignatureFacts, n_slices: int, uids: Sequence[str]
) -> SeriesFinding:
    signer = f" by {quoted(facts.signer, 240)}" if facts.signer else ""
    date = f", dated {quoted(facts.signed_at)}" if facts.signed_at else ""
    count = counted(n_slices, "slice")
    scope = (
        f"{facts.n_elements} elements, the pixels among them"
        if facts.covers_pixels
        else f"{facts.n_elements} elements, NOT the pixels"
    )
    remarks = "".join(f" {visible(remark)}" for remark in facts.remarks)
    if facts.state == "verified":
        return note(
            "signature_matches",
            f"The digital signature{signer}{date} of {count} matches: {scope} are as "
            f"they were signed.{remarks} Whose key it is was not checked against any "
            "authority; who edits an image can also sign it anew.",
            uids,
        )
    if facts.state == "failed":
        return warning(
            "signature_fails",
            f"The digital signature{signer}{date} of {count} does not match ({scope}, "
            f"{visible(facts.algorithm, 20)}): what was signed is not what is there. "
            "Software that re-encodes or corrects a header after signing breaks it "
            f"without harm to the picture; a changed picture breaks it too.{remarks}",
            uids,
        )
    return note(
        "signature_unchecked",
        f"A digital signature{signer}{date} is present in {count} and could not be "
        f"checked: {visible(facts.reason)}. It says nothing for or against the images.",
        uids,
    )
