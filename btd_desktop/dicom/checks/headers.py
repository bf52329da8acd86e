"""Findings about elements that should be alike in all slices, or are odd alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from btd_desktop.dicom.findings import about, listed, note, quoted, visible, warning
from btd_desktop.dicom.hounsfield import UCUM_HU
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.dicom.stack import Slice

_MUST_AGREE: Final = {
    "patient_id": ("mixed_patient", "warning", "Patient IDs"),
    "patient_name": ("mixed_patient_name", "warning", "patient names"),
    "patient_sex": ("mixed_patient_sex", "warning", "patient sexes"),
    "birth_date": ("mixed_birth_date", "warning", "birth dates"),
    "study_uid": ("mixed_study", "warning", "Study Instance UIDs"),
    "frame_of_reference_uid": (
        "mixed_frame_of_reference",
        "warning",
        "frames of reference",
    ),
    "manufacturer": ("mixed_manufacturer", "warning", "manufacturers"),
    "model": ("mixed_model", "warning", "scanner models"),
    "device_serial": ("mixed_device", "warning", "scanner serial numbers"),
    "station": ("mixed_station", "warning", "station names"),
    "software": ("mixed_software", "warning", "software versions"),
    "kernel": ("mixed_kernel", "warning", "reconstruction kernels"),
    "private_creators": ("mixed_private_blocks", "note", "sets of private blocks"),
    "description": ("mixed_description", "note", "series descriptions"),
    "protocol": ("mixed_protocol", "note", "protocol names"),
    "study_date": ("mixed_study_date", "warning", "study dates"),
    "photometric": ("mixed_photometric", "warning", "photometric interpretations"),
}
_NUMBERS_AGREE: Final = {
    "kvp": ("mixed_kvp", "note", "tube voltages (KVP)"),
    "bits_stored": ("mixed_bits", "warning", "numbers of bits stored"),
    "pixel_representation": ("mixed_sign", "warning", "signs of the stored values"),
    "series_number": ("mixed_series_number", "warning", "series numbers"),
    "magnetic_field": ("mixed_magnetic_field", "warning", "magnetic field strengths"),
}
# They name a person or a place; a redacted report must not learn them from a finding.
_NOT_QUOTED: Final = (
    "mixed_patient",
    "mixed_patient_name",
    "mixed_birth_date",
    "mixed_device",
    "mixed_station",
)
_MOST_SENTENCES: Final = 3
_HARMLESS: Final = {
    "mixed_private_blocks": "an archive that handled the slices one by one",
    "mixed_frame_of_reference": "a scan in several parts",
    "mixed_kvp": "a scan with two energies",
    "mixed_kernel": "two reconstructions sent under one series",
}


def check_headers(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    """Findings about elements that differ, rescale rules and remarks of the reader."""
    for name, (code, severity, words) in _MUST_AGREE.items():
        texts = [item.facts.text.get(name, "") for item in slices]
        yield from _check_alike(slices, texts, code, severity, words)
    for name, (code, severity, words) in _NUMBERS_AGREE.items():
        numbers = [item.facts.number.get(name) for item in slices]
        shown = ["" if value is None else f"{value:.6g}" for value in numbers]
        yield from _check_alike(slices, shown, code, severity, words)
    yield from _check_rescale(slices)
    for code, severity, sentence, applies in _HEADER_CHECKS:
        yield from about(slices, code, severity, sentence, applies)
    yield from _check_remarks(slices)


def _check_alike(
    slices: Sequence[Slice], values: Sequence[str], code: str, severity: str, words: str
) -> Iterator[SeriesFinding]:
    counts = Counter(values)
    if len(counts) < 2:
        return
    usual, n_usual = counts.most_common(1)[0]
    harmless = _HARMLESS.get(code, "an error at the console or a merge in the archive")
    if code == "mixed_frame_of_reference" and len(counts) == len(slices):
        # No scan in parts looks so, and no slices put in: everything was re-issued.
        severity, harmless = "note", "an anonymiser that gave each slice its own"
    uids = [
        item.uid for item, value in zip(slices, values, strict=True) if value != usual
    ]
    shown = ", which the tags of the slices show"
    if code not in _NOT_QUOTED:
        shown = f": {listed(value or 'none' for value in counts)}"
    yield SeriesFinding(
        code,
        severity,
        f"One series with {len(counts)} different {words}{shown}. It may be "
        f"{harmless}; slices from elsewhere look the same.",
        # Without a majority there are no odd ones.
        tuple(uids) if 2 * n_usual > len(slices) else (),
    )


def _check_rescale(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    is_ct = slices[0].facts.text["modality"] == "CT"
    missing = [s.uid for s in slices if not s.frame.slope]
    if is_ct and missing:
        yield warning(
            "no_rescale",
            "RescaleSlope is missing, zero or unreadable: 1 was used, the values are "
            "not HU. Every CT scanner writes it; converters and hand-made headers "
            "leave it out.",
            missing,
        )
    missing = [s.uid for s in slices if s.frame.intercept is None]
    if is_ct and missing:
        yield warning(
            "no_intercept",
            "RescaleIntercept is missing or unreadable: 0 was used, the values are not "
            "HU. Every CT scanner writes it; converters and hand-made headers leave it "
            "out.",
            missing,
        )
    pairs = {(s.frame.slope, s.frame.intercept) for s in slices}
    if len(pairs) > 1:
        say = warning if is_ct else note
        yield say(
            "mixed_rescale",
            f"Slices use {len(pairs)} different rescale rules. Some scanners scale "
            "each slice by its range, PET and MR above all; CT slices with another "
            "rule have another history.",
        )
    types = {s.facts.text.get("rescale_type", "HU") for s in slices}
    if is_ct and types != {"HU"}:
        yield warning("rescale_type", f"Values are called {listed(types)}, not HU.")
    yield from _check_real_world(slices)


def _check_real_world(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    """A second mapping of the stored values beside the rescale (C.7.6.16.2.11)."""
    words: dict[str, list[str]] = {}
    for item in slices:
        text, number = item.facts.text, item.facts.number
        slope = number.get("real_world_slope")
        intercept = number.get("real_world_intercept")
        if "real_world_unit" not in text:
            continue
        own = item.frame.slope, item.frame.intercept
        if (slope, intercept) == own and text["real_world_unit"] == UCUM_HU:
            continue
        rule = f"unit {quoted(text['real_world_unit'])}"
        if slope is not None and intercept is not None:
            rule += f", slope {slope:.6g}, intercept {intercept:.6g}"
        words.setdefault(rule, []).append(item.uid)
    if words:
        rule = next(iter(words))
        yield note(
            "real_world_map",
            f"The header maps the stored values to real-world values too ({rule}), "
            "with another rule or unit than the rescale. The rescale was used.",
            [uid for uids in words.values() for uid in uids],
        )


def _has_flag(flag: str) -> Callable[[Slice], bool]:
    return lambda item: flag in item.facts.flags


_HEADER_CHECKS: Final[tuple[tuple[str, str, str, Callable[[Slice], bool]], ...]] = (
    (
        "modality_lut",
        "warning",
        "Values go through a look-up table that is not applied.",
        _has_flag("modality_lut"),
    ),
    (
        "detector_spacing",
        "warning",
        "Spacing is that of the detector, not of the patient.",
        _has_flag("uncalibrated_spacing"),
    ),
    (
        "nominal_spacing",
        "warning",
        "Spacing is the nominal one of a scanned film, not of the patient.",
        _has_flag("nominal_spacing"),
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
)


def _check_remarks(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    by_element: dict[str, dict[str, list[str]]] = {}
    for item in slices:
        for element, sentence in item.facts.remarks:
            sentences = by_element.setdefault(element, {})
            sentences.setdefault(sentence, []).append(item.uid)
    for element, sentences in sorted(by_element.items())[:50]:
        code = f"element:{visible(element, 64)}"
        if len(sentences) > _MOST_SENTENCES:
            # One finding of an element that says another number in each slice.
            first = next(iter(sentences))
            uids = [uid for found in sentences.values() for uid in found]
            words = f"{visible(first)} So or with other values in the other slices."
            yield warning(code, words, list(dict.fromkeys(uids)))
            continue
        for sentence, uids in sorted(sentences.items()):
            yield warning(code, visible(sentence), list(dict.fromkeys(uids)))
