"""Findings about a series: what the examiner should weigh before trusting a score.

Each check states a fact of the files and what it may mean; none says "tampered".
Repairs are not attempted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom import geometry
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.dicom.stack import Slice, Stack
from btd_desktop.volume import Volume

__all__ = ["check_headers", "check_stack", "check_voxels"]

_TILT_DEGREES: Final = 0.5
_OBLIQUE_DEGREES: Final = 1.0
_CLIPPED_SHARE: Final = 0.001
_UID: Final = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*")


def check_stack(
    stack: Stack, shape: geometry.StackShape | None, n_parts: int
) -> Iterator[SeriesFinding]:
    """Findings about order, spacing and completeness."""
    if n_parts > 1:
        told_apart = stack.phase or "geometry, image size or time"
        yield _warning(
            "split",
            f"The series holds {n_parts} stacks that differ in {told_apart}; they are "
            "examined one by one.",
        )
    if len(stack.slices) == 1:
        yield _note("single_slice", "One slice only: neighbours cannot be compared.")
    if shape is None:
        yield _warning(
            "no_geometry",
            "Position or orientation is missing or unusable: slices are ordered by "
            "instance number, and distances between them are not reliable.",
        )
    else:
        yield from _check_shape(stack, shape)
    if stack.slices[0].frame.spacing is None:
        yield _warning(
            "no_pixel_spacing",
            "Pixel spacing is missing: 1 mm was assumed, sizes are not reliable.",
        )
    yield from _check_instance_numbers(stack, has_order=shape is not None)
    yield from _check_repeated_pixels(stack.slices)


def _check_repeated_pixels(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    by_pixels: dict[str, list[Slice]] = {}
    for item in slices:
        if item.frame_index == 0:
            by_pixels.setdefault(item.pixel_sha256, []).append(item)
    for same in by_pixels.values():
        # Empty slices at the ends of a scan are alike on their own.
        if len(same) > 1 and same[0].stored.min() != same[0].stored.max():
            yield _warning(
                "repeated_pixels",
                f"{len(same)} slices hold exactly the same pixels under different "
                "UIDs: noise makes that impossible for separate measurements.",
                [item.uid for item in same],
            )


def _check_shape(stack: Stack, shape: geometry.StackShape) -> Iterator[SeriesFinding]:
    slices = stack.slices
    if shape.gaps:
        yield _warning(
            "gap",
            f"At {len(shape.gaps)} places slices are missing (about "
            f"{shape.n_missing} at {shape.spacing_mm:.3g} mm).",
            [slices[index].uid for index in shape.gaps],
        )
    if shape.repeats:
        yield _warning(
            "repeated_position",
            f"{len(shape.repeats)} slices lie where another one lies, and nothing in "
            "the header tells them apart.",
            [slices[index].uid for index in shape.repeats],
        )
    if shape.is_uneven:
        yield _warning(
            "uneven_spacing", "Distances between neighbouring slices vary by over 5 %."
        )
    stated = slices[0].facts.number.get("gantry_tilt", 0.0)
    if shape.tilt_degrees > _TILT_DEGREES or abs(stated) > _TILT_DEGREES:
        degrees = max(shape.tilt_degrees, abs(stated))
        yield _warning(
            "gantry_tilt",
            f"Slices are shifted against each other (tilt of {degrees:.1f} degrees).",
        )
    orientation = slices[0].frame.orientation
    oblique = 0.0 if orientation is None else geometry.oblique_degrees(orientation)
    if oblique > _OBLIQUE_DEGREES:
        yield _note(
            "oblique",
            f"Slices are oblique: {oblique:.1f} degrees off the nearest axis.",
        )


def _check_instance_numbers(
    stack: Stack, *, has_order: bool
) -> Iterator[SeriesFinding]:
    if any(item.frame_index for item in stack.slices) or len(stack.slices) < 2:
        return
    numbers = [item.facts.number.get("instance_number") for item in stack.slices]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        n_missing = len(numbers) - len(known)
        yield _note(
            "no_instance_number", f"{n_missing} slices have no instance number."
        )
        return
    if len(set(known)) < len(known):
        yield _warning(
            "repeated_instance_number", "Some slices share their instance number."
        )
        return
    steps = np.diff(known)
    if has_order and not (np.all(steps > 0) or np.all(steps < 0)):
        yield _warning(
            "instance_order",
            "Instance numbers do not follow the positions: slices were renumbered, "
            "moved, or acquired in another order.",
        )
    n_missing = int(max(known) - min(known)) + 1 - len(known)
    if n_missing > 0:
        yield _note(
            "instance_number_gap",
            f"{n_missing} instance numbers between the first and the last are missing.",
        )


_MUST_AGREE: Final = {
    "patient_id": ("mixed_patient", "warning", "Patient IDs"),
    "patient_name": ("mixed_patient_name", "warning", "patient names"),
    "study_uid": ("mixed_study", "warning", "Study Instance UIDs"),
    "frame_of_reference_uid": (
        "mixed_frame_of_reference",
        "note",
        "frames of reference",
    ),
    "manufacturer": ("mixed_manufacturer", "warning", "manufacturers"),
    "model": ("mixed_model", "warning", "scanner models"),
    "device_serial": ("mixed_device", "warning", "scanner serial numbers"),
    "software": ("mixed_software", "warning", "software versions"),
    "kernel": ("mixed_kernel", "warning", "reconstruction kernels"),
    "transfer_syntax": ("mixed_transfer_syntax", "note", "transfer syntaxes"),
    "study_date": ("mixed_study_date", "warning", "study dates"),
    "photometric": ("mixed_photometric", "warning", "photometric interpretations"),
}


def check_headers(stack: Stack) -> Iterator[SeriesFinding]:
    """Findings about tags that contradict each other or tell a history."""
    slices = stack.slices
    for name, (code, severity, words) in _MUST_AGREE.items():
        values = {item.facts.text.get(name, "") for item in slices}
        if len(values) > 1:
            yield SeriesFinding(
                code, severity, f"One series with {len(values)} different {words}."
            )
    yield from _check_rescale(slices)
    for flag, (code, severity, sentence) in _FLAGS.items():
        yield from _about(slices, code, severity, sentence, _has_flag(flag))
    for code, severity, sentence, applies in _HEADER_CHECKS:
        yield from _about(slices, code, severity, sentence, applies)
    kinds = sorted({s.facts.text["preamble"] for s in slices if _has_preamble(s)})
    if kinds:
        yield from _about(
            slices,
            "preamble",
            "warning",
            f"The unused start of the file holds {', '.join(kinds)}: the file can "
            "pose as something else.",
            _has_preamble,
        )
    yield from _check_remarks(slices)


def _check_rescale(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    is_ct = slices[0].facts.text["modality"] == "CT"
    missing = [s.uid for s in slices if s.frame.slope is None or not s.frame.slope]
    if is_ct and missing:
        yield _warning(
            "no_rescale",
            "RescaleSlope is missing, zero or unreadable: 1 was used, values may not "
            "be HU.",
            missing,
        )
    pairs = {(s.frame.slope, s.frame.intercept) for s in slices}
    if len(pairs) > 1:
        say = _warning if is_ct else _note
        yield say("mixed_rescale", f"Slices use {len(pairs)} different rescale rules.")
    types = {s.facts.text.get("rescale_type", "HU") for s in slices}
    if is_ct and types != {"HU"}:
        yield _warning(
            "rescale_type", f"Values are called {', '.join(sorted(types))}, not HU."
        )


_FLAGS: Final = {
    "lossy": (
        "lossy",
        "warning",
        "The images went through lossy compression, which alters the noise that "
        "scoring rests on.",
    ),
    "signed": (
        "digital_signature",
        "note",
        "The files carry DICOM digital signatures; they were not verified.",
    ),
    "simulated": (
        "simulated",
        "warning",
        "The files are marked as simulated or tampered copies made by this program; "
        "they are no evidence.",
    ),
    "modality_lut": (
        "modality_lut",
        "warning",
        "Values go through a look-up table that is not applied.",
    ),
    "uncalibrated_spacing": (
        "detector_spacing",
        "warning",
        "Spacing is that of the detector, not of the patient.",
    ),
}


def _has_flag(flag: str) -> Callable[[Slice], bool]:
    return lambda item: flag in item.facts.flags


def _has_preamble(item: Slice) -> bool:
    return bool(item.facts.text.get("preamble"))


def _is_derived(item: Slice) -> bool:
    return item.facts.text.get("image_type", "").upper().startswith("DERIVED")


def _is_capture(item: Slice) -> bool:
    return item.facts.text.get("sop_class", "").startswith("Secondary Capture")


def _has_bad_uid(item: Slice) -> bool:
    uids = [item.facts.text.get(n, "") for n in ("sop_instance_uid", "series_uid")]
    return any(not _UID.fullmatch(uid) or len(uid) > 64 for uid in uids)


def _has_odd_dates(item: Slice) -> bool:
    """True when the series or its content is dated before the study."""
    text = item.facts.text
    study = text.get("study_date", "")[:8]
    later = ("series_date", "acquisition_date", "content_date", "creation_date")
    return bool(study) and any(text.get(name, study)[:8] < study for name in later)


_HEADER_CHECKS: Final[tuple[tuple[str, str, str, Callable[[Slice], bool]], ...]] = (
    (
        "derived",
        "note",
        "The images are marked as derived from others, not as the scanner's first.",
        _is_derived,
    ),
    (
        "secondary_capture",
        "warning",
        "The images are secondary captures: values may have been altered for display.",
        _is_capture,
    ),
    (
        "bad_uid",
        "warning",
        "A UID is missing or breaks the rules for UIDs; scanners do not write such.",
        _has_bad_uid,
    ),
    (
        "dates",
        "warning",
        "A date of the series lies before the date of its study.",
        _has_odd_dates,
    ),
    (
        "inverted_display",
        "note",
        "The images are to be shown inverted (MONOCHROME1); values are as stored.",
        lambda item: item.facts.text.get("photometric") == "MONOCHROME1",
    ),
    (
        "broken_geometry",
        "warning",
        "Orientation or spacing of some slices is not possible and was left out.",
        lambda item: "broken" in item.frame.phase,
    ),
    (
        "burned_in",
        "note",
        "Annotations are burned into the images.",
        lambda item: item.facts.text.get("burned_in", "").upper() == "YES",
    ),
    (
        "no_series_uid",
        "warning",
        "No Series Instance UID: files of one folder were taken as a series.",
        lambda item: not item.facts.text.get("series_uid"),
    ),
)


def _check_remarks(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    by_remark: dict[tuple[str, str], list[str]] = {}
    for item in slices:
        for remark in item.facts.remarks:
            by_remark.setdefault(remark, []).append(item.uid)
    for (element, sentence), uids in sorted(by_remark.items())[:50]:
        yield _warning(f"element:{element}", sentence, list(dict.fromkeys(uids)))


def _about(
    slices: Sequence[Slice],
    code: str,
    severity: str,
    sentence: str,
    applies: Callable[[Slice], bool],
) -> Iterator[SeriesFinding]:
    uids = tuple(item.uid for item in slices if applies(item))
    if uids:
        # All of them: it concerns the series, and the list would only be long.
        yield SeriesFinding(
            code, severity, sentence, () if len(uids) == len(slices) else uids
        )


def check_voxels(volume: Volume) -> Iterator[SeriesFinding]:
    """Findings about the values themselves."""
    voxels = volume.voxels
    if volume.modality == "CT" and voxels.dtype == np.float32:
        yield _note(
            "fractional_hu",
            "HU are not whole numbers: scanners write whole ones, so the values were "
            "computed afterwards or use a fractional slope.",
        )
    measured = voxels if volume.padding is None else voxels[~volume.padding]
    if measured.size == 0 or measured.min() == measured.max():
        yield _warning("constant", "All values are the same: there is no picture.")
        return
    if volume.modality == "CT":
        yield from _check_range(measured)


def _check_range(measured: NDArray[Any]) -> Iterator[SeriesFinding]:
    top = measured.max()
    share = float(np.mean(measured == top))
    if top < 3000 and share > _CLIPPED_SHARE:
        yield _warning(
            "clipped",
            f"{100 * share:.2g} % of the values are exactly {top:g}, the highest: the "
            "range looks clipped.",
        )


def _warning(code: str, sentence: str, uids: Sequence[str] = ()) -> SeriesFinding:
    return SeriesFinding(code, "warning", sentence, tuple(uids))


def _note(code: str, sentence: str, uids: Sequence[str] = ()) -> SeriesFinding:
    return SeriesFinding(code, "note", sentence, tuple(uids))
