"""The facts of one DICOM instance that ordering, rescaling and the checks need.

Filled in the parsing process, sent over the pipe as JSON, and validated again on
arrival: whatever comes out of a process that read hostile input is untrusted too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

SIGNATURE_STATES: Final = ("verified", "failed", "unchecked")


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

    position: tuple[float, ...] | None = None
    orientation: tuple[float, ...] | None = None
    spacing: tuple[float, ...] | None = None
    slope: float | None = None
    intercept: float | None = None
    thickness_mm: float | None = None
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

    state: str
    reason: str = ""
    signer: str = ""
    algorithm: str = ""
    signed_at: str = ""
    n_elements: int = 0
    covers_pixels: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """Header facts of one instance.

    Attributes:
        text: Text elements by the names in `header.TEXT_ELEMENTS`, plus `sop_class`
            (its name), `transfer_syntax` (UID), `preamble`, `private_creators` (joined
            by backslashes), and the names in `file_meta.META_ELEMENTS`.
        number: Numeric elements by the names in `header.NUMBER_ELEMENTS`.
        frames: At least one; the last one also holds for all frames after it.
        window: [centre, width] for display, or None.
        padding: Lowest and highest stored value that means "not measured", or None.
        flags: Facts that are there or not, by code (see `header.read_facts`).
        remarks: (code, sentence) about elements that break the standard.
        signatures: Digital signatures of the instance as a whole.
        elements: Every element of the header as short text (`dicom.elements`).
    """

    text: dict[str, str]
    number: dict[str, float]
    frames: tuple[FrameFacts, ...]
    window: tuple[float, ...] | None = None
    padding: tuple[float, ...] | None = None
    flags: tuple[str, ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()
    signatures: tuple[SignatureFacts, ...] = ()
    elements: dict[str, str] = field(default_factory=dict)


def facts_to_json(facts: InstanceFacts) -> dict[str, Any]:
    """Facts as JSON values, which share their parts with the facts.

    `dataclasses.asdict` copies every text of the header one by one.
    """
    return {
        **_fields(facts),
        "frames": [_fields(frame) for frame in facts.frames],
        "signatures": [_fields(signature) for signature in facts.signatures],
    }


def _fields(facts: InstanceFacts | FrameFacts | SignatureFacts) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in facts.__slots__}


def facts_from_json(value: Any) -> InstanceFacts:  # noqa: ANN401 - JSON, checked here
    """Facts from JSON values.

    Raises:
        ValueError: A value is missing or of another type than promised.
    """
    try:
        return InstanceFacts(
            text={str(k): _text(v) for k, v in value["text"].items()},
            number={str(k): _finite(v) for k, v in value["number"].items()},
            frames=tuple(_frame(frame) for frame in value["frames"]),
            window=_floats(value["window"], 2),
            padding=_floats(value["padding"], 2),
            flags=tuple(_text(flag) for flag in value["flags"]),
            remarks=tuple((_text(a), _text(b)) for a, b in value["remarks"]),
            signatures=tuple(_signature(item) for item in value["signatures"]),
            elements={str(k): _text(v) for k, v in value["elements"].items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("facts are incomplete") from error


def _signature(value: Any) -> SignatureFacts:  # noqa: ANN401 - JSON, checked here
    state = _text(value["state"])
    if state not in SIGNATURE_STATES:
        raise ValueError("unknown state of a signature")
    return SignatureFacts(
        state=state,
        reason=_text(value["reason"]),
        signer=_text(value["signer"]),
        algorithm=_text(value["algorithm"]),
        signed_at=_text(value["signed_at"]),
        n_elements=int(_finite(value["n_elements"])),
        covers_pixels=value["covers_pixels"] is True,
        remarks=tuple(_text(item) for item in value["remarks"]),
    )


def _frame(value: Any) -> FrameFacts:  # noqa: ANN401 - JSON, checked here
    return FrameFacts(
        position=_floats(value["position"], 3),
        orientation=_floats(value["orientation"], 6),
        spacing=_floats(value["spacing"], 2),
        slope=None if value["slope"] is None else _finite(value["slope"]),
        intercept=None if value["intercept"] is None else _finite(value["intercept"]),
        thickness_mm=(
            None if value["thickness_mm"] is None else _finite(value["thickness_mm"])
        ),
        phase={str(k): _text(v) for k, v in value["phase"].items()},
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _finite(value: Any) -> float:  # noqa: ANN401 - JSON, checked here
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _floats(value: Any, count: int) -> tuple[float, ...] | None:  # noqa: ANN401 - JSON, checked here
    if value is None:
        return None
    numbers = tuple(_finite(item) for item in value)
    if len(numbers) != count:
        raise ValueError(f"expected {count} numbers")
    return numbers
