"""How the other party repeats the examination."""

from __future__ import annotations

from typing import Final

from btd_desktop.digest import json_digest
from btd_desktop.examination.series import result_digest
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Box,
    Bullets,
    Cell,
    Fact,
    Facts,
    Section,
    Text,
    digest,
    name,
    plain,
    reference,
)

_EXAMINE: Final = "btd examine EVIDENCE --out CASE"
_VERIFY: Final = "btd verify REPORT.pdf --evidence EVIDENCE"
_BACKENDS: Final = (
    "The result digest is taken over the anomaly scores of all slices, "
    "rounded to four significant digits. The same model on the same kind "
    "of backend and precision gives it again. Between bfloat16 and float32 "
    "scores differ by 0.02 (root mean square; 0.17 at most in 2,196 places "
    "measured), which moves a p-value by about a twentieth of itself."
)


def section(case: ReportCase) -> Section:
    """Commands and the digests that a repetition must give."""
    examine = _command(case.command)
    runs = sorted(
        o.run.manifest_digest
        for o in case.examinations
        if o.run is not None and o.run.status == "done"
    )
    manifest = runs[0] if len(runs) == 1 else json_digest(runs)
    twin = Fact("Digest of report.json", reference("twin"), look="mono")
    facts = (
        Fact("Run manifest", digest(manifest), "manifest_digest", "mono"),
        Fact("Expected results", digest(result_digest(case.examinations)),
             "result_digest", "mono"),
        twin,
        Fact("Other backends", plain(_BACKENDS), "remark"),
    )  # fmt: skip
    same = (
        "With the same files, software, model and calibration profile the other party"
        " obtains the same results, without any network:"
    )
    check = (
        "To check the signature, the attached files and, where they are at hand, the"
        " evidence files: btd verify REPORT.pdf --evidence FOLDER"
    )
    return Section(
        "reproduction",
        "Reproduction",
        (
            Text(plain(same)),
            Box((Text(examine, "mono"), Text(plain(_VERIFY), "mono"))),
            Bullets((examine, plain(_VERIFY)), "reproduction.commands", printed=False),
            Facts(facts, "reproduction"),
            Text(plain(check)),
        ),
    )


def _command(command: str) -> Cell:
    # The examiner's command names folders.
    return name("instead", command, of=_EXAMINE) if command else plain(_EXAMINE)
