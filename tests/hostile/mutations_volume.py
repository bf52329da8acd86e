"""Seeded damage to NIfTI, NRRD, MetaImage, NumPy and PNG files."""

from __future__ import annotations

import gzip
import io
import random
import re
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from tests.hostile.mutations import BYTE_MUTATORS, Mutator, mutate
from tests.unit.dicom import samples

__all__ = ["mutated_volumes"]

_WORDS = (
    *(b"0", b"-1", b"nan", b"inf", b"1e308", b"99999999999", b"2147483648", b""),
    *(b"../../etc/passwd", b"/dev/zero", b"LIST", b"LOCAL", b"(1,0,0) (0,0,0) (0,0,1)"),
)


def _originals() -> list[tuple[str, bytes]]:
    import SimpleITK

    itk: Any = SimpleITK  # untyped
    stack = np.stack([samples.picture(i, (12, 16)) for i in range(3)])
    image = itk.GetImageFromArray(stack)
    image.SetSpacing((0.8, 0.7, 2.5))
    found = []
    with tempfile.TemporaryDirectory(prefix="btd-hostile-") as folder:
        for suffix in (".nii", ".nrrd", ".mha"):
            path = Path(folder) / f"scan{suffix}"
            itk.WriteImage(image, str(path))
            found.append((suffix, path.read_bytes()))
    found.append((".nii.gz", gzip.compress(found[0][1], mtime=0)))
    buffer = io.BytesIO()
    np.save(buffer, stack)
    found.append((".npy", buffer.getvalue()))
    grey = stack[0].view(np.uint16)
    found.append((".png", bytes(imagecodecs.png_encode(grey))))
    return found


def edit_word(rng: random.Random, data: bytes) -> bytes:
    """A number or name in a text header is another one."""
    spans = [m.span() for m in re.finditer(rb"[-\w.]+", data[:600])]
    if not spans:
        return data
    start, end = rng.choice(spans)
    return data[:start] + rng.choice(_WORDS) + data[end:]


def edit_field(rng: random.Random, data: bytes) -> bytes:
    """A binary field of the header holds the extreme of its type."""
    if len(data) < 400:
        return data
    at = rng.randrange(0, 352, 2)
    wild = rng.choice(
        (
            b"\0\0",
            b"\xff\xff",
            b"\xff\x7f",
            b"\0\0\xc0\x7f",
            b"\0\0\x80\x7f",
            b"\0\0\0\0",
        )
    )
    return data[:at] + wild + data[at + len(wild) :]


def within_gzip(rng: random.Random, data: bytes) -> bytes:
    """Damage below the compression."""
    if data[:2] != b"\x1f\x8b":
        return edit_field(rng, data)
    try:
        return gzip.compress(edit_field(rng, gzip.decompress(data)), mtime=0)
    except (OSError, EOFError, ValueError, zlib.error, struct.error):
        return data


_ELSEWHERE = (
    *(b"/etc/hostname", b"../secret.raw", b"LIST", b"%s%c%n", b"%03d.raw 1 3 1"),
    *(b"beside.raw", b"C:\\secret.raw", b"LOCAL"),
)
_POINTERS = (
    *(b"ElementDataFile = ", b"ElementDataFile : ", b"elementdatafile = "),
    *(b"data file: ", b"datafile: ", b"data file:=", b"# x\rdata file: "),
)


def _line_start(rng: random.Random, data: bytes) -> int:
    """Start of some line of the header, or of the file."""
    ends = [m.end() for m in re.finditer(rb"\n", data[:1000])]
    return rng.choice(ends) if ends else 0


def point_elsewhere(rng: random.Random, data: bytes) -> bytes:
    """A line more that names another file, as one reader or the other may take it."""
    at = _line_start(rng, data)
    line = rng.choice(_POINTERS) + rng.choice(_ELSEWHERE) + rng.choice((b"\n", b"\r"))
    return data[:at] + line + data[at:]


def edit_separator(rng: random.Random, data: bytes) -> bytes:
    """`:` for `=`, a lone CR for a line's end, or the other way round."""
    spans = [m.span() for m in re.finditer(rb" = |: |:=|\n", data[:600])]
    if not spans:
        return data
    start, end = rng.choice(spans)
    other = rng.choice((b" : ", b" = ", b":=", b": ", b"\r", b"\r\n", b"\n\n", b"\0"))
    return data[:start] + other + data[end:]


def lengthen_header(rng: random.Random, data: bytes) -> bytes:
    """A field moves behind what readers look at: more comment than they read."""
    at = _line_start(rng, data)
    word = rng.choice((b"# ", b"Comment = ", b"content: ", b"x:="))
    return (
        data[:at] + word + b"x" * rng.choice((4096, 65536, 70_000)) + b"\n" + data[at:]
    )


def follow_with_more(rng: random.Random, data: bytes) -> bytes:
    """Something after the end: a few bytes, a second image, a second member."""
    more = rng.choice((b"\0" * 512, b"hidden", data, gzip.compress(data, mtime=0)))
    return data + more


VOLUME_MUTATORS: tuple[tuple[str, Mutator], ...] = (
    *BYTE_MUTATORS,
    *(("edit word", edit_word),) * 4,
    *(("edit field", edit_field),) * 4,
    *(("within gzip", within_gzip),) * 2,
    *(("point elsewhere", point_elsewhere),) * 3,
    *(("edit separator", edit_separator),) * 2,
    ("lengthen header", lengthen_header),
    ("follow with more", follow_with_more),
)


def mutated_volumes(n: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`n` file names and mutated volume files."""
    originals = _originals()
    for index in range(n):
        rng = random.Random(f"volume {seed} {index}")
        suffix, data = originals[index % len(originals)]
        changed, how = mutate(rng, data, VOLUME_MUTATORS)
        yield f"{index:05d} {how}"[:110] + suffix, changed
