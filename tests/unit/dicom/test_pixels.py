"""Every transfer syntax that we can encode gives the stored values back."""

from __future__ import annotations

from collections.abc import Iterator

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit

from btd_desktop.dicom.codestreams import codestream_size
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.parsed import ParsedFile
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.dicom.series import Fate
from tests.unit.dicom import samples
from tests.unit.dicom.samples import ct_slice, encoded, file_bytes, picture

LOSSLESS = {
    "implicit little endian": "1.2.840.10008.1.2",
    "explicit little endian": "1.2.840.10008.1.2.1",
    "deflated": "1.2.840.10008.1.2.1.99",
    "explicit big endian": "1.2.840.10008.1.2.2",
    "RLE": "1.2.840.10008.1.2.5",
    "JPEG lossless": "1.2.840.10008.1.2.4.57",
    "JPEG lossless SV1": "1.2.840.10008.1.2.4.70",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG 2000 lossless": "1.2.840.10008.1.2.4.90",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(DEFAULT_LIMITS) as box:
        yield box


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_syntax_gives_the_stored_values(sandbox: Sandbox, name: str) -> None:
    stored = picture(11, (37, 50))
    parsed = sandbox.parse("dicom", encoded(stored, LOSSLESS[name]))
    assert parsed.fate is Fate.ACCEPTED, parsed.reason
    assert parsed.pixels is not None
    assert parsed.pixels.dtype == np.int16
    np.testing.assert_array_equal(parsed.pixels[0], stored)
    assert parsed.facts is not None
    assert parsed.facts.text["transfer_syntax"] == LOSSLESS[name]
    assert "lossy" not in parsed.facts.flags


def test_near_lossless_jpeg_ls_is_close_and_said_to_be_lossy(sandbox: Sandbox) -> None:
    stored = np.abs(picture(11, (37, 50)))
    parsed = sandbox.parse("dicom", encoded(stored, "1.2.840.10008.1.2.4.81"))
    assert parsed.pixels is not None
    assert int(np.abs(parsed.pixels[0].astype(int) - stored).max()) in (1, 2)
    assert parsed.facts is not None
    assert "lossy" in parsed.facts.flags


@pytest.mark.parametrize(
    ("bits", "syntax"), [(8, JPEGBaseline8Bit), (12, JPEGExtended12Bit)]
)
def test_lossy_jpeg_is_close(sandbox: Sandbox, bits: int, syntax: str) -> None:
    ramp = np.linspace(0, 2**bits - 1, 64)[np.newaxis].repeat(48, axis=0)
    stored = ramp.astype(np.uint8 if bits == 8 else np.uint16)
    frame = imagecodecs.jpeg8_encode(stored, level=95, bitspersample=bits)
    data = samples.encapsulated_file(
        [bytes(frame)],
        syntax,
        Rows=48,
        Columns=64,
        BitsAllocated=8 if bits == 8 else 16,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=0,
    )
    parsed = sandbox.parse("dicom", data)
    assert parsed.pixels is not None, parsed.reason
    assert parsed.pixels.dtype == stored.dtype
    error = np.abs(parsed.pixels[0].astype(float) - stored).max()
    assert 0 <= error < 2**bits / 50


def test_codestream_of_another_size_is_not_decoded(sandbox: Sandbox) -> None:
    frame = imagecodecs.jpegls_encode(np.zeros((64, 64), np.uint16))
    data = samples.encapsulated_file([bytes(frame)], "1.2.840.10008.1.2.4.80")
    parsed = sandbox.parse("dicom", data)
    assert parsed.fate is Fate.DAMAGED
    assert "64 x 64" in parsed.reason


def _with_upper_bits(
    sandbox: Sandbox, upper: int, overlay: int | None = None
) -> tuple[ParsedFile, NDArray[np.int16]]:
    stored = (np.abs(picture(3)) & 0x0FFF).astype(np.int16)
    bits = stored.copy()
    bits[5:9, 4:11] |= upper
    slice_ = ct_slice(pixels=bits, BitsStored=12, HighBit=11, PixelRepresentation=0)
    if overlay is not None:
        slice_.add_new(0x60000100, "US", 16)
        slice_.add_new(0x60000102, "US", overlay)
    return sandbox.parse("dicom", file_bytes(slice_)), stored


def test_values_that_need_more_bits_than_stated_are_kept_whole(
    sandbox: Sandbox,
) -> None:
    parsed, stored = _with_upper_bits(sandbox, 0x1000)
    assert parsed.pixels is not None
    assert parsed.facts is not None
    assert (parsed.pixels[0, 5:9, 4:11] == stored[5:9, 4:11] + 4096).all()
    assert "bits_kept" in parsed.facts.flags
    number = parsed.facts.number
    assert number["whole_high"] == parsed.pixels.max() > 4095
    assert number["cut_high"] == stored.max()


@pytest.mark.parametrize(("upper", "overlay"), [(0x1000, 12), (0x4000, None)])
def test_bits_of_an_overlay_are_left_out(
    sandbox: Sandbox, upper: int, overlay: int | None
) -> None:
    parsed, stored = _with_upper_bits(sandbox, upper, overlay)
    assert parsed.pixels is not None
    assert parsed.facts is not None
    np.testing.assert_array_equal(parsed.pixels[0], stored)
    assert ("overlay_bits" in parsed.facts.flags) is (overlay is not None)
    assert "bits_kept" not in parsed.facts.flags
    assert parsed.facts.number["cut_high"] == stored.max()


def test_twelve_bit_signed_values_keep_their_sign(sandbox: Sandbox) -> None:
    stored = np.clip(picture(3), -2000, 2000)
    bits = (stored.view(np.uint16) & 0x0FFF).view(np.int16)
    slice_ = ct_slice(pixels=bits, BitsStored=12, HighBit=11)
    parsed = sandbox.parse("dicom", file_bytes(slice_))
    assert parsed.pixels is not None
    np.testing.assert_array_equal(parsed.pixels[0], stored)


def test_codestream_sizes_are_read_from_their_headers() -> None:
    image = np.zeros((10, 20), np.uint16)
    assert codestream_size(bytes(imagecodecs.jpegls_encode(image))) == (10, 20)
    j2k = imagecodecs.jpeg2k_encode(image, codecformat="j2k")
    assert codestream_size(bytes(j2k)) == (10, 20)
    jpeg = imagecodecs.jpeg8_encode(image.astype(np.uint8))
    assert codestream_size(bytes(jpeg)) == (10, 20)
    assert codestream_size(b"\xff\xd8\xff\xd9") is None
    assert codestream_size(b"") is None
