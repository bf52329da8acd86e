"""DICOM digital signatures of one instance: do they match? Parsing process.

A signature (PS3.3 C.12.1.1.3) names a list of elements; their bytes, in a stated
explicit VR transfer syntax, and those of the signature item itself are hashed, and the
hash is signed with the key of an X.509 certificate (PS3.15 annex C). Signatures inside
sequence items are mentioned, not checked. A file cannot answer whose key it is: no
certificate is trusted or distrusted here.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pydicom.tag import Tag

from btd_desktop.dicom.element_stream import (
    ITEM,
    LONG_VRS,
    PIXEL_TAGS,
    Element,
    StreamError,
    meta_length,
    read_elements,
)
from btd_desktop.dicom.instance import SignatureFacts
from btd_desktop.dicom.signer_certificate import (
    HASHES,
    UncheckableError,
    certificate_remarks,
    has_matching_signature,
    read_certificate,
    subject_of,
)

_SIGNATURES: Final = 0xFFFAFFFA
_MAC_PARAMETERS: Final = 0x4FFE0001
_MAC_ID, _MAC_SYNTAX = 0x04000005, 0x04000010
_MAC_ALGORITHM, _ELEMENTS_SIGNED = 0x04000015, 0x04000020
_SIGNED_AT, _CERTIFICATE_TYPE = 0x04000105, 0x04000110
_CERTIFICATE, _SIGNATURE = 0x04000115, 0x04000120
# The signature's own item is signed too, except for these (PS3.3 C.12.1.1.3.1.2).
_NOT_SIGNED_IN_ITEM: Final = (_CERTIFICATE, _SIGNATURE, 0x04000305, 0x04000310)
_BITS_ALLOCATED: Final = 0x00280100
_PIXEL_SIGN: Final = 0x00280103
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_DEFLATED, _BIG = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
_ENCAPSULATED: Final = ("1.2.840.10008.1.2.4.", "1.2.840.10008.1.2.5")
_SEQUENCE_END_TAG: Final = struct.pack("<HH", 0xFFFE, 0xE0DD)
_ITEM_TAG: Final = struct.pack("<HH", ITEM >> 16, ITEM & 0xFFFF)
_MAX_SIGNATURES: Final = 16


def read_signatures(
    data: bytes, transfer_syntax_uid: str, *, is_stated: bool
) -> tuple[SignatureFacts, ...]:
    """Each signature of the instance, checked as far as possible; () when none.

    Args:
        data: The file; of a deflated one, with its dataset inflated.
        transfer_syntax_uid: Of the file as received.
        is_stated: True when the dataset is known to hold signatures. Otherwise a file
            that cannot be read element by element has none to speak of.
    """
    if transfer_syntax_uid == _BIG:
        return (_unchecked("the file is big endian"),) if is_stated else ()
    try:
        start = meta_length(data) if data[128:132] == b"DICM" else 0
        dataset = tuple(
            read_elements(
                memoryview(data)[start:], is_implicit=transfer_syntax_uid == _IMPLICIT
            )
        )
    except StreamError as error:
        reason = f"the file cannot be read element by element ({error})"
        return (_unchecked(reason),) if is_stated else ()
    found = [
        _check(dataset, item, transfer_syntax_uid)
        for item in _items(dataset, _SIGNATURES)[:_MAX_SIGNATURES]
    ]
    if any(_holds_signatures(element) for element in dataset):
        found.append(_unchecked("it signs an item inside a sequence, not the image"))
    if is_stated and not found:
        return (_unchecked("its sequence holds no signature"),)
    return tuple(found)


def _unchecked(reason: str) -> SignatureFacts:
    return SignatureFacts(state="unchecked", reason=reason)


def _holds_signatures(element: Element) -> bool:
    """True when an item below this element carries signatures of its own."""
    if element.tag == _SIGNATURES:
        return False
    return any(
        inner.tag == _SIGNATURES or _holds_signatures(inner)
        for item in element.items or ()
        for inner in item
    )


def _check(
    dataset: tuple[Element, ...], item: tuple[Element, ...], syntax: str
) -> SignatureFacts:
    signed_at = _text(item, _SIGNED_AT)
    facts = SignatureFacts("unchecked", signed_at=signed_at)
    try:
        parameters = _parameters(dataset, item)
        tags = _tags(parameters)
        algorithm = _text(parameters, _MAC_ALGORITHM)
        facts = replace(
            facts,
            algorithm=algorithm,
            n_elements=len(tags),
            covers_pixels=any(tag in PIXEL_TAGS for tag in tags),
        )
        certificate = read_certificate(
            _text(item, _CERTIFICATE_TYPE), bytes(_value(item, _CERTIFICATE))
        )
        facts = replace(facts, signer=subject_of(certificate))
        _check_syntax(_text(parameters, _MAC_SYNTAX), syntax, tags)
        digest = _digest(dataset, item, tags, algorithm)
        is_intact = has_matching_signature(
            certificate, bytes(_value(item, _SIGNATURE)), digest, algorithm
        )
        remarks = certificate_remarks(certificate, signed_at, algorithm)
    except UncheckableError as error:
        return replace(facts, reason=str(error))
    return replace(facts, state="verified" if is_intact else "failed", remarks=remarks)


def _parameters(
    dataset: tuple[Element, ...], item: tuple[Element, ...]
) -> tuple[Element, ...]:
    """The item of the MAC Parameters Sequence that a signature refers to."""
    wanted = bytes(_value(item, _MAC_ID))
    found = [
        parameters
        for parameters in _items(dataset, _MAC_PARAMETERS)
        if bytes(_value(parameters, _MAC_ID)) == wanted
    ]
    if len(wanted) != 2 or len(found) != 1:
        raise UncheckableError(
            f"{len(found)} sets of MAC parameters have the number that it refers to"
        )
    return found[0]


def _tags(parameters: tuple[Element, ...]) -> tuple[int, ...]:
    value = bytes(_value(parameters, _ELEMENTS_SIGNED))
    if not value or len(value) % 4:
        raise UncheckableError("the list of signed elements is missing or broken")
    numbers = struct.unpack(f"<{len(value) // 2}H", value)
    return tuple(
        group << 16 | element
        for group, element in zip(numbers[::2], numbers[1::2], strict=True)
    )


def _check_syntax(mac: str, of_file: str, tags: tuple[int, ...]) -> None:
    """Raise unless the signed byte stream can be rebuilt from this file."""
    is_encapsulated = mac.startswith(_ENCAPSULATED)
    if mac != _EXPLICIT and not is_encapsulated:
        raise UncheckableError(f"it was made in transfer syntax {mac or 'unknown'}")
    if not any(tag in PIXEL_TAGS for tag in tags):
        return
    native = (_EXPLICIT, _IMPLICIT, _DEFLATED)
    matches = mac == of_file if is_encapsulated else of_file in native
    if not matches:
        raise UncheckableError(
            f"the pixels were signed in transfer syntax {mac} and are now in "
            f"{of_file or 'another one'}: they were re-encoded after signing"
        )


def _digest(
    dataset: tuple[Element, ...],
    item: tuple[Element, ...],
    tags: tuple[int, ...],
    algorithm: str,
) -> bytes:
    if algorithm not in HASHES:
        raise UncheckableError(f"its hash ({algorithm or 'none stated'}) is not known")
    try:
        mac = hashlib.new(HASHES[algorithm], usedforsecurity=False)
    except ValueError as error:
        raise UncheckableError(
            f"the hash {algorithm} is not built into this program"
        ) from error
    signed = frozenset(tags)
    stream = _Stream(_whole(dataset, _BITS_ALLOCATED), _whole(dataset, _PIXEL_SIGN))
    for element in dataset:
        if element.tag in signed:
            if not _is_signable(element):
                raise UncheckableError(
                    f"it signs the element {Tag(element.tag)}, whose VR is not known"
                )
            for part in stream.parts(element):
                mac.update(part)
    for element in item:
        if element.tag not in _NOT_SIGNED_IN_ITEM and _is_signable(element):
            for part in stream.parts(element):
                mac.update(part)
    return mac.digest()


def _is_signable(element: Element) -> bool:
    """Not one of those that PS3.3 C.12.1.1.3.1.1 leaves out of every signature."""
    group, number = element.tag >> 16, element.tag & 0xFFFF
    if group < 8 or group == 0xFFFA or number == 0 or element.vr == b"UN":
        return False
    return element.tag not in (0x00080001, _MAC_PARAMETERS, 0xFFFCFFFC)


class _Stream:
    """Elements as the byte stream that is hashed (PS3.3 C.12.1.1.3.1.2)."""

    def __init__(self, bits_allocated: int | None, sign: int | None) -> None:
        self._pixel_vr = b"OB" if bits_allocated == 8 else b"OW"
        self._sample_vr = b"SS" if sign == 1 else b"US"

    def parts(self, element: Element) -> Iterable[bytes | memoryview]:
        """Bytes of one element; lengths of sequences and items are left out."""
        vr = self._settled_vr(element)
        tag = struct.pack("<HH", element.tag >> 16, element.tag & 0xFFFF)
        if element.items is None and element.fragments is None:
            length = len(element.value)
            if vr not in LONG_VRS and length > 0xFFFF:
                raise UncheckableError(f"{Tag(element.tag)} is too long")
            form = "<HI" if vr in LONG_VRS else "<H"
            fields = (0, length) if vr in LONG_VRS else (length,)
            yield tag + vr + struct.pack(form, *fields)
            yield element.value
            return
        yield tag + vr + b"\0\0"
        for fragment in element.fragments or ():
            yield _ITEM_TAG
            yield fragment
        for item in element.items or ():
            yield _ITEM_TAG
            for inner in item:
                if _is_signable(inner):
                    yield from self.parts(inner)
        yield _SEQUENCE_END_TAG

    def _settled_vr(self, element: Element) -> bytes:
        """VR of an element that the dictionary leaves open in implicit VR."""
        if element.vr == b"OB or OW":
            return self._pixel_vr
        if element.vr == b"US or SS":
            return self._sample_vr
        if len(element.vr) != 2:
            raise UncheckableError(
                f"the VR of {Tag(element.tag)} cannot be told in implicit VR"
            )
        return element.vr


def _items(elements: tuple[Element, ...], tag: int) -> tuple[tuple[Element, ...], ...]:
    return next((e.items or () for e in elements if e.tag == tag), ())


def _value(elements: tuple[Element, ...], tag: int) -> memoryview:
    return next((e.value for e in elements if e.tag == tag), memoryview(b""))


def _text(elements: tuple[Element, ...], tag: int) -> str:
    return bytes(_value(elements, tag)).decode("latin-1").strip("\0 ")[:64]


def _whole(elements: tuple[Element, ...], tag: int) -> int | None:
    value = bytes(_value(elements, tag))
    return int.from_bytes(value, "little") if len(value) == 2 else None
