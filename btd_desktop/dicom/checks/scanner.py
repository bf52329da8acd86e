"""Findings about the scanner: does everything point to one maker and one modality?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from btd_desktop.dicom.findings import (
    concerned,
    listed,
    note,
    number_text,
    quoted,
    warning,
)
from btd_desktop.dicom.hounsfield import FEW_BITS
from btd_desktop.dicom.makers import (
    maker_named,
    maker_of_kernel,
    maker_of_model,
    maker_of_private_creator,
    maker_of_software,
)
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.dicom.stack import Slice, grouped

_WITNESSES: Final[tuple[tuple[str, str, Callable[[str], str]], ...]] = (
    ("model", "model", maker_of_model),
    ("software", "software version", maker_of_software),
    ("kernel", "reconstruction kernel", maker_of_kernel),
)
_OF_XRAY: Final = {
    "kvp": "KVP",
    "exposure": "Exposure",
    "tube_current": "XRayTubeCurrent",
}
_OF_MR: Final = {
    "echo_time": "EchoTime",
    "repetition_time": "RepetitionTime",
    "magnetic_field": "MagneticFieldStrength",
}
_FIELD_TOLERANCE: Final = 0.02


def check_scanner(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    """Findings about maker, modality and image layout that contradict each other."""
    yield from _check_words(slices[0])
    yield from _check_private_blocks(slices[0])
    yield from _check_modality(slices)
    yield from _check_field_of_view(slices)
    yield from _check_bits(slices)
    yield from _check_bareness(slices[0])


def _check_words(item: Slice) -> Iterator[SeriesFinding]:
    text = item.facts.text
    stated = text.get("manufacturer", "")
    maker = maker_named(stated)
    if not maker:
        return
    for name, words, maker_of in _WITNESSES:
        value = text.get(name, "")
        other = maker_of(value)
        if other and other != maker:
            yield warning(
                f"maker_and_{name}",
                f"The manufacturer is {quoted(stated)}, the {words} {quoted(value)} is "
                f"of the form that {other} uses. A maker may have bought the product "
                "or the name of another; it is also what parts of two headers look "
                "like together.",
            )


def _check_private_blocks(item: Slice) -> Iterator[SeriesFinding]:
    text = item.facts.text
    stated = text.get("manufacturer", "")
    maker = maker_named(stated)
    creators = text.get("private_creators", "").split("\\")
    by_maker = grouped(creators, maker_of_private_creator)
    foreign = {m: names for m, names in by_maker.items() if m not in ("", maker)}
    if not maker or not foreign:
        return
    names = listed(name for names in foreign.values() for name in names)
    sentence = (
        f"The manufacturer is {quoted(stated)}, but private blocks of "
        f"{' and '.join(sorted(foreign))} are there ({names})"
    )
    if maker in by_maker:
        yield note(
            "private_blocks_of_others",
            f"{sentence}, beside its own: archives and workstations add such; parts "
            "of another image's header would too.",
        )
    else:
        yield warning(
            "private_blocks_of_others",
            f"{sentence}, and none of its own. A workstation of the other maker may "
            "have made the images; or the manufacturer's name was changed.",
        )


def _check_modality(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    modality = slices[0].facts.text.get("modality", "")
    foreign = {"CT": _OF_MR, "MR": _OF_XRAY}.get(modality, {})
    odd = {
        keyword: item.facts.number[name]
        for item in slices
        for name, keyword in foreign.items()
        if item.facts.number.get(name)
    }
    if odd:
        values = ", ".join(f"{k} {number_text(v)}" for k, v in sorted(odd.items()))
        yield warning(
            "foreign_elements",
            f"{modality} images with elements of another modality ({values}). "
            "Converters copy whole headers; so does whoever puts a picture under "
            "the header of another scan.",
        )


def _check_field_of_view(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    """ReconstructionDiameter is Rows times PixelSpacing (PS3.3 C.8.2.1)."""
    odd: list[Slice] = []
    words = ""
    for item in slices:
        stated = item.facts.number.get("reconstruction_diameter")
        spacing = item.frame.spacing
        if not stated or spacing is None:
            continue
        sides = [n * s for n, s in zip(item.stored.shape, spacing, strict=True)]
        if all(abs(side - stated) > _FIELD_TOLERANCE * abs(stated) for side in sides):
            odd.append(item)
            words = words or (
                f"{item.stored.shape[0]} rows of {number_text(spacing[0])} mm make "
                f"{number_text(sides[0])} mm, ReconstructionDiameter says "
                f"{number_text(stated)} mm"
            )
    if odd:
        yield warning(
            "field_of_view",
            f"{words}. Cropping or resampling after the reconstruction does this, "
            "and some converters do; so does a picture of another size put in.",
            concerned(odd, slices),
        )


def _check_bits(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    number = slices[0].facts.number
    allocated = number.get("bits_allocated")
    stored, high = number.get("bits_stored"), number.get("high_bit")
    if stored is not None and high is not None and high != stored - 1:
        yield note(
            "high_bit",
            f"HighBit is {number_text(high)} with {number_text(stored)} bits stored; "
            f"the standard wants {number_text(stored - 1)} (PS3.3 C.7.6.3). Very old "
            "software did so, and headers changed by hand.",
        )
    few = min(value for value in (allocated, stored, 16.0) if value is not None)
    if few <= FEW_BITS:
        yield warning(
            "eight_bit",
            f"Only {number_text(few)} bits per value: scanners measure at least 10. "
            "The values were reduced for display at some time, and what they hold "
            "beyond that is lost or was made up.",
        )


def _check_bareness(item: Slice) -> Iterator[SeriesFinding]:
    text, number = item.facts.text, item.facts.number
    missing = [
        keyword
        for keyword, is_there in (
            ("Manufacturer", "manufacturer" in text),
            ("ManufacturerModelName", "model" in text),
            ("ImageType", "image_type" in text),
            ("KVP or EchoTime", "kvp" in number or "echo_time" in number),
            ("StudyDate", "study_date" in text),
        )
        if not is_there
    ]
    if len(missing) >= 3:  # one or two are removed with the names at times
        yield note(
            "bare_header",
            f"What every scanner writes is missing: {', '.join(missing)}. Conversion "
            "from another format and thorough anonymisation leave such headers, as "
            "does software that makes images.",
        )
