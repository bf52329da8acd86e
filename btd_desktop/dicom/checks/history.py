"""Findings about what the images went through before they came here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from btd_desktop.dicom.findings import (
    about,
    concerned,
    listed,
    note,
    quoted,
    visible,
    warning,
)
from btd_desktop.dicom.hounsfield import is_secondary_capture
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.dicom.stack import Slice, grouped
from btd_desktop.dicom.uid_roots import RootKind, root_of

_TOOL_NAMES: Final = {
    "pydicom": "pydicom",
    "gdcm": "GDCM",
    "dcmtk": "DCMTK",
    "dcm4che": "dcm4che",
    "fo-dicom": "fo-dicom",
    "matlab": "MATLAB",
    "clearcanvas": "ClearCanvas",
    "dcmjs": "dcmjs",
    "itk": "ITK",
    "orthanc": "Orthanc",
    "osirix": "OsiriX",
    "horos": "Horos",
    "pixelmed": "PixelMed",
}
_LOSSLESS_ONLY: Final = "00"
_ALWAYS_LOSSY: Final = tuple(
    "1.2.840.10008.1.2.4." + tail for tail in ("50", "51", "52", "53", "54", "55", "56")
)


def check_history(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    """Findings about re-encoding, derivation, and the programs that wrote the files."""
    yield from about(
        slices,
        "simulated",
        "warning",
        "The files are marked as simulated or tampered copies made by this program; "
        "they are no evidence.",
        lambda item: "simulated" in item.facts.flags,
    )
    yield from _check_lossy(slices)
    yield from _check_derived(slices)
    yield from _check_anonymised(slices)
    yield from _check_writer(slices)
    yield from _check_mixed(slices)
    yield from _check_preamble(slices)
    yield from about(
        slices,
        "burned_in",
        "note",
        "Annotations are burned into the images.",
        lambda item: item.facts.text.get("burned_in", "").upper() == "YES",
    )


def _check_lossy(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    lossy = [item for item in slices if "lossy" in item.facts.flags]
    if lossy:
        text = lossy[0].facts.text
        stated = ", ".join(
            f"{words} {quoted(text[name])}"
            for name, words in (("lossy_method", "method"), ("lossy_ratio", "ratio"))
            if name in text
        )
        yield warning(
            "lossy",
            "The images went through lossy compression, which alters the noise that "
            f"scoring rests on{f' ({stated})' if stated else ''}. Archives compress "
            "so to save room; a picture taken from elsewhere often was.",
            concerned(lossy, slices),
        )
    yield from about(
        slices,
        "lossy_denied",
        "warning",
        "The header says that nothing was lost, but the pixels are in a transfer "
        "syntax that always loses. Software that compresses without correcting the "
        "header does this.",
        lambda item: (
            item.facts.text.get("transfer_syntax", "") in _ALWAYS_LOSSY
            and item.facts.text.get("lossy") == _LOSSLESS_ONLY
        ),
    )


def _check_derived(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    def image_type(item: Slice) -> list[str]:
        return item.facts.text.get("image_type", "").upper().split("\\")

    derived = [item for item in slices if image_type(item)[0] == "DERIVED"]
    if derived:
        described = {item.facts.text.get("derivation", "") for item in derived} - {""}
        words = f": {listed(described)}" if described else ""
        yield note(
            "derived",
            "The images are marked as derived from others, not as the scanner's "
            f"first{words}. Reformats and averages are; so is what was edited and "
            "marked so.",
            concerned(derived, slices),
        )
    others = [item for item in slices if image_type(item)[0] != "DERIVED"]
    told = [item for item in others if item.facts.text.get("derivation")]
    if told:
        words = listed(item.facts.text["derivation"] for item in told)
        yield note(
            "derivation_described",
            "A derivation is described although the images are marked as original: "
            f"{words}. Lossless compression is noted so by some archives.",
            concerned(told, slices),
        )
    yield from about(
        slices,
        "secondary_capture",
        "warning",
        "The images are secondary captures: values may have been altered for display.",
        is_secondary_capture,
    )


def _check_anonymised(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    removed = [
        item for item in slices if item.facts.text.get("deidentified", "") == "YES"
    ]
    if removed:
        method = removed[0].facts.text.get("deidentification", "")
        words = f" (method {quoted(method)})" if method else ""
        yield note(
            "deidentified",
            f"Names were removed{words}: whoever did it wrote the headers anew, and "
            "with them UIDs, dates and private elements. They no longer tell what "
            "the scanner wrote.",
            concerned(removed, slices),
        )


def _writer(item: Slice) -> str:
    """The toolkit that wrote the file, as its meta group tells; "" for others."""
    text = item.facts.text
    version = text.get("implementation_version", "").lower()
    for mark, name in _TOOL_NAMES.items():
        if mark in version:
            return name
    known = root_of(text.get("implementation_uid", ""))
    if known is None or known.kind is RootKind.SCANNER:
        return ""
    return "" if known.kind is RootKind.RANDOM else known.owner


def _check_writer(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    for writer, items in grouped(slices, _writer).items():
        if not writer:
            continue
        version = items[0].facts.text.get("implementation_version", "")
        stated = f" (it signs as {quoted(version)})" if version else ""
        yield note(
            "written_by_toolkit",
            f"The files were last written with {writer}{stated}, a toolkit, not by a "
            "scanner. Archives, viewers and anonymisers use it; so does software "
            "that edits pixels.",
            concerned(items, slices),
        )


_ALIKE: Final[tuple[tuple[str, str, str, Callable[[Slice], str]], ...]] = (
    (
        "mixed_writer",
        "programs that wrote them",
        "warning",
        lambda item: " ".join(
            item.facts.text.get(name, "")
            for name in ("implementation_uid", "implementation_version")
        ).strip(),
    ),
    (
        "mixed_source",
        "application entities that they came from",
        "note",
        lambda item: item.facts.text.get("source_ae", ""),
    ),
    (
        "mixed_transfer_syntax",
        "transfer syntaxes",
        "note",
        lambda item: item.facts.text.get("transfer_syntax", ""),
    ),
)


def _check_mixed(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    for code, words, severity, read in _ALIKE:
        counts = Counter(read(item) for item in slices)
        if len(counts) < 2:
            continue
        usual = counts.most_common(1)[0][0]
        say = warning if severity == "warning" else note
        # An application entity names a place; a redacted report must not learn it.
        shown = f": {listed(value or 'none stated' for value in counts)}"
        shown = shown if code != "mixed_source" else ", which the file meta shows"
        yield say(
            code,
            f"The files of one series differ in the {words}{shown}. Files collected "
            "in several goes differ so; so do some that were taken out, changed and "
            "put back.",
            [item.uid for item in slices if read(item) != usual],
        )


def _check_preamble(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    filled = [item for item in slices if item.facts.text.get("preamble")]
    if not filled:
        return
    kinds = sorted({item.facts.text["preamble"] for item in filled})
    say = note if kinds == ["a TIFF picture"] else warning
    foreseen = " The standard foresees TIFF there." if say is note else ""
    yield say(
        "preamble",
        f"The unused start of the file holds {visible(', '.join(kinds))}: the file can "
        f"pose as something else.{foreseen}",
        concerned(filled, slices),
    )
