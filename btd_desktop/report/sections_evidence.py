"""Sections 2 to 7: mandate, examiner, what was received and what the checks noticed."""

from __future__ import annotations

from reportlab.platypus import Flowable

from btd_desktop.report.content import FATES, FileItem, ReportContent, SeriesExamined
from btd_desktop.report.style import (
    bullets,
    data_table,
    fact_table,
    heading,
    paragraph,
)
from btd_desktop.report.wording import (
    NOT_STATED,
    counted,
    or_not_stated,
    series_title,
    size_text,
    time_text,
)

__all__ = ["annex_files", "evidence_sections"]


def evidence_sections(content: ReportContent) -> list[Flowable]:
    """Sections 2 to 7, in order."""
    return [
        *_mandate(content),
        *_examiner(content),
        *_items(content),
        *_custody(content),
        *_completeness(content),
        *_checks(content),
    ]


def annex_files(content: ReportContent) -> list[Flowable]:
    """Annex A: every file received with its fate and digest."""
    return [
        *heading("Annex A  Files received"),
        paragraph(
            "Every file received, with its size in bytes, its fate and its SHA-256"
            " digest. A file inside a container is protected by the container's digest"
            " as well.",
        ),
        data_table(
            ("File", "Bytes", "Fate", "SHA-256"),
            [
                (
                    _file_name(item),
                    size_text(item.size_bytes),
                    item.fate,
                    item.sha256 or "could not be read",
                )
                for item in content.items.files
            ],
            (5.2, 1.9, 1.9, 6.2),
            numbers=(1,),
            mono=(3,),
        ),
    ]


def _mandate(content: ReportContent) -> list[Flowable]:
    mandate = content.mandate
    return [
        *heading("2  Mandate and propositions"),
        fact_table(
            [
                ("Question asked", or_not_stated(mandate.question)),
                ("Client", or_not_stated(mandate.client)),
                ("Case number", or_not_stated(mandate.case_number)),
                ("Not asked", or_not_stated(mandate.not_asked)),
                ("Proposition H1", or_not_stated(mandate.proposition_altered)),
                ("Proposition H2", or_not_stated(mandate.proposition_unaltered)),
            ]
        ),
    ]


def _examiner(content: ReportContent) -> list[Flowable]:
    mandate = content.mandate
    return [
        *heading("3  Examiner"),
        fact_table(
            [
                ("Name", or_not_stated(mandate.examiner)),
                ("Role", or_not_stated(mandate.examiner_role)),
                ("Qualification", or_not_stated(mandate.examiner_qualification)),
                ("Independence", or_not_stated(mandate.independence)),
                ("Reviewer", or_not_stated(mandate.reviewer)),
            ]
        ),
    ]


def _items(content: ReportContent) -> list[Flowable]:
    items = content.items
    total = sum(item.size_bytes for item in items.files)
    story: list[Flowable] = [
        *heading("4  Items received"),
        fact_table(
            [
                ("How received", or_not_stated(items.received)),
                ("Files", f"{len(items.files):,}, {size_text(total)} bytes in all"),
                ("Digest of the list", items.tree_digest),
            ],
            mono=("Digest of the list",),
        ),
    ]
    if items.containers:
        story.append(
            data_table(
                ("Item", "Kind", "Files", "Bytes", "SHA-256", "Stated by sender"),
                [
                    (
                        item.name,
                        item.kind,
                        f"{item.n_files:,}",
                        size_text(item.size_bytes),
                        item.sha256 or "see Annex A",
                        _stated_digest(item.sha256, item.sha256_stated),
                    )
                    for item in items.containers
                ],
                (3.2, 1.6, 1.2, 2, 4.6, 2.6),
                numbers=(2, 3),
                mono=(4,),
            )
        )
    story.append(
        paragraph(
            "The digest of the list is the SHA-256 of the lines “digest, two spaces,"
            " name” of all files, sorted. All digests of this report are SHA-256.",
            "small",
        )
    )
    return story


