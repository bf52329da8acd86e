"""Sections 12 to 16 and the annexes B to E."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reportlab.platypus import Flowable

from btd_desktop.digest import bytes_digest
from btd_desktop.report.content import CONCLUSIONS, ReportContent
from btd_desktop.report.style import (
    bullets,
    callout,
    data_table,
    fact_table,
    heading,
    paragraph,
)
from btd_desktop.report.wording import HEADLINES, NOT_STATED, or_not_stated, size_text

__all__ = ["TWIN_NAME", "annexes", "conclusion_sections"]

TWIN_NAME: Final = "report.json"

_GLOSSARY: Final = (
    ("series, instance", "DICOM's grouping of images; an instance is one stored object,"
     " normally one file, named by its SOP Instance UID"),
    ("slice", "one plane of the volume after ordering by geometry; counted from 1"),
    ("HU", "Hounsfield unit, the modality value of CT"),
    ("digest", "SHA-256 of a file or value: changes when a single bit changes"),
    ("patch", "square region of a slice that is scored at once"),
    ("place", "one patch that was pointed at, by the examiner or by the search; as a"
     " level: its noise is looked for elsewhere in the series too, and it is ranked"
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


def conclusion_sections(content: ReportContent, twin_digest: str) -> list[Flowable]:
    """Sections 12 to 16, in order."""
    return [
        *_alternatives(content),
        *_opinion(content),
        *_limitations(content),
        *_reproduction(content, twin_digest),
        *_certification(content, twin_digest),
    ]


def annexes(
    content: ReportContent, twin: bytes, attachments: Mapping[str, bytes]
) -> list[Flowable]:
    """Annexes B to E: attached files, audit log, software, terms."""
    files = {TWIN_NAME: twin, **attachments}
    story: list[Flowable] = [
        *heading("Annex B  Files attached to this PDF"),
        paragraph(
            f"{TWIN_NAME} holds every value of this report in machine-readable form."
            " The signature of the PDF covers the attached files."
        ),
        data_table(
            ("File", "Bytes", "SHA-256"),
            [
                (name, size_text(len(data)), bytes_digest(data))
                for name, data in files.items()
            ],
            (3.4, 1.6, 9.4),
            numbers=(1,),
            mono=(2,),
        ),
        *heading("Annex C  Audit log"),
    ]
    if content.audit is None:
        story.append(paragraph(f"Audit log of the case: {NOT_STATED}."))
    else:
        story += [
            paragraph(
                "The case keeps a log in which each entry is chained to the one before"
                " it with a key. An edit, deletion, insertion or cut of the log shows"
                " when it is compared with these two values."
            ),
            fact_table(
                [
                    ("Entries", f"{content.audit.n_entries:,}"),
                    ("Head of the chain", content.audit.head),
                ],
                mono=("Head of the chain",),
            ),
        ]
    story.extend(heading("Annex D  Software"))
    if content.components:
        story.append(
            data_table(
                ("Component", "Version", "Licence"),
                [
                    (part.name, part.version, or_not_stated(part.licence))
                    for part in content.components
                ],
                (5, 3, 5),
            )
        )
    else:
        story.append(paragraph(f"Components of the software: {NOT_STATED}."))
    return [*story, *heading("Annex E  Terms"), fact_table(_GLOSSARY)]


def _alternatives(content: ReportContent) -> list[Flowable]:
    story: list[Flowable] = [*heading("12  Alternative explanations considered")]
    if not content.alternatives:
        return [*story, paragraph(f"Alternative explanations: {NOT_STATED}.")]
    words = {True: "yes", False: "no", None: NOT_STATED}
    story.append(
        data_table(
            ("Explanation", "Considered", "Remark"),
            [
                (item.explanation, words[item.is_considered], item.remark or "–")
                for item in content.alternatives
            ],
            (4.4, 2, 7.6),
        )
    )
    return story


def _opinion(content: ReportContent) -> list[Flowable]:
    opinion = content.opinion
    story: list[Flowable] = [
        *heading("13  Opinion"),
        callout(
            [
                paragraph(HEADLINES[opinion.conclusion], "answer"),
                *(paragraph(text) for text in opinion.sentences),
            ]
        ),
        fact_table([("Examiner's remarks", or_not_stated(opinion.remarks))]),
        paragraph("The whole scale of opinions that a report can hold:", "body"),
        data_table(
            ("Opinion", "Meaning"),
            list(CONCLUSIONS.items()),
            (2.4, 10),
        ),
    ]
    if opinion.would_change:
        story += [
            *heading("What would change the opinion", 2),
            *bullets(opinion.would_change),
        ]
    return story


def _limitations(content: ReportContent) -> list[Flowable]:
    return [
        *heading("14  Limitations"),
        *bullets(
            [
                *content.limitations,
                "No finding does not mean that a scan is unaltered: kinds of alteration"
                " that were not tested may leave no trace that the method sees.",
                "The result of the software is one part of an examination. It is not a"
                " medical device and its results are not for diagnostic use.",
            ]
        ),
    ]


def _reproduction(content: ReportContent, twin_digest: str) -> list[Flowable]:
    reproduction = content.reproduction
    story: list[Flowable] = [
        *heading("15  Reproduction"),
        paragraph(
            "With the same files, software, model and calibration profile the other"
            " party obtains the same results, without any network:"
        ),
    ]
    if reproduction.commands:
        story.append(
            callout([paragraph(command, "mono") for command in reproduction.commands])
        )
    else:
        story.append(paragraph(f"Commands: {NOT_STATED}."))
    return [
        *story,
        fact_table(
            [
                ("Run manifest", or_not_stated(reproduction.manifest_digest)),
                ("Expected results", or_not_stated(reproduction.result_digest)),
                (f"Digest of {TWIN_NAME}", twin_digest),
                ("Other backends", or_not_stated(reproduction.remark)),
            ],
            mono=("Run manifest", "Expected results", f"Digest of {TWIN_NAME}"),
        ),
        paragraph(
            "The signature, the attached files and, where they are at hand, the"
            " evidence files are checked by: btd verify REPORT.pdf --evidence FOLDER"
        ),
    ]


def _certification(content: ReportContent, twin_digest: str) -> list[Flowable]:
    mandate = content.mandate
    return [
        *heading("16  Draft of a certification"),
        paragraph(
            "Draft in the wording of 28 U.S.C. § 1746 for Federal Rules of Evidence"
            " 902(13) and (14). It needs legal review before use and holds nothing"
            " until it is signed by a qualified person.",
            "small",
        ),
        paragraph(
            f"I, {mandate.examiner or '____________________'}, declare: The"
            f" {len(content.items.files):,} files listed in Annex A were identified by"
            " their SHA-256 digests, a process of digital identification whose result"
            " changes when a file changes. The digest of their list is"
            f" {content.items.tree_digest}. The results of report"
            f" {content.identity.report_id} were produced by BTD Desktop"
            f" {content.identity.software_version} as described in sections 8 to 11;"
            f" their machine-readable form has the digest {twin_digest}. I declare"
            " under penalty of perjury that the foregoing is true and correct."
            " Executed on ____________________ (date), signature ____________________."
        ),
    ]
