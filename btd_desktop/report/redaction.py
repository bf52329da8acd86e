"""The redacted variant of a report: the same numbers, and nobody is named.

The marks of the document decide (`document.Run`); a run without a mark is withheld.
Pictures keep the body only, because the surroundings of a slice are where scanners
burn names in.

Digests of files stay: whoever holds the evidence can still check it against a redacted
report. Digests that were taken over names do not, since a name can be found by trying:
the digest of the list is taken anew over the list as redacted, and those of the single
audit entries are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.digest import tree_digest
from btd_desktop.examination.body import picture_of_body
from btd_desktop.report.document import (
    AS_PRINTED,
    Attachments,
    Block,
    Box,
    Bullets,
    Cell,
    Document,
    Facts,
    Figure,
    Heading,
    Record,
    RedactionNote,
    Reference,
    Run,
    Section,
    Table,
    Text,
    cells_of,
    text_of,
)
from btd_desktop.report.pictures import ExhibitFigure, SourceFigure
from btd_desktop.report.scrubbing import WITHHELD, Scrubber

Pseudonym = Callable[[str, str], str]
"""(kind, text) to the pseudonym of the text: the same one for the same text."""

REPLACED: Final = (
    "The patient, names of files and folders and DICOM UIDs are replaced by pseudonyms"
    " of the case; the same pseudonym stands for the same original in all reports of"
    " the case.",
    "The question, the client, notes, remarks, descriptions of series, dates of the"
    " examination, quotations from headers and digests taken over names are withheld,"
    " and other texts are cleared of what the headers say of people.",
    "Pictures show the body only.",
    "All scores, p-values and digests of files are those of the full report.",
)

_KNOWN_SUFFIXES: Final = frozenset(
    (".dcm", ".ima", ".zip", ".nii", ".gz", ".nrrd", ".mha", ".txt", ".pdf", ".xml")
)
_FILES: Final = "items.files"


def redacted_document(
    document: Document,
    pseudonym: Pseudonym,
    scrubber: Scrubber,
    note: RedactionNote,
    *,
    report_id: str,
) -> Document:
    """The redacted variant of a report.

    Args:
        document: The full report.
        pseudonym: Gives pseudonyms by kind: "patient", "file", "uid".
        scrubber: Clears sentences; it learns the names of the files listed as well.
        note: What the variant says of itself.
        report_id: Identity of the variant.
    """
    blocks = [*document.cover, *(b for s in document.sections for b in s.blocks)]
    listed = {
        text: _file_alias(run.of or run.text, pseudonym)
        for cell in cells_of(blocks)
        for run in cell.runs
        if isinstance(run, Run) and run.mark == "name" and run.kind == "file"
        for text in (run.text, run.of)
        if text
    }
    names = _Redactor(pseudonym, scrubber.with_names(listed), report_id, "")
    redactor = replace(names, list_digest=_list_digest(names, document.sections))
    return replace(
        document,
        report_id=report_id,
        case_number=redactor.cell(document.case_number),
        examiner=redactor.cell(document.examiner),
        cover=redactor.blocks(document.cover),
        sections=tuple(
            replace(section, blocks=redactor.blocks(section.blocks))
            for section in document.sections
        ),
        # The program's own words, which a blind scrubber would withhold.
        redaction=replace(
            note, remark=replace(scrubber, is_blind=False).clean(note.remark)
        ),
    )


@dataclass(frozen=True, slots=True)
class _Redactor:
    pseudonym: Pseudonym
    scrubber: Scrubber
    report_id: str
    list_digest: str

    def blocks(self, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        return tuple(self._block(block) for block in blocks)

    def _block(self, block: Block) -> Block:
        match block:
            case Text() | Heading():
                return replace(block, cell=self.cell(block.cell))
            case Bullets():
                return replace(block, cells=tuple(map(self.cell, block.cells)))
            case Facts():
                rows = (replace(row, cell=self.cell(row.cell)) for row in block.rows)
                return replace(block, rows=tuple(rows))
            case Table():
                return replace(
                    block, rows=tuple(tuple(map(self.cell, r)) for r in block.rows)
                )
            case Box():
                texts = (replace(t, cell=self.cell(t.cell)) for t in block.blocks)
                return replace(block, blocks=tuple(texts))
            case Record():
                return replace(block, blocks=self.blocks(block.blocks))
            case Figure():
                return self._figure(block)
            case Attachments():
                return block

    def _figure(self, figure: Figure) -> Figure:
        caption = None if figure.caption is None else self.cell(figure.caption)
        picture = figure.picture
        if isinstance(picture, ExhibitFigure):
            picture = _of_body(picture)
        return Figure(picture, caption)

    def cell(self, cell: Cell) -> Cell:
        """The cell with what its marks guard replaced, in print and in the twin."""
        runs = tuple(
            run if isinstance(run, Reference) else self._run(run) for run in cell.runs
        )
        if cell.value is AS_PRINTED or runs == cell.runs:
            return Cell(runs, cell.value)
        guarded = [
            run for run in cell.runs if isinstance(run, Run) and run.mark != "plain"
        ]
        return Cell(runs, self._value(cell.value, guarded[0]))

    def _value(self, value: Any, run: Run) -> Any:  # noqa: ANN401 - JSON value
        if value is None or value == "":
            return value
        if isinstance(value, str):
            return self._run(replace(run, text=value)).text
        if isinstance(value, (list, tuple)):
            return [self._value(part, run) for part in value]
        return value if run.mark in ("quoting", "digest") else WITHHELD

    def _run(self, run: Run) -> Run:
        if not run.text:
            return run
        return replace(run, text=self._shown(run), of="")

    def _shown(self, run: Run) -> str:
        match run.mark:
            case "plain":
                return self.report_id if run.kind == "report" else run.text
            case "digest":
                kept = {"": run.text, "of the list": self.list_digest}
                return kept.get(run.kind, "")
            case "quoting":
                # The whole text is cleared, then cut: half a name is not recognised.
                cleaned = self.scrubber.clean(run.of or run.text)
                return cleaned[: len(run.text)] if run.of else cleaned
            case "name":
                return self._alias(run)
            case _:
                return WITHHELD

    def _alias(self, run: Run) -> str:
        text = run.of or run.text
        match run.kind:
            case "patient":
                return self.pseudonym("patient", text)
            case "file":
                return _file_alias(text, self.pseudonym)
            case "uid":
                return _uid_alias(text, self.pseudonym)
            case "instead":
                return run.of
            case "description":
                return "description withheld"
            case _:
                return WITHHELD


def _list_digest(redactor: _Redactor, sections: tuple[Section, ...]) -> str:
    """The digest of the list of files as the variant names them."""

    def entries() -> Iterator[tuple[str, str]]:
        blocks = (block for section in sections for block in section.blocks)
        for table in (b for b in blocks if isinstance(b, Table) and b.key == _FILES):
            keys = [column.key for column in table.columns]
            for row in table.rows:
                given = dict(zip(keys, map(redactor.cell, row), strict=True))
                name, container = text_of(given["name"]), text_of(given["container"])
                whole = f"{container}!{name}" if container else name
                yield whole, given["sha256"].value or ""

    return tree_digest(entries())


def _file_alias(name: str, pseudonym: Pseudonym) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    kept = suffix if suffix in _KNOWN_SUFFIXES else ""
    return pseudonym("file", name) + kept


def _uid_alias(uid: str, pseudonym: Pseudonym) -> str:
    whole, mark, frame = uid.partition("#")
    return f"{pseudonym('uid', whole)}{mark}{frame}" if whole else uid


def _of_body(figure: ExhibitFigure) -> ExhibitFigure:
    """The figure with everything outside the body black."""
    plane = figure.slice_image
    body = picture_of_body(plane, figure.modality, figure.place)
    inside = _cropped(body, figure)
    black = np.float32(figure.window[0] - figure.window[1] / 2)
    source = figure.source
    if source is not None:
        theirs = picture_of_body(source.slice_image, figure.modality, source.place)
        source = replace(
            source,
            slice_image=np.where(theirs, source.slice_image, black),
            crop=np.where(_cropped(theirs, source), source.crop, black),
        )
    return replace(
        figure,
        slice_image=np.where(body, plane, black),
        crop=np.where(inside, figure.crop, black),
        residual=np.where(inside, figure.residual, np.float32(np.nan)),
        source=source,
    )


def _cropped(body: NDArray[np.bool_], shown: ExhibitFigure | SourceFigure) -> Any:  # noqa: ANN401 - a mask
    column, row = shown.crop_origin
    height, width = shown.crop.shape
    return body[row : row + height, column : column + width]