def _stated_digest(computed: str | None, stated: str) -> str:
    if not stated:
        return NOT_STATED
    if computed is not None and stated.strip().lower() == computed:
        return "the same"
    return f"DIFFERENT: {stated}"


def _custody(content: ReportContent) -> list[Flowable]:
    story: list[Flowable] = [*heading("5  Chain of custody")]
    if not content.custody:
        return [*story, paragraph(f"Events of the chain of custody: {NOT_STATED}.")]
    story.append(
        data_table(
            ("Time", "Person", "Event", "Digest"),
            [
                (
                    time_text(event.when),
                    or_not_stated(event.person),
                    event.event,
                    event.digest or "–",
                )
                for event in content.custody
            ],
            (2.6, 2.2, 5, 4.4),
            mono=(3,),
        )
    )
    return story


def _completeness(content: ReportContent) -> list[Flowable]:
    items = content.items
    counts = items.counts_by_fate
    story: list[Flowable] = [
        *heading("6  Completeness of the import"),
        paragraph(
            f"{counted(len(items.files), 'file')} were seen. Each ended with exactly"
            " one fate:"
        ),
        data_table(
            ("Fate", "Files", "Meaning"),
            [
                (fate, f"{count:,}", _FATE_MEANING.get(fate, ""))
                for fate, count in counts.items()
            ],
            (2.2, 1.2, 9),
            numbers=(1,),
        ),
    ]
    not_taken = [item for item in items.files if item.fate != FATES[0]]
    if not_taken:
        story += [
            *heading("Files not accepted", 2),
            data_table(
                ("File", "Fate", "Reason"),
                [
                    (_file_name(item), item.fate, or_not_stated(item.reason))
                    for item in not_taken
                ],
                (5, 2, 7),
            ),
        ]
    return story


_FATE_MEANING = {
    "accepted": "holds image data that were examined or could be",
    "not an image": "readable, but holds no image data of a kind examined here",
    "unsupported": "holds image data in an encoding that the program does not read",
    "damaged": "cannot be read completely",
    "duplicate": "holds the same bytes or the same instance as another file",
    "refused": "not opened, for safety",
}


def _checks(content: ReportContent) -> list[Flowable]:
    story: list[Flowable] = [
        *heading("7  Series examined and checks of their integrity")
    ]
    if content.items.findings:
        story += [
            *heading("All items", 2),
            *bullets(content.items.findings),
        ]
    if not content.series:
        story.append(paragraph("No series could be examined."))
    for series in content.series:
        story += _series(series)
    return story


def _series(series: SeriesExamined) -> list[Flowable]:
    between, rows, columns = series.spacing_mm
    geometry = (
        f"{counted(series.n_slices, 'slice')} of {series.n_rows} rows ×"
        f" {series.n_columns} columns; {between:g} mm between slices,"
        f" {rows:g} × {columns:g} mm in the plane"
    )
    facts = [
        ("Patient", or_not_stated(series.patient)),
        ("Series Instance UID", or_not_stated(series.series_instance_uid)),
        ("Geometry", geometry),
        ("Unit of the values", series.unit),
        *((fact.name, or_not_stated(fact.value)) for fact in series.facts),
        ("Digest of the volume", or_not_stated(series.volume_digest)),
    ]
    story: list[Flowable] = [
        *heading(series_title(series), 2),
        fact_table(facts, mono=("Series Instance UID", "Digest of the volume")),
    ]
    if not series.findings:
        return [*story, paragraph("The checks of this series noticed nothing.")]
    story.append(
        data_table(
            ("Kind", "What the checks of this series noticed"),
            [(finding.severity, finding.sentence) for finding in series.findings],
            (1.8, 11),
        )
    )
    return story


def _file_name(item: FileItem) -> str:
    name = f"{item.container} › {item.name}" if item.container else item.name
    return f"{item.root}/{name}" if item.root else name
