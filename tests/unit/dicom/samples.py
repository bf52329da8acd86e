"""DICOM files for the tests of this package, built with pydicom."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    RLELossless,
)

from btd_desktop.containment.measures import MEASURES
from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.series import FileRecord, Import
from btd_desktop.progress import TaskContext

ONE_WORKER = Limits(workers=1)
# What the parsing process says before anything else.
GREETING = (
    "import sys, json, struct\n"
    f"said = json.dumps({{'containment': {dict.fromkeys(MEASURES, '')!r}}}).encode()\n"
    "sys.stdout.buffer.write(struct.pack('>IQ', len(said), 0) + said)\n"
    "sys.stdout.buffer.flush()\n"
)
LOSSLESS_SYNTAXES = (
    *("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"),
    *("1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"),
)
SERIES_UID = "1.2.826.0.1.3680043.8.498.1"


def picture(seed: int = 1, shape: tuple[int, int] = (24, 32)) -> NDArray[np.int16]:
    """Signed noise on a ramp, with both signs, that no two seeds share."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(-900, 900, shape[1])[np.newaxis]
    return (ramp + rng.normal(0, 30, shape)).astype(np.int16)


def ct_slice(
    z: float = 0.0,
    number: int = 1,
    pixels: NDArray[np.int16] | None = None,
    **more: Any,
) -> FileDataset:
    """A CT instance; keywords in `more` replace elements, None removes them."""
    stored = picture(number) if pixels is None else pixels
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = f"{SERIES_UID}.{number}"
    dataset.SeriesInstanceUID = SERIES_UID
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.8.498"
    dataset.Modality = "CT"
    dataset.PatientID = "P1"
    dataset.InstanceNumber = number
    dataset.ImagePositionPatient = [-10.0, -20.0, z]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [0.7, 0.8]
    dataset.SliceThickness = 2
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -24
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 1
    dataset.PixelData = stored.astype("<i2").tobytes()
    dataset["PixelData"].VR = "OW"
    for keyword, value in more.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    return dataset


def file_bytes(dataset: FileDataset, syntax: str | None = None) -> bytes:
    """The file, byte for byte, without pydicom's checks of the file format."""
    if syntax is not None:
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
    uid = dataset.file_meta.TransferSyntaxUID
    buffer = io.BytesIO()
    if not uid.is_transfer_syntax or uid.is_encapsulated:
        dataset.save_as(buffer, implicit_vr=False, little_endian=True)
    else:
        dataset.set_original_encoding(uid.is_implicit_VR, uid.is_little_endian)
        dataset.save_as(
            buffer,
            implicit_vr=uid.is_implicit_VR,
            little_endian=uid.is_little_endian,
        )
    return buffer.getvalue()


def encoded(stored: NDArray[np.int16], syntax: str) -> bytes:
    """A CT file whose pixels are in the given transfer syntax."""
    dataset = ct_slice(pixels=stored)
    bits: NDArray[np.uint16] = stored.astype("<i2").view("<u2")
    tail = syntax.rpartition(".")[2]
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = stored.astype(">i2").tobytes()
    elif syntax == RLELossless:
        dataset.PixelData = encapsulate([rle_frame(bits)])
    elif tail in ("57", "70"):
        frame = imagecodecs.jpeg8_encode(bits, lossless=True, predictor=1)
        dataset.PixelData = encapsulate([bytes(frame)])
    elif tail in ("80", "81"):
        level = 0 if tail == "80" else 2
        frame = imagecodecs.jpegls_encode(bits, level=level)
        dataset.PixelData = encapsulate([bytes(frame)])
    elif tail in ("90", "91"):
        frame = imagecodecs.jpeg2k_encode(
            stored, codecformat="j2k", reversible=True, level=0
        )
        dataset.PixelData = encapsulate([bytes(frame)])
    if UID(syntax).is_encapsulated:
        dataset["PixelData"].VR = "OB"
    return file_bytes(dataset, syntax)


