"""How the other party repeats the examination."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from btd_desktop.digest import json_digest
from btd_desktop.examination.series import SeriesExamination, result_digest
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Block,
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
    quoting,
    records,
    reference,
    unprinted,
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
            *records("runs", [_run(n, e) for n, e in case.numbered if e.is_scored]),
        ),
    )


def _run(number: int, examination: SeriesExamination) -> tuple[Block, ...]:
    """The manifest of a series' run, and what it was ranked by; in the twin alone."""
    run, evaluation = examination.run, examination.evaluation
    if run is None:
        return ()
    manifest = run.manifest
    scale, grid, backend = manifest.scale, manifest.grid, manifest.backend
    profile = None if evaluation is None else evaluation.profile
    facts = (
        ("series_number", unprinted(number)),
        ("volume_digest", digest(manifest.volume_digest)),
        ("manifest_digest", digest(run.manifest_digest)),
        ("software_version", quoting(manifest.software)),
        ("engine", unprinted(manifest.engine)),
        ("model_name", quoting(manifest.model["name"])),
        ("model_digest", digest(manifest.model["digest"])),
        ("profile_digest", digest(None if profile is None else profile.digest)),
        ("domain", quoting("" if evaluation is None else evaluation.domain)),
        ("preset", quoting(manifest.preset.name)),
        ("zero_at", unprinted(scale.zero_at)),
        ("one_at", unprinted(scale.one_at)),
        ("patch", unprinted(grid.patch)),
        ("stride", unprinted(grid.stride)),
        ("centre", unprinted(grid.centre)),
        ("noise_levels", unprinted(list(manifest.noise_levels))),
        ("paper_level", unprinted(manifest.paper_level)),
        ("device", quoting(backend.kind or "")),
        ("dtype", quoting(backend.dtype or "")),
        ("torch_version", quoting(backend.torch_version or "")),
        # Set only where it is not this program's own, as in the manifest.
        *(() if manifest.method is UNSET else (("method", quoting(manifest.method)),)),
    )
    return (Facts(tuple(Fact("", cell, key) for key, cell in facts)),)


def _command(command: str) -> Cell:
    # The examiner's command names folders.
    return name("instead", command, of=_EXAMINE) if command else plain(_EXAMINE)
