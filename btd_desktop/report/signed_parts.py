"""The parts of a signed PDF that pyHanko leaves to the caller.

A PDF signature cannot cover its own bytes: the hexadecimal text of /Contents. Its
digits may be written in two cases, be followed by padding, and hold an encoding with
fields that nothing signs. Each of these must have the form that signing gave it;
otherwise a changed byte there would go unnoticed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from asn1crypto import cms, parser, x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import Certificate, load_der_x509_certificate
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import (
    HistoricalResolver,
    PdfFileReader,
)
from pyhanko.sign.validation import EmbeddedPdfSignature

from btd_desktop.digest import bytes_digest
from btd_desktop.report.attachments import ATTACHED, TWIN_NAME
from btd_desktop.report.pages import TWIN_KEYWORD

_HEX: Final = re.compile(rb"(?:[0-9A-Fa-f]{2})+")
_ACTIVE: Final = {
    "/AA": "an action",
    "/Collection": "a folder of files",
    "/JS": "a script",
    "/JavaScript": "a script",
    "/OC": "a layer that can be hidden",
    "/OCProperties": "layers that can be hidden",
    "/OpenAction": "an action on opening",
    "/PA": "an action",
    "/RichMediaContent": "media",
    "/XFA": "a form that draws itself",
}
"""Keys that no report holds, by what they would bring in (ISO 32000-2, 12.6, 8.11)."""
_ODD_LIST: Final = "the list of attached files has a form that reports never have"
_ANNOTATIONS: Final = ("/Link", "/Widget")
_INFO_OF_SIGNING: Final = ("/ModDate", "/Producer")
_XMP_OF_SIGNING: Final = re.compile(
    rb"""<(xmp:ModifyDate|xmp:MetadataDate|pdf:Producer)>[^<]*</\1>
    |(?:xmp:ModifyDate|xmp:MetadataDate|pdf:Producer|x:xmptk)=(?:"[^"]*"|'[^']*')
    |\s+""",
    re.VERBOSE,
)
_LARGEST_TWIN: Final = 1 << 28
_DIGEST: Final = re.compile(re.escape(TWIN_KEYWORD) + r"([0-9a-f]{64})(?![0-9a-f])")


def contents_problems(
    data: bytes, signature: EmbeddedPdfSignature, *, is_own: bool
) -> list[str]:
    """What is wrong with the bytes of the signature itself.

    Args:
        data: The whole file.
        signature: One of its signatures.
        is_own: True for the signature that this program made, whose form is known to
            the last byte; other programs counter-sign in forms of their own.
    """
    _, first_length, second_start, _ = (int(part) for part in signature.byte_range)
    gap = data[first_length:second_start]
    digits = gap[1:-1]
    if (
        gap[:1] != b"<"
        or gap[-1:] != b">"
        or digits
        not in (
            digits.upper(),
            digits.lower(),
        )
    ):
        return ["the bytes of the signature are not written as signing writes them"]
    if not _HEX.fullmatch(digits):
        return ["the bytes of the signature are not hexadecimal digits"]
    content = bytes.fromhex(digits.decode("ascii"))
    length = parser.peek(content)
    if any(content[length:]):
        return ["there is something in the padding behind the signature"]
    if not is_own:
        return []
    encoded = content[:length]
    if _rebuilt(encoded, signature.signer_cert) != encoded:
        return ["the signature has another form than this program gives it"]
    return _unvouched(signature.other_embedded_certs)


def _rebuilt(encoded: bytes, signer: x509.Certificate) -> bytes:
    """The signature put together anew from its signed or verified parts.

    Versions, algorithm lists and tags of a CMS object are signed by nobody. They get
    the values of PAdES B-B here, so that a change of any of them shows.
    """
    signed = cms.ContentInfo.load(encoded, strict=True)["content"]
    certificates = [choice.chosen for choice in signed["certificates"]]
    (info,) = signed["signer_infos"]
    name = info["digest_algorithm"]["algorithm"].native
    issuer = cms.IssuerAndSerialNumber(
        {"issuer": signer.issuer, "serial_number": signer.serial_number}
    )
    mechanism = info["signature_algorithm"]["algorithm"].native
    again = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier({"issuer_and_serial_number": issuer}),
            "digest_algorithm": cms.DigestAlgorithm({"algorithm": name}),
            "signed_attrs": cms.CMSAttributes(list(info["signed_attrs"])),
            "signature_algorithm": cms.SignedDigestAlgorithm({"algorithm": mechanism}),
            "signature": info["signature"].native,
        }
    )
    data = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [cms.DigestAlgorithm({"algorithm": name})],
            "encap_content_info": {"content_type": "data"},
            "certificates": certificates,
            "signer_infos": [again],
        }
    )
    return bytes(
        cms.ContentInfo({"content_type": "signed_data", "content": data}).dump()
    )


def _unvouched(others: Sequence[x509.Certificate]) -> list[str]:
    """What is wrong with the certificates beside the signer's, which is signed."""
    chain = [load_der_x509_certificate(item.dump()) for item in others]
    if len(vouched_chain(chain)) < len(chain):
        return ["the signature carries a certificate that none of its others confirms"]
    return []


