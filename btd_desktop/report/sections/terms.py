"""What the words of a report mean."""

from __future__ import annotations

from typing import Final

from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import Fact, Facts, Section, plain

_TERMS: Final = (
    ("series, instance", "DICOM's grouping of images; an instance is one stored object,"
     " normally one file, named by its SOP Instance UID"),
    ("slice", "one plane of the volume after ordering by geometry; counted from 1"),
    ("HU", "Hounsfield unit, the modality value of CT"),
    ("digest", "SHA-256 of a file or value: changes when a single bit changes"),
    ("patch", "square region of a slice that is scored at once"),
    ("place", "one patch that the examiner or the search pointed at; as a"
     " level: its noise is searched for elsewhere in the series too, and it is ranked"
     " among genuine places judged in the same way"),
    ("copied noise", "residual of a place that is found again at another place of the"
     " series, more strongly than all but the stated share of genuine places"),
    ("residual", "per-pixel difference before and after one reverse diffusion step"),
    ("score", "one number from residuals; higher means less like genuine scans; not a"
     " probability"),
    ("genuine", "known to be as the scanner reconstructed it"),
    ("tampered", "with content injected, removed or altered"),
    ("flagged", "score above the threshold; says nothing of proof"),
    ("p-value", "share of genuine scores at least as high"),
    ("FPR", "share of genuine places, patches, slices or series that are flagged"),
    ("calibration profile", "scores of genuine scans and what they are valid for"),
    ("overlay", "coloured picture of the residual above the slice"),
    ("exhibit", "place shown with its scores, found by search or by the examiner"),
)  # fmt: skip


def section(case: ReportCase) -> Section:
    """Each term with its meaning here."""
    facts = tuple(Fact(term, plain(meaning)) for term, meaning in _TERMS)
    return Section("terms", "Terms", (Facts(facts),), is_annex=True)
