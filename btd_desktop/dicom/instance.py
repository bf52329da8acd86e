"""The facts of one DICOM instance that ordering, rescaling and the checks need.

Filled in the parsing process, sent over the pipe as JSON, and validated again on
arrival: whatever comes out of a process that read hostile input is untrusted too.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

_LARGEST = sys.float_info.max
Finite = Annotated[float, Meta(ge=-_LARGEST, le=_LARGEST)]
Two = Annotated[tuple[Finite, ...], Meta(min_length=2, max_length=2)]
Three = Annotated[tuple[Finite, ...], Meta(min_length=3, max_length=3)]
Six = Annotated[tuple[Finite, ...], Meta(min_length=6, max_length=6)]


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """Geometry and rescale of one frame; None where the file does not say.

    Attributes:
        position: ImagePositionPatient, (x, y, z) in LPS mm.
        orientation: ImageOrientationPatient: row direction, column direction.
        spacing: PixelSpacing: between rows, between columns, mm.
        slope: RescaleSlope.
        intercept: RescaleIntercept.
        thickness_mm: SliceThickness.
        phase: What tells the frame from others of its instance, as `elements` does.
    """

    position: Three | None = None
    orientation: Six | None = None
    spacing: Two | None = None
    slope: Finite | None = None
    intercept: Finite | None = None
    thickness_mm: Finite | None = None
    phase: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SignatureFacts:
    """One DICOM digital signature of an instance (PS3.3 C.12.1.1.3).

    Attributes:
        state: "verified" (the signed elements are those that were signed), "failed"
            (they are not), or "unchecked".
        reason: Why it is unchecked; "" otherwise.
        signer: Subject of the certificate; "" when there is none to read.
        algorithm: MAC Algorithm as stated, for instance "SHA256".
        signed_at: DigitalSignatureDateTime as stated.
        n_elements: Number of top-level elements in the list of signed ones.
        covers_pixels: True when Pixel Data are in that list.
        remarks: Sentences about certificate, date or algorithm.
    """

    state: Literal["verified", "failed", "unchecked"]
    reason: str = ""
    signer: str = ""
    algorithm: str = ""
    signed_at: str = ""
    n_elements: Annotated[int, Meta(ge=0)] = 0
    covers_pixels: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """Header facts of one instance.

    Attributes:
        text: Text elements by the names in `header.TEXT_ELEMENTS`, plus `sop_class`
            (its name), `transfer_syntax` (UID), `preamble`, `private_creators` (joined
            by backslashes), `real_world_unit`, and the names in
            `instance_file.META_ELEMENTS`.
        number: Numeric elements by the names in `header.NUMBER_ELEMENTS`, plus
            `real_world_slope`, `real_world_intercept` and those of
            `pixels.DecodedPixels`.
        frames: At least one; the last one also holds for all frames after it.
        window: [centre, width] for display, or None.
        padding: Lowest and highest stored value that means "not measured", or None.
        flags: Facts that are there or not, by code (see `header.read_facts` and
            `pixels.DecodedPixels`).
        remarks: (code or keyword, sentence) about what breaks the standard.
        signatures: Digital signatures of the instance as a whole.
        elements: Every element of the header as short text (`dicom.elements`).
    """

    text: dict[str, str]
    number: dict[str, Finite]
    frames: tuple[FrameFacts, ...]
    window: Two | None = None
    padding: Two | None = None
    flags: tuple[str, ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()
    signatures: tuple[SignatureFacts, ...] = ()
    elements: dict[str, str] = field(default_factory=dict)