def vouched_chain(chain: Sequence[Certificate]) -> list[Certificate]:
    """Those certificates that lead to a self-signed one of the same list.

    Only these are attached to a signature: a change in any of them shows.
    """
    kept: list[Certificate] = []
    while True:
        more = [
            certificate
            for certificate in chain
            if certificate not in kept
            and any(
                is_issued_by(certificate, issuer) for issuer in (certificate, *kept)
            )
        ]
        if not more:
            return [certificate for certificate in chain if certificate in kept]
        kept += more


def is_issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    """True when the key of `issuer` signed the certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


@dataclass(frozen=True, slots=True)
class SignedFiles:
    """The files attached to a report as of its signing.

    Attributes:
        files: Bytes by name; without those that cannot be unpacked.
        stated_digest: Digest of report.json that the document states, or "".
        problems: What is wrong with them, as sentences.
    """

    files: dict[str, bytes]
    stated_digest: str
    problems: tuple[str, ...]


def files_of_signed_revision(
    reader: PdfFileReader, signature: EmbeddedPdfSignature
) -> SignedFiles:
    """The attached files and the digest that the document states of its twin."""
    revision = reader.get_historical_resolver(signature.signed_revision)
    stated = _stated_digest(revision)
    try:
        tree = revision.root["/Names"]["/EmbeddedFiles"]
        names = tree["/Names"]
    except KeyError:
        return SignedFiles({}, stated, (f"{TWIN_NAME} is not attached to the report",))
    problems = [] if set(tree) == {"/Names"} else [_ODD_LIST]
    files: dict[str, bytes] = {}
    for index in range(0, len(names), 2):
        name = str(names[index])
        if name not in ATTACHED:
            problems.append(f"a foreign file is attached: {name[:80]!r}")
            continue
        if name in files:
            problems.append(f"{name} is attached more than once")
        data = _inflated(names[index + 1].get_object()["/EF"]["/F"])
        if data is None:
            problems.append(f"the attached {name} cannot be unpacked")
        else:
            files[name] = data
    if TWIN_NAME not in files and not problems:
        problems.append(f"{TWIN_NAME} is not attached to the report")
    if not stated:
        problems.append("the report states no digest of its twin")
    return SignedFiles(files, stated, tuple(problems))


def attachment_problems(
    twin: Mapping[str, Any], files: Mapping[str, bytes]
) -> list[str]:
    """Whether the files beside the twin are those that it names.

    Twins of earlier versions name none, and no other file lies beside them.
    """
    listed = twin.get("attachments", [])
    try:
        named = {str(item["name"]): str(item["sha256"]) for item in listed}
    except (KeyError, TypeError):
        return [f"the list of files in {TWIN_NAME} is damaged"]
    found = {n: bytes_digest(data) for n, data in files.items() if n != TWIN_NAME}
    return [
        *(f"the attached {n} is missing" for n in named if n not in found),
        *(f"the report does not name the attached {n}" for n in found.keys() - named),
        *(
            f"the attached {n} is not the one that the report names"
            for n, digest in found.items()
            if named.get(n, digest) != digest
        ),
    ]


def _stated_digest(revision: HistoricalResolver) -> str:
    words = str(_information(revision).get("/Keywords", ""))
    match = _DIGEST.search(words)
    return match.group(1) if match else ""


def _information(revision: HistoricalResolver) -> dict[str, Any]:
    """Document information as it was in a revision."""
    try:
        found = revision.trailer_view.raw_get("/Info")
    except KeyError:
        return {}
    # A plain look-up would follow the reference into the last revision.
    if isinstance(found, generic.IndirectObject):
        found = revision.get_object(found.reference)
    return dict(found) if isinstance(found, generic.DictionaryObject) else {}


def _inflated(stream: generic.StreamObject) -> bytes | None:
    """Bytes of a stream as this program writes it, never more than a limit."""
    filters = stream.get("/Filter")
    names = [filters] if isinstance(filters, generic.NameObject) else filters
    if names is None or [str(name) for name in names] != ["/FlateDecode"]:
        return None
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(stream.encoded_data, _LARGEST_TWIN)
    except zlib.error:
        return None
    return data if unpacker.eof else None


def active_content(reader: PdfFileReader) -> list[str]:
    """Parts of the document that could act, or show other pages than those printed.

    A report holds text, drawings, links within itself and signature fields. Somebody
    put in whatever else a viewer would carry out or lay over the pages.

    Args:
        reader: Reader of the whole file; its last revision is what is shown.
    """
    found: dict[str, None] = {}
    listed = _listed_files(reader)
    seen: set[tuple[int, int]] = set()
    pending: list[generic.PdfObject] = [reader.root]
    while pending:
        item = pending.pop()
        if isinstance(item, generic.IndirectObject):
            name = (item.idnum, item.generation)
            if name in seen:
                continue
            seen.add(name)
            item = item.reference.get_object()
            if _is_file(item) and name not in listed:
                found["a file outside its list of files"] = None
        if isinstance(item, generic.ArrayObject):
            pending += [item.raw_get(index) for index in range(len(item))]
        elif isinstance(item, generic.DictionaryObject):
            found |= dict.fromkeys(_ACTIVE[key] for key in item if key in _ACTIVE)
            if "/A" in item and isinstance(item["/A"], generic.DictionaryObject):
                found["an action"] = None
            annotations = item.get("/Annots")
            if isinstance(annotations, generic.ArrayObject):
                found |= dict.fromkeys(_laid_over(annotations))
            pending += [item.raw_get(key) for key in item]
    return [f"the document holds {what}, which reports never do" for what in found]


def _is_file(item: generic.PdfObject) -> bool:
    return isinstance(item, generic.DictionaryObject) and "/EF" in item


def _listed_files(reader: PdfFileReader) -> set[tuple[int, int]]:
    """References of the files that a viewer lists as attached."""
    try:
        names = reader.root["/Names"]["/EmbeddedFiles"]["/Names"]
    except KeyError:
        return set()
    entries = [names.raw_get(i) for i in range(1, len(names), 2)]
    return {
        (entry.idnum, entry.generation)
        for entry in entries
        if isinstance(entry, generic.IndirectObject)
    }


def _laid_over(annotations: generic.ArrayObject) -> list[str]:
    # A plain loop would give references.
    notes = [annotations[index] for index in range(len(annotations))]
    kinds = [str(note.get("/Subtype", "")) for note in notes]
    return [
        f"a note laid over a page ({kind.lstrip('/') or 'of no kind'})"
        for kind in kinds
        if kind not in _ANNOTATIONS
    ]


def metadata_problems(
    reader: PdfFileReader, signature: EmbeddedPdfSignature
) -> list[str]:
    """Whether title, author and other properties differ from those signed.

    A counter-signature may state its own time and program there and nothing else;
    viewers show the properties of the last revision.

    Args:
        reader: Reader of the whole file.
        signature: First signature.
    """
    signed = reader.get_historical_resolver(signature.signed_revision)
    last = reader.get_historical_resolver(reader.xrefs.total_revisions - 1)
    if _properties(signed) == _properties(last):
        return []
    return ["the document's properties were altered after the first signature"]


def _properties(revision: HistoricalResolver) -> tuple[dict[str, str], bytes]:
    """Document information and XMP, without what signing itself may state."""
    metadata = revision.root.get("/Metadata")
    data = b"" if metadata is None else metadata.get_object().data
    information = _information(revision)
    return (
        {k: str(v) for k, v in information.items() if k not in _INFO_OF_SIGNING},
        _XMP_OF_SIGNING.sub(b"", data),
    )
