"""Files made to break readers: each ends in one fate, nothing raises, nothing hangs."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import UID, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from btd_desktop.dicom.limits import DEFAULT_LIMITS, Limits
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.dicom.series import Fate
from tests.unit.dicom import samples
from tests.unit.dicom.samples import ct_slice, file_bytes, load, record, save

MIB = 1 << 20
TIGHT = Limits(
    workers=1,
    max_inflated_bytes=64 * MIB,
    max_pixel_bytes=64 * MIB,
    worker_memory_bytes=2048 * MIB,
    file_timeout_s=20,
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(TIGHT) as box:
        yield box


def _noise(n_bytes: int) -> bytes:
    return np.random.default_rng(7).bytes(n_bytes)


def _with_vr(keyword_tag: tuple[int, int], vr: bytes) -> bytes:
    data = file_bytes(ct_slice(SliceThickness="2"))
    start = data.index(struct.pack("<HH", *keyword_tag), 132)
    return data[: start + 4] + vr + data[start + 6 :]


def _truncated(share: float) -> bytes:
    data = file_bytes(ct_slice())
    return data[: int(len(data) * share)]


def _set(**more: Any) -> bytes:
    return file_bytes(ct_slice(**more))


def _with_length(length: int) -> bytes:
    data = bytearray(file_bytes(ct_slice()))
    start = data.index(struct.pack("<HH", 0x7FE0, 0x10))
    data[start + 8 : start + 12] = struct.pack("<I", length)
    return bytes(data)


CASES: dict[str, tuple[bytes, set[Fate]]] = {
    "four good bytes of JPEG 2000, then noise": (
        samples.encapsulated_file(
            [b"\xff\x4f\xff\x51" + _noise(2600)], JPEG2000Lossless
        ),
        {Fate.DAMAGED},
    ),
    "JPEG 2000 with a right size, then noise": (
        samples.encapsulated_file(
            [
                b"\xff\x4f\xff\x51"
                + struct.pack(">HHIIII", 41, 0, 32, 24, 0, 0)
                + _noise(2600)
            ],
            JPEG2000Lossless,
        ),
        {Fate.DAMAGED},
    ),
    "noise as baseline JPEG": (
        samples.encapsulated_file([_noise(900)], JPEGBaseline8Bit),
        {Fate.DAMAGED},
    ),
    "run-length with 65535 x 32767 pixels": (
        samples.encapsulated_file(
            [struct.pack("<16I", 2, 64, 70, *[0] * 13) + _noise(80)],
            RLELossless,
            Rows=65535,
            Columns=32767,
        ),
        {Fate.REFUSED},
    ),
    "run-length cut short": (
        samples.encapsulated_file(
            [struct.pack("<16I", 2, 64, 70, *[0] * 13) + _noise(20)], RLELossless
        ),
        {Fate.DAMAGED},
    ),
    "run-length with wild offsets": (
        samples.encapsulated_file(
            [struct.pack("<16I", 2, 2**31, 5, *[0] * 13) + _noise(4000)], RLELossless
        ),
        {Fate.DAMAGED},
    ),
    "deflate bomb": (samples.deflate_bomb(256 * MIB), {Fate.REFUSED}),
    "sequences 400 deep": (
        samples.nested_sequences(400, with_lengths=False),
        {Fate.REFUSED},
    ),
    "two billion frames": (_set(NumberOfFrames=2_000_000_000), {Fate.REFUSED}),
    "65535 x 65535 raw": (_set(Rows=65535, Columns=65535), {Fate.REFUSED}),
    "0 rows": (_set(Rows=0), {Fate.DAMAGED}),
    "bits that do not fit": (_set(BitsStored=32), {Fate.DAMAGED}),
    "no bits": (_set(BitsAllocated=0), {Fate.DAMAGED}),
    "12 bits packed": (_set(BitsAllocated=12), {Fate.UNSUPPORTED}),
    "length beyond the file": (
        _with_length(0xFFFFFFF0),
        {Fate.DAMAGED, Fate.REFUSED},
    ),
    "cut in the pixels": (_truncated(0.7), {Fate.DAMAGED}),
    "cut before the pixels": (_set(PixelData=None), {Fate.DAMAGED}),
    "cut in the meta group": (_truncated(0.1), {Fate.DAMAGED, Fate.NOT_AN_IMAGE}),
    "unknown transfer syntax": (
        samples.encapsulated_file([b"xx"], UID("1.2.3.4.5")),
        {Fate.UNSUPPORTED, Fate.DAMAGED},
    ),
    "video": (
        samples.encapsulated_file([b"xx"], UID("1.2.840.10008.1.2.4.100")),
        {Fate.UNSUPPORTED},
    ),
    "fewer frames than declared": (
        samples.encapsulated_file(
            [samples.rle_frame(samples.picture(1).view(np.uint16))],
            RLELossless,
            NumberOfFrames=4,
        ),
        {Fate.DAMAGED},
    ),
    "colour": (
        _set(PhotometricInterpretation="RGB", SamplesPerPixel=3),
        {Fate.UNSUPPORTED},
    ),
    "PET": (
        _set(Modality="PT", SOPClassUID="1.2.840.10008.5.1.4.1.1.128"),
        {Fate.UNSUPPORTED},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_hostile_dicom_ends_in_its_fate(sandbox: Sandbox, name: str) -> None:
    data, fates = CASES[name]
    parsed = sandbox.parse("dicom", data)
    assert parsed.fate in fates, parsed.reason
    assert parsed.reason
    assert parsed.reason.endswith(".")
    assert parsed.pixels is None


def test_deflate_bomb_stays_within_memory(sandbox: Sandbox) -> None:
    bomb = samples.deflate_bomb(1024 * MIB)
    assert len(bomb) < 2 * MIB
    parsed = sandbox.parse("dicom", bomb)
    assert parsed.fate is Fate.REFUSED
    assert f"{64 * MIB:,}" in parsed.reason


def test_deep_private_sequences_with_lengths_are_passed_over(sandbox: Sandbox) -> None:
    data = samples.nested_sequences(400, with_lengths=True)
    assert sandbox.parse("dicom", data).fate is Fate.ACCEPTED


def test_unknown_vr_in_an_element_that_we_read_is_a_remark(sandbox: Sandbox) -> None:
    parsed = sandbox.parse("dicom", _with_vr((0x0018, 0x0050), b"ZZ"))
    assert parsed.fate in (Fate.ACCEPTED, Fate.DAMAGED)
    if parsed.fate is Fate.ACCEPTED:
        assert parsed.facts is not None
        assert parsed.facts.frames[0].thickness_mm in (None, 2.0)


def test_a_hostile_file_does_not_harm_the_next_one(sandbox: Sandbox) -> None:
    for data, _ in CASES.values():
        sandbox.parse("dicom", data)
    assert sandbox.parse("dicom", file_bytes(ct_slice())).fate is Fate.ACCEPTED


def test_seeded_mutations_of_a_file_always_end_in_a_fate(sandbox: Sandbox) -> None:
    rng = np.random.default_rng(20260101)
    originals = [
        file_bytes(ct_slice()),
        samples.encoded(samples.picture(3), "1.2.840.10008.1.2.4.80"),
        samples.encoded(samples.picture(3), "1.2.840.10008.1.2.5"),
    ]
    for index in range(300):
        data = bytearray(originals[index % len(originals)])
        for _ in range(int(rng.integers(1, 12))):
            data[int(rng.integers(128, len(data)))] = int(rng.integers(256))
        parsed = sandbox.parse(
            "dicom", bytes(data[: int(rng.integers(200, len(data)))])
        )
        assert isinstance(parsed.fate, Fate)
        assert parsed.fate is Fate.ACCEPTED or parsed.reason


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX special files")
def test_links_pipes_and_sockets_are_listed_and_not_followed(tmp_path: Path) -> None:
    secret = save(tmp_path, "outside/secret.dcm", ct_slice())
    root = tmp_path / "root"
    save(root, "good.dcm", ct_slice(0, 2))
    (root / "link.dcm").symlink_to(secret)
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe.dcm")
    listener = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    try:
        os.chdir(root)  # paths of sockets are short
        listener.bind("sock")
    finally:
        os.chdir(here)
        listener.close()
    result = load(root)
    assert {entry.name for entry in result.files} == {
        "good.dcm",
        "link.dcm",
        "loop",
        "pipe.dcm",
        "sock",
    }
    for name in ("link.dcm", "loop", "pipe.dcm", "sock"):
        assert record(result, name).fate is Fate.REFUSED
        assert record(result, name).sha256 == ""
    assert "links are not followed" in record(result, "link.dcm").reason
    assert len(result.series) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX names")
def test_names_with_control_characters_survive(tmp_path: Path) -> None:
    name = "new\nline\u202egnp.dcm"
    save(tmp_path, name, ct_slice())
    (entry,) = load(tmp_path).files
    assert entry.name == name
    assert entry.fate is Fate.ACCEPTED


def test_files_that_are_no_dicom_say_what_they_look_like(tmp_path: Path) -> None:
    save(tmp_path, "empty.dcm", b"")
    save(tmp_path, "text.dcm", b"just a note")
    save(tmp_path, "photo.dcm", b"\xff\xd8\xff\xe0" + _noise(500))
    save(tmp_path, "zeros.bin", bytes(5000))
    save(tmp_path, "letter.pdf", b"%PDF-1.7 ...")
    result = load(tmp_path)
    assert {entry.fate for entry in result.files} == {Fate.NOT_AN_IMAGE}
    assert "JPEG" in record(result, "photo.dcm").reason
    assert "empty" in record(result, "empty.dcm").reason
    assert "text" in record(result, "text.dcm").reason
    assert "PDF" in record(result, "letter.pdf").reason


def test_dataset_without_preamble_is_read(tmp_path: Path) -> None:
    data = file_bytes(ct_slice())
    save(tmp_path, "meta_only.dcm", data[132:])
    save(tmp_path, "bare.dcm", data[samples.dataset_start(data) :])
    result = load(tmp_path)
    fates = {entry.name: entry.fate for entry in result.files}
    assert fates == {"bare.dcm": Fate.ACCEPTED, "meta_only.dcm": Fate.DUPLICATE}


def test_oversized_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.dcm"
    with path.open("wb") as stream:
        stream.truncate(200 * MIB)
    limits = replace(DEFAULT_LIMITS, workers=1, max_file_bytes=100 * MIB)
    (entry,) = load(tmp_path, limits=limits).files
    assert (entry.fate, entry.sha256) == (Fate.REFUSED, "")


def test_folders_nested_too_deep_are_refused(tmp_path: Path) -> None:
    save(tmp_path, "a/b/c/d/x.dcm", ct_slice())
    limits = replace(DEFAULT_LIMITS, workers=1, max_folder_depth=2)
    (entry,) = load(tmp_path, limits=limits).files
    assert (entry.name, entry.fate) == ("a/b/c", Fate.REFUSED)


def test_bad_character_set_does_not_stop_the_import(tmp_path: Path) -> None:
    data = file_bytes(ct_slice(SpecificCharacterSet="ISO_IR 192", PatientName="Xy"))
    save(tmp_path, "x.dcm", data.replace(b"ISO_IR 192", b"ISO_IR 999"))
    result = load(tmp_path)
    assert result.files[0].fate is Fate.ACCEPTED
    assert result.series[0].volume.source.patient_name == "Xy"