def rle_frame(bits: NDArray[np.uint16]) -> bytes:
    """High bytes, then low bytes, each PackBits (PS3.5 annex G)."""
    planes = [(bits >> 8).astype(np.uint8), (bits & 255).astype(np.uint8)]
    segments = [bytes(imagecodecs.packbits_encode(p.tobytes())) for p in planes]
    segments = [segment + b"\0" * (len(segment) % 2) for segment in segments]
    first = 64
    header = struct.pack("<16I", 2, first, first + len(segments[0]), *([0] * 13))
    return header + b"".join(segments)


def encapsulated_file(frames: list[bytes], syntax: str, **more: Any) -> bytes:
    """A CT file with the given compressed frames, whatever they hold."""
    dataset = ct_slice(**more)
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    return file_bytes(dataset, syntax)


def dataset_start(data: bytes) -> int:
    """Where the dataset begins behind our meta group of one short element."""
    return 132 + 8 + int.from_bytes(data[138:140], "little")


def deflate_bomb(n_bytes: int) -> bytes:
    """A deflated DICOM file whose dataset unpacks to `n_bytes` of zeros."""
    plain = file_bytes(ct_slice())
    start = dataset_start(plain)
    meta = _meta("1.2.840.10008.1.2.1.99")
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    private = struct.pack("<HH2sHI", 0x0009, 0x1001, b"OB", 0, n_bytes)
    body = plain[start:]
    packed = deflater.compress(body[:200] + private)
    for _ in range(n_bytes >> 20):
        packed += deflater.compress(bytes(1 << 20))
    return b"\0" * 128 + b"DICM" + meta + packed + deflater.flush()


def _meta(syntax: str) -> bytes:
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    return struct.pack("<HH2sH", 2, 0x10, b"UI", len(uid)) + uid


def nested_sequences(depth: int, *, with_lengths: bool) -> bytes:
    """A CT file with a private sequence in a sequence in a sequence …"""
    inner, unknown = b"", 0xFFFFFFFF
    end_item, end = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0), b""
    for _ in range(depth):
        length = len(inner) if with_lengths else unknown
        end = b"" if with_lengths else end_item
        item = struct.pack("<HHI", 0xFFFE, 0xE000, length) + inner + end
        length = len(item) if with_lengths else unknown
        inner = struct.pack("<HH2sHI", 0x0009, 0x1001, b"SQ", 0, length) + item
    plain = file_bytes(ct_slice())
    start = dataset_start(plain)
    return plain[:start] + inner + plain[start:]


def enhanced_ct(positions: list[float], stored: NDArray[np.int16]) -> FileDataset:
    """An Enhanced CT instance with one frame per position, in the order given."""
    dataset = ct_slice(
        pixels=stored[0],
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        RescaleSlope=None,
        RescaleIntercept=None,
    )
    dataset.SOPClassUID = EnhancedCTImageStorage
    dataset.NumberOfFrames = len(positions)
    dataset.PixelData = stored.astype("<i2").tobytes()
    shared, orientation, measures, rescale = (Dataset() for _ in range(4))
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing = [0.5, 0.6]
    rescale.RescaleSlope, rescale.RescaleIntercept = 1, -100
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PixelValueTransformationSequence = Sequence([rescale])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for z in positions:
        frame, place = Dataset(), Dataset()
        place.ImagePositionPatient = [0, 0, z]
        frame.PlanePositionSequence = Sequence([place])
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return dataset


def save(folder: Path, name: str, data: bytes | FileDataset) -> Path:
    """Write a sample file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else file_bytes(data))
    return path


def save_series(folder: Path, zs: list[float], **more: Any) -> None:
    """One CT file per position; instance numbers follow the list."""
    for index, z in enumerate(zs):
        save(folder, f"{index:03d}.dcm", ct_slice(z, index + 1, **more))


def load(*paths: Path, limits: Limits = ONE_WORKER) -> Import:
    """Import with one parsing process."""
    return import_evidence(paths, TaskContext(), limits=limits)


def record(result: Import, name: str) -> FileRecord:
    """The one record of a name."""
    (found,) = [entry for entry in result.files if entry.name == name]
    return found


def codes(result: Import, index: int = 0) -> set[str]:
    """Codes of a series' findings."""
    return {finding.code for finding in result.series[index].findings}
