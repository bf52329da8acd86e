"""Whatever is put behind a DICOM file or stands in it twice, the import says so."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from btd_desktop.dicom.instance_file import parse_instance, refuse_long_tail
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.parsed import ParsedFile
from btd_desktop.dicom.series import Fate
from tests.hostile.file_classes import FILE_CLASSES, ct_of
from tests.hostile.mutations_dicom import elements, follow_with
from tests.unit.dicom.samples import (
    LOSSLESS_SYNTAXES,
    ct_slice,
    encoded,
    file_bytes,
    picture,
)

# As in the parsing process.
pytestmark = pytest.mark.filterwarnings("ignore")
N_SEEDS = 40


def _codes(parsed: ParsedFile) -> set[str]:
    assert parsed.facts is not None
    return {code for code, _ in parsed.facts.remarks}


@pytest.mark.parametrize("syntax", LOSSLESS_SYNTAXES)
def test_whatever_follows_the_end_is_named_or_ends_the_file(syntax: str) -> None:
    plain = encoded(picture(4), syntax)
    assert _codes(parse_instance(plain, DEFAULT_LIMITS)) == set()
    pixels = parse_instance(plain, DEFAULT_LIMITS).pixels
    assert pixels is not None
    counts: Counter[str] = Counter()
    for seed in range(N_SEEDS):
        data = follow_with(random.Random(f"{syntax} {seed}"), plain)
        parsed = parse_instance(data, DEFAULT_LIMITS)
        if parsed.fate is not Fate.ACCEPTED:
            counts[parsed.fate.value] += 1
            continue
        codes = _codes(parsed)
        assert codes, data[len(plain) : len(plain) + 16]
        counts.update(codes)
        if codes == {"trailing_data"}:
            assert parsed.pixels is not None
            assert (parsed.pixels == pixels).all()
    sys.stdout.write(f"[behind the end, {syntax}] {dict(counts)}\n")


def test_each_element_that_stands_twice_is_named() -> None:
    data = file_bytes(ct_slice())
    found = [element for element in elements(data) if element.start > 160]
    assert len(found) > 15
    for element in found:
        copy = data[element.start : element.value_at + element.length]
        for changed in (
            data + copy,
            data[: element.start] + copy + data[element.start :],
        ):
            parsed = parse_instance(changed, DEFAULT_LIMITS)
            assert parsed.fate is Fate.ACCEPTED, parsed.reason
            assert _codes(parsed) & {"repeated_element", "second_image"}


@pytest.mark.parametrize(
    ("kind", "is_examined"),
    [
        ("second pixel data", True),
        ("second pixel data before the first", False),
        ("float pixel data beside", False),
        ("picture in a sequence", False),
        ("icon as large as the picture", False),
    ],
)
def test_last_pixel_data_of_the_file_itself_is_examined_and_no_other_picture(
    kind: str, is_examined: bool
) -> None:
    parsed = parse_instance(FILE_CLASSES[kind].make("x"), DEFAULT_LIMITS)
    assert "second_image" in _codes(parsed)
    assert parsed.pixels is not None
    alone = parse_instance(file_bytes(ct_of("x")), DEFAULT_LIMITS).pixels
    expected = picture(77)[None] if is_examined else alone
    np.testing.assert_array_equal(parsed.pixels, expected)


def test_long_tail_is_refused_for_the_price_of_the_header() -> None:
    limits = replace(DEFAULT_LIMITS, max_trailing_bytes=1 << 16)
    data = bytearray(file_bytes(ct_slice()))
    assert refuse_long_tail(memoryview(data), limits) is None
    start = len(data)
    data.extend(bytes(128 << 20))
    begun = time.perf_counter()
    refused = refuse_long_tail(memoryview(data), limits)
    seconds = time.perf_counter() - begun
    assert refused is not None
    assert refused.fate is Fate.REFUSED
    assert f"{len(data) - start:,} bytes follow" in refused.reason
    assert seconds < 2.0
