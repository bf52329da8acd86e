"""DICOM files signed as PS3.3 C.12.1.1.3 says, by a route of its own.

Nothing here comes from the package under test: the byte stream is put together from
what pydicom writes, and the key signs it with the library's own PKCS #1 or ECDSA call.
"""

from __future__ import annotations

import datetime
import io
import struct
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.sequence import Sequence

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "MD5": hashes.MD5(),  # noqa: S303 - a defined term of the standard
    "SHA1": hashes.SHA1(),  # noqa: S303 - likewise
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def rsa_key() -> rsa.RSAPrivateKey:
    """A new key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate_for(key: Key, year: int = 2026) -> bytes:
    """A self-signed certificate of one year, DER."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Scanner 7")])
    begin = datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.DER)


def sign(
    dataset: FileDataset,
    key: Key,
    tags: list[int],
    *,
    algorithm: str = "SHA256",
    syntax: str = EXPLICIT_LITTLE,
    **more: Any,
) -> FileDataset:
    """Add a signature over the given elements; returns the dataset itself.

    `more` replaces elements of the signature item before it is signed.
    """
    certificate = certificate_for(key)
    parameters, item = Dataset(), Dataset()
    parameters.MACIDNumber = 1
    parameters.MACCalculationTransferSyntaxUID = syntax
    parameters.MACAlgorithm = algorithm
    parameters.DataElementsSigned = tags
    item.MACIDNumber = 1
    item.DigitalSignatureUID = "1.2.826.0.1.3680043.8.498.77"
    item.DigitalSignatureDateTime = "20260601120000"
    item.CertificateType = "X509_1993_SIG"
    for keyword, value in more.items():
        setattr(item, keyword, value)
    signed = [dataset[tag] for tag in sorted(tags)]
    message = b"".join(stream_of(element) for element in [*signed, *item])
    item.CertificateOfSigner = certificate + b"\0" * (len(certificate) % 2)
    item.Signature = _signature(key, message, _HASHES[algorithm])
    dataset.MACParametersSequence = Sequence([parameters])
    dataset.DigitalSignaturesSequence = Sequence([item])
    return dataset


def _signature(key: Key, message: bytes, kind: hashes.HashAlgorithm) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), kind)
    value = key.sign(message, ec.ECDSA(kind))
    return value + b"\0" * (len(value) % 2)


def stream_of(element: DataElement) -> bytes:
    """Bytes of one element as they are hashed: sequences without their lengths."""
    tag = struct.pack("<HH", element.tag.group, element.tag.element)
    if element.VR == "SQ":
        items = b"".join(
            b"\xfe\xff\x00\xe0" + b"".join(stream_of(inner) for inner in item)
            for item in element.value
        )
        return tag + b"SQ\0\0" + items + b"\xfe\xff\xdd\xe0"
    if element.tag == 0x7FE00010 and element.VR == "OB" and _is_encapsulated(element):
        fragments = b""
        value, offset = bytes(element.value), 0
        while value[offset : offset + 4] == b"\xfe\xff\x00\xe0":
            (length,) = struct.unpack_from("<I", value, offset + 4)
            fragments += b"\xfe\xff\x00\xe0" + value[offset + 8 : offset + 8 + length]
            offset += 8 + length
        return tag + b"OB\0\0" + fragments + b"\xfe\xff\xdd\xe0"
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_data_element(buffer, element)
    return buffer.getvalue()


def _is_encapsulated(element: DataElement) -> bool:
    return bytes(element.value[:4]) == b"\xfe\xff\x00\xe0"


def in_one_piece(dataset: FileDataset) -> bytes:
    """The file with undefined lengths of sequences, unlike pydicom's default."""
    for tag in (0x4FFE0001, 0xFFFAFFFA):
        dataset[tag].is_undefined_length = True
    buffer = io.BytesIO()
    dataset.save_as(buffer, implicit_vr=False, little_endian=True)
    return buffer.getvalue()
