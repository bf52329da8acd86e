"""Findings about a series: what the examiner should weigh before trusting a score.

Each check states a fact of the files, quotes the value and says what it may mean,
harmless or not; none says "tampered". Repairs are not attempted. What every code looks
at is listed in docs/forensic-checks.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from btd_desktop.dicom import geometry
from btd_desktop.dicom.checks.headers import check_headers
from btd_desktop.dicom.checks.history import check_history
from btd_desktop.dicom.checks.neighbours import check_neighbours
from btd_desktop.dicom.checks.processing import check_processing
from btd_desktop.dicom.checks.scanner import check_scanner
from btd_desktop.dicom.checks.signatures import check_signatures
from btd_desktop.dicom.checks.stack import check_stack
from btd_desktop.dicom.checks.times import check_times
from btd_desktop.dicom.checks.uids import check_uids
from btd_desktop.dicom.checks.values import check_values
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.dicom.stack import Stack
from btd_desktop.volume import Volume


def check_series(
    stack: Stack,
    shape: geometry.StackShape | None,
    n_parts: int,
    volume: Volume,
) -> Iterator[SeriesFinding]:
    """All findings about one of `n_parts` stacks; `volume` is the same, rescaled."""
    slices = stack.slices
    yield from check_stack(stack, shape, n_parts)
    yield from check_headers(slices)
    yield from check_uids(slices)
    yield from check_scanner(slices)
    yield from check_times(slices)
    yield from check_history(slices)
    yield from check_signatures(slices)
    yield from check_values(stack, volume)
    yield from check_neighbours(volume)
    yield from check_processing(slices, volume)
