"""Seeded damage to ZIP archives, at their own fields and anywhere."""

from __future__ import annotations

import io
import random
import re
import struct
import warnings
import zipfile
from collections.abc import Iterator

from tests.hostile.mutations import BYTE_MUTATORS, Mutator, mutate
from tests.unit.dicom import samples

__all__ = ["archive_original", "member_count", "mutated_archives"]

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_UNREADABLE = (
    *(zipfile.BadZipFile, ValueError, NotImplementedError, struct.error),
    *(IndexError, OverflowError, EOFError, OSError, MemoryError),
)
_NAMES = (
    *("../../etc/cron.d/x", "/etc/passwd", "C:\\Windows\\x", "..\\..\\x", "a\nb"),
    *("\u202egpj.dcm", "a//b", ".", "..", "CON", "x" * 300, "dir/", "\x00", "a!b"),
)


def archive_original(rng: random.Random) -> bytes:
    """An archive of small members: stored, packed, streamed, nested, linked."""
    buffer = io.BytesIO()
    one = samples.file_bytes(samples.ct_slice(number=rng.randint(1, 9)))
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr(_info("a.dcm"), one)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_info("s/1.dcm", zipfile.ZIP_DEFLATED), one)
        archive.writestr(_info("s/2.dcm"), one[::-1])
        archive.writestr(_info("note.txt", zipfile.ZIP_DEFLATED), b"only text " * 30)
        with archive.open(zipfile.ZipInfo("big.bin"), "w", force_zip64=True) as member:
            member.write(bytes(4000))
        archive.writestr(_info("inner.zip", zipfile.ZIP_DEFLATED), inner.getvalue())
        archive.writestr(_info("folder/"), b"")
        archive.comment = b"made up"
    return buffer.getvalue()


def _info(name: str, method: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    """A directory entry without the time of day."""
    info = zipfile.ZipInfo(name)
    info.compress_type = method
    return info


def member_count(data: bytes) -> int | None:
    """Files (not folders) that Python's own reader lists; None where it cannot."""
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(io.BytesIO(data)) as archive:
            warnings.simplefilter("ignore")
            return sum(not i.filename.endswith("/") for i in archive.infolist())
    except _UNREADABLE:
        return None


def mutated_archives(n: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`n` file names and mutated archives; each still begins like an archive."""
    for index in range(n):
        rng = random.Random(f"zip {seed} {index}")
        changed, how = mutate(rng, archive_original(rng), ARCHIVE_MUTATORS)
        if not changed.startswith(_LOCAL):
            changed = _LOCAL + changed[4:]
        yield f"{index:05d} {how}"[:120] + ".zip", changed


def _starts(data: bytes, mark: bytes) -> list[int]:
    return [found.start() for found in re.finditer(re.escape(mark), data)]


def _field(
    rng: random.Random, data: bytes, mark: bytes, fields: tuple[tuple[int, int], ...]
) -> bytes:
    starts = _starts(data, mark)
    if not starts:
        return data
    offset, size = rng.choice(fields)
    at = rng.choice(starts) + offset
    top = (1 << (8 * size)) - 1
    old = int.from_bytes(data[at : at + size], "little")
    value = rng.choice(
        (0, 1, top, top - 1, old + 1, old - 1, old * 2, rng.getrandbits(32))
    )
    return data[:at] + (value & top).to_bytes(size, "little") + data[at + size :]


def edit_central(rng: random.Random, data: bytes) -> bytes:
    """A wrong number in the directory: flags, method, sizes, lengths, offset."""
    fields = ((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2))
    return _field(rng, data, _CENTRAL, (*fields, (38, 4), (42, 4)))


def edit_local(rng: random.Random, data: bytes) -> bytes:
    """A wrong number in the header before a member."""
    fields = ((6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2))
    return _field(rng, data, _LOCAL, fields)


def edit_end(rng: random.Random, data: bytes) -> bytes:
    """A wrong number in the end record: counts, size, offset, comment."""
    fields = ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2))
    return _field(rng, data, _END, fields)


def encrypt(rng: random.Random, data: bytes) -> bytes:
    """A member is said to be encrypted."""
    starts = _starts(data, _CENTRAL)
    if not starts:
        return data
    at = rng.choice(starts) + 8
    if at >= len(data):
        return data
    return data[:at] + bytes((data[at] | 1,)) + data[at + 1 :]


def rename(rng: random.Random, data: bytes) -> bytes:
    """An archive with a member of an evil name, rebuilt."""
    buffer = io.BytesIO()
    info = zipfile.ZipInfo(rng.choice(_NAMES))
    info.external_attr = rng.choice((0, 0o120777 << 16, 0o010644 << 16, 0o060644 << 16))
    info.compress_type = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")
        for _ in range(rng.choice((1, 2))):
            archive.writestr(info, samples.file_bytes(samples.ct_slice()))
        archive.writestr(_info("other.txt"), data[:100])
    return buffer.getvalue()


def add_wide_end(rng: random.Random, data: bytes) -> bytes:
    """A ZIP64 end record that claims something else than the short one."""
    end = data.rfind(_END)
    if end < 0:
        return data
    claim = rng.choice((0, 1, len(data), 1 << 40, (1 << 63) + 5))
    record = struct.pack(
        "<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, claim, claim, claim, claim
    )
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    return data[:end] + record + locator + data[end:]


ARCHIVE_MUTATORS: tuple[tuple[str, Mutator], ...] = (
    *BYTE_MUTATORS,
    *(("edit directory", edit_central),) * 5,
    *(("edit local header", edit_local),) * 4,
    *(("edit end record", edit_end),) * 2,
    ("encrypt", encrypt),
    ("rename", rename),
    ("add ZIP64 end", add_wide_end),
)
