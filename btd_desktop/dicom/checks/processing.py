"""Findings about a series that is not as a reconstruction leaves it, as a whole.

What the header declares (reformats, iterative reconstruction, interpolated matrices,
lossy compression) explains such traces: they are notes then. Of MR they always are:
interpolation and rescaling are everyday there. Limits and rates come from `btd bench
processing`; docs/forensic-checks.md prints its tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from btd_desktop.dicom.findings import note, quoted
from btd_desktop.dicom.processing import measure_processing
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.dicom.stack import Slice
from btd_desktop.volume import Volume


class Genuine(NamedTuple):
    """How often genuine CT series show a trace, judged by limits made without them.

    Attributes:
        n_found: Series with it.
        n_series: Series in which it could be measured.
        n_patients: Their patients.
        most: Upper end of the exact 95 % interval of its rate by patient.
    """

    n_found: int
    n_series: int
    n_patients: int
    most: float


@dataclass(frozen=True, slots=True)
class Trace:
    """One trace of processing: from where on it is worth a finding, and its words.

    Attributes:
        limit: Strength above which there is a finding; see `measure_processing`.
        words: What is said in a reason of the scope.
        sentence: What was seen and what it may mean.
        genuine: How often genuine series show it.
        is_note: It changes no scope: simulated sharp kernels show it as well.
    """

    limit: float
    words: str
    sentence: str
    genuine: Genuine
    is_note: bool = False

    def rate(self) -> str:
        """How often genuine series show it, as a sentence."""
        n_found, n_series, n_patients, most = self.genuine
        return (
            f"Seen in {n_found} of {n_series} genuine CT series of {n_patients} "
            f"patients (at most {100 * most:.2g} % of patients)."
        )


TRACES: Final[dict[str, Trace]] = {
    "resampled_grid": Trace(
        40.0,
        "its pixels were interpolated on another grid",
        "The fine detail rises and falls regularly across the picture, as after "
        "resampling to another pixel grid; a reconstruction leaves no such period.",
        Genuine(0, 129, 85, 0.0425),
    ),
    "smoothed_noise": Trace(
        0.6,
        "its finest noise is missing",
        "At the highest frequencies of the picture nothing but rounding is left: the "
        "noise was smoothed, or the picture shifted by part of a pixel or enlarged. "
        "Reconstruction kernels leave some noise there.",
        Genuine(0, 114, 81, 0.0445),
    ),
    "directional_noise": Trace(
        0.9,
        "its noise is cut along rows or columns",
        "Along rows or columns the finest noise is far weaker than on the diagonals: "
        "the picture was shifted by part of a pixel or interpolated. Reconstruction "
        "kernels prefer no axis.",
        Genuine(0, 114, 81, 0.0445),
    ),
    "white_noise": Trace(
        0.7,
        "its noise is not that of a kernel",
        "The noise does not fall towards the highest frequencies as that of a "
        "reconstruction kernel does: noise was added, or a median filter applied. Very "
        "sharp kernels on large pixels look so too.",
        Genuine(0, 114, 81, 0.0445),
        is_note=True,
    ),
    "repeated_values": Trace(
        0.3,
        "neighbouring pixels repeat each other",
        "Neighbouring pixels have the same value far more often than noise allows: a "
        "median or similar filter repeats values, and so does enlarging without "
        "interpolation.",
        Genuine(1, 122, 82, 0.0661),
    ),
    "odd_levels": Trace(
        0.008,
        "its grey values are used unevenly",
        "Single grey values are far rarer or more frequent than the values next to "
        "them: the values were rounded once more after scaling, averaging, or with "
        "fewer bits.",
        Genuine(0, 122, 82, 0.044),
    ),
    "soft_border": Trace(
        2.0,
        "the border of its field of view was interpolated",
        "Between padding and picture lie values that no scanner measures: the border "
        "of the field of view was interpolated or smoothed along with the picture.",
        Genuine(0, 58, 41, 0.086),
    ),
    "interpolated_slices": Trace(
        0.65,
        "slices were interpolated from their neighbours",
        "The noise of a slice is for the larger part a mixture of that of its "
        "neighbours, more than the stated thickness explains: slices were "
        "interpolated.",
        Genuine(0, 34, 32, 0.1089),
    ),
}

_REFORMATS: Final = {
    "DERIVED", "MPR", "MPR THICK", "MIP", "MINIP", "MIN_IP", "MAX_IP", "AVERAGE",
    "PROJECTION IMAGE", "RESAMPLED", "REFORMATTED", "CSAMPLED", "CPR", "CURVED",
    "FILTERED", "INTERPOLATED", "DIS2D", "DIS3D", "GDC", "MEAN",
}  # fmt: skip
_ITERATIVE: Final = re.compile(
    r"\b(ASI?R[- ]?V?\d*|ADMIRE|SAFIRE|IDOSE\w*|IMR\d*|AIDR\w*|AICE\w*|MBIR|VEO|DLIR\w*"
    r"|TRUE ?FIDELITY|PIQE|PRECISE ?IMAGE|DEEP ?RESOLVE|DEEP ?RECON)\b"
)
# Siemens: I and J kernels, and a strength after the name (Br40d\3).
_ITERATIVE_KERNEL: Final = re.compile(
    r"^([IJ]\d\d[a-z]?\b|[A-Z][a-z]?\d\d[a-z]?\\[1-5])"
)
_NO_CHANGE: Final = re.compile(r"LOSSLESS|DE-?IDENT|ANONYM", re.IGNORECASE)


def check_processing(
    slices: Sequence[Slice], volume: Volume
) -> Iterator[SeriesFinding]:
    """Findings about traces of processing, and what the header declares of it."""
    declared = declared_processing(slices)
    if declared:
        yield note(
            "processing_declared",
            f"The header declares {'; '.join(declared)}. Noise and grey values are "
            "then not those of a plain reconstruction.",
        )
    for code, strength in measure_processing(volume).items():
        trace = TRACES[code]
        if not strength > trace.limit:
            continue
        if declared:
            why = "The header declares processing that can explain it."
        elif volume.modality == "MR":
            why = "In MR this is everyday: scanners interpolate and rescale."
        elif volume.unit != "HU":
            why = "How often genuine scans show it is known for values in HU only."
        else:
            severity = "note" if trace.is_note else "warning"
            yield SeriesFinding(code, severity, f"{trace.sentence} {trace.rate()}")
            continue
        yield SeriesFinding(code, "note", f"{trace.sentence} {why}")


def with_processing(volume: Volume, findings: Iterable[SeriesFinding]) -> Volume:
    """The volume with what the scope must know of processing in its source.

    Args:
        volume: The series.
        findings: All that were found about it; undeclared traces are warnings.
    """
    words = tuple(
        TRACES[finding.code].words
        for finding in findings
        if finding.code in TRACES and finding.severity == "warning"
    )
    if not words:
        return volume
    return replace(volume, source=volume.source.with_facts(processing=words))


def declared_processing(slices: Sequence[Slice]) -> list[str]:
    """What every slice of the series declares, in words; empty when one does not."""
    each = [_declared(item) for item in slices]
    if not all(each):
        return []
    return list(dict.fromkeys(words for found in each for words in found))[:6]


def _declared(item: Slice) -> list[str]:
    text, found = item.facts.text, []
    image_type = text.get("image_type", "").upper().split("\\")
    tokens = [token for token in image_type if token in _REFORMATS]
    if tokens:
        found.append(f"an image type {quoted(chr(92).join(tokens))}")
    if "lossy" in item.facts.flags:
        found.append("lossy compression")
    derivation = text.get("derivation", "")
    if derivation and not _NO_CHANGE.search(derivation):
        found.append(f"a derivation {quoted(derivation)}")
    return [*found, *_declared_reconstruction(item), *_declared_matrix(item)]


def _declared_reconstruction(item: Slice) -> Iterator[str]:
    text = item.facts.text
    stated = text.get("reconstruction", "").upper()
    if stated and stated != "FILTER_BACK_PROJ":
        yield f"a reconstruction {quoted(stated)}"
        return
    kernel = text.get("kernel", "")
    if _ITERATIVE_KERNEL.match(kernel):
        yield f"a kernel of iterative reconstruction {quoted(kernel)}"
        return
    for name in ("kernel", "description", "protocol", "image_type", "scan_options"):
        value = text.get(name, "")
        if _ITERATIVE.search(value.upper()):
            yield f"iterative or learned reconstruction {quoted(value)}"
            return


def _declared_matrix(item: Slice) -> Iterator[str]:
    """AcquisitionMatrix (PS3.3 C.8.3.1): frequency and phase, rows or columns."""
    text = item.facts.text
    if text.get("modality") != "MR":
        return
    if "ZIP" in text.get("scan_options", "").upper():
        yield f"interpolation {quoted(text['scan_options'])}"
    numbers = [
        int(part)
        for part in re.split(r"[^0-9]+", text.get("acquisition_matrix", ""))
        if part
    ]
    sides = [number for number in numbers if number > 0]
    rows, columns = item.stored.shape
    if len(numbers) == 4 and sides and max(sides) < max(rows, columns):
        yield f"a matrix of {max(sides)} shown with {max(rows, columns)} pixels"
    elif len(numbers) == 4 and sides and min(sides) < 0.75 * min(rows, columns):
        yield f"a matrix of {min(sides)} shown with {min(rows, columns)} pixels"
