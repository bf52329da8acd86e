"""What is added to a signed report without changing it: counter-signature, time-stamp.

Each is a revision of its own behind the signed bytes. A time-stamp (RFC 3161) says that
the report, signatures included, was there at a time, by the word of an authority. No
network: the authority is a local one, whose key is at hand, or its answer is carried by
file from a machine that has one. Lists of revoked certificates, brought by file, go
into the same revision, so that the time-stamp covers them (PAdES B-LTA).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from asn1crypto import crl, tsp, x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfTimeStamper
from pyhanko.sign.timestamps import (
    DummyTimeStamper,
    TimeStamper,
    TimestampRequestError,
)
from pyhanko.sign.validation.dss import DocumentSecurityStore

from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ReportError
from btd_desktop.report.signing import SigningKey, require_valid, signed_by

_ROOM: Final = 32_768
"""Hexadecimal digits kept for a time-stamp: 16 KiB, the chain of its maker included."""


def counter_signed(pdf: bytes, signer: SigningKey, *, when: datetime) -> bytes:
    """The report with a further signature, such as a reviewer's.

    Args:
        pdf: Signed report, issued so that it may be counter-signed.
        signer: Key to sign with.
        when: Time of signing as this computer states it, aware.

    Raises:
        ReportError: The report forbids it or is not signed, or the certificate is not
            valid at `when`.
    """
    require_valid(signer, when)
    found = _signatures(pdf)
    name = f"Signature{len(found) + 1}"
    if found[0].docmdp_level != MDPPerm.FILL_FORMS:
        raise ReportError(
            "the report does not allow a counter-signature: it was signed as final",
            hint="issue it again with --may-countersign",
            code="no-countersigning",
        )
    metadata = PdfSignatureMetadata(
        field_name=name,
        md_algorithm="sha256",
        reason="Counter-signature",
        name=signer.subject,
        subfilter=SigSeedSubFilter.PADES,
        signer_key_usage=set(),
    )
    field = SigFieldSpec(name, on_page=0)
    return signed_by(partial(_writer, pdf), metadata, signer, when, field)


def time_stamped(
    pdf: bytes, authority: SigningKey, *, when: datetime, crls: Sequence[bytes] = ()
) -> bytes:
    """The report with a time-stamp of a local authority, whose key is at hand.

    Args:
        pdf: Signed report.
        authority: Key and certificate of the authority, for time-stamping.
        when: Time to state, aware.
        crls: Lists of revoked certificates (DER) to keep in the report.

    Raises:
        ReportError: The report is not signed, or the certificate is none of a
            time-stamping authority.
    """
    require_valid(authority, when)
    signer: Any = authority._signer
    usage = signer.signing_cert.extended_key_usage_value
    if usage is None or usage.native != ["time_stamping"]:
        raise ReportError(
            f"the certificate of {authority.subject} is not one for time-stamping",
            hint="its extended key usage must be time stamping alone (RFC 3161, 2.3)",
        )
    stamper = DummyTimeStamper(
        signer.signing_cert,
        signer.signing_key,
        certs_to_embed=signer.cert_registry,
        fixed_dt=when,
        include_nonce=False,
    )
    return _stamped(pdf, stamper, crls)


def time_stamp_request(pdf: bytes, crls: Sequence[bytes] = ()) -> bytes:
    """A request (.tsq) for a time-stamp on this report, to carry to an authority.

    Raises:
        ReportError: The report is not signed.
    """
    carried = _Carried(None)
    try:
        _stamped(pdf, carried, crls)
    except _AskedError:
        return bytes(carried.request.dump())
    raise AssertionError("a request was answered by nobody")


def time_stamped_by_answer(
    pdf: bytes, answer: bytes, crls: Sequence[bytes] = ()
) -> bytes:
    """The report with the time-stamp that an authority gave on its request.

    Args:
        pdf: The report as it was when the request was made.
        answer: The authority's answer (.tsr).
        crls: As given for the request.

    Raises:
        ReportError: The answer is damaged, a refusal, or one to another request.
    """
    return _stamped(pdf, _Carried(answer), crls)


class _AskedError(Exception):
    """The request is known; there is no answer yet."""


class _Carried(TimeStamper):
    """An authority that is asked and answers by file."""

    def __init__(self, answer: bytes | None) -> None:
        super().__init__(include_nonce=False)  # type: ignore[no-untyped-call]
        self._answer = answer
        self.request: Any = None

    async def async_request_tsa_response(self, req: Any) -> Any:  # noqa: ANN401 - as pyHanko calls it
        """The answer brought; it must be one to this request."""
        self.request = req
        if self._answer is None:
            raise _AskedError
        answer = tsp.TimeStampResp.load(self._answer, strict=True)
        token = answer["time_stamp_token"]
        stated = token["content"]["encap_content_info"]["content"].parsed
        if stated["message_imprint"].dump() != req["message_imprint"].dump():
            raise TimestampRequestError("it answers another request than this report's")
        return answer


def _stamped(pdf: bytes, stamper: TimeStamper, crls: Sequence[bytes]) -> bytes:
    signatures = _signatures(pdf)
    output = io.BytesIO()
    try:
        writer = _writer(pdf)
        if crls:
            certificates = {
                certificate.dump(): certificate
                for signature in signatures
                for certificate in _certificates(signature)
            }
            DocumentSecurityStore.supply_dss_in_writer(
                writer,
                None,
                certs=certificates.values(),
                crls=[crl.CertificateList.load(data) for data in crls],
            )
        name = f"TimeStamp{len(signatures)}"
        PdfTimeStamper(stamper, field_name=name).timestamp_pdf(
            writer, "sha256", bytes_reserved=_ROOM, output=output
        )
    except (
        PdfError, SigningError, TimestampRequestError, ValueError, TypeError, KeyError,
    ) as error:  # fmt: skip
        raise ReportError(
            f"the report cannot be time-stamped: {error}",
            hint="Ask for a time-stamp on this very file and bring the answer to it.",
            code="time-stamp",
        ) from error
    return output.getvalue()


def _certificates(signature: Any) -> list[x509.Certificate]:  # noqa: ANN401 - pyHanko has no types
    return [signature.signer_cert, *signature.other_embedded_certs]


def _signatures(pdf: bytes) -> list[Any]:
    try:
        found = list(PdfFileReader(io.BytesIO(pdf)).embedded_signatures)
    except (PdfError, ValueError) as error:
        raise ReportError("the file is damaged or is no report") from error
    if not found:
        raise ReportError(
            "the PDF is not signed", hint="only a signed report is added to"
        )
    return found


def _writer(pdf: bytes) -> IncrementalPdfFileWriter:
    """A writer that adds to a report and states nothing of its own.

    Its bytes follow from the report: the answer to a request must fit the file that it
    was made of. pyHanko has no setting for the file's second name and the properties.
    """
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    first, _ = writer._document_id
    name = bytes.fromhex(bytes_digest(pdf))[:16]
    second = generic.ByteStringObject(name)
    writer._document_id = generic.ArrayObject([first, second])
    writer._update_meta = lambda: None  # type: ignore[method-assign]
    return writer
