"""Facts and check findings of a series, searchable, and what differs from another."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject

from btd_desktop.cases.model import SeriesRecord
from btd_desktop.examination.wording import modality_text
from btd_desktop.gui.presenters.presenter import Presenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.presenters.wording import series_name

_NAMES = {
    "manufacturer": "Manufacturer",
    "model": "Scanner model",
    "kernel": "Convolution kernel",
    "description": "Series description",
    "body_part": "Body part",
    "seen_regions": "Regions of the body in the image",
    "study_date": "Study date",
    "series_uid": "Series Instance UID",
    "study_uid": "Study Instance UID",
    "patient_id": "Patient ID",
    "patient_name": "Patient name",
    "thickness_mm": "Slice thickness, mm",
    "pixel_spacing_mm": "Pixel spacing, mm (mean of both sides)",
    "spacing_mm": "Spacing of slices, rows, columns, mm",
    "slice_step_mm": "Slice distance, mm",
    "kvp": "kVp",
    "lossy": "Lossy compression",
    "transfer_syntaxes": "Transfer syntaxes",
    "window": "Display window (centre, width)",
    "modality": "Modality",
}
_SYNTAXES = {
    "1.2.840.10008.1.2": "Implicit VR little endian",
    "1.2.840.10008.1.2.1": "Explicit VR little endian",
    "1.2.840.10008.1.2.1.99": "Deflated explicit VR little endian",
    "1.2.840.10008.1.2.2": "Explicit VR big endian",
    "1.2.840.10008.1.2.4.50": "JPEG baseline (lossy)",
    "1.2.840.10008.1.2.4.51": "JPEG extended (lossy)",
    "1.2.840.10008.1.2.4.57": "JPEG lossless",
    "1.2.840.10008.1.2.4.70": "JPEG lossless, first order",
    "1.2.840.10008.1.2.4.80": "JPEG-LS lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS near-lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.5": "RLE lossless",
}


@dataclass(frozen=True, slots=True)
class FactRow:
    """One fact.

    Attributes:
        name: What it is called.
        value: Of the series shown.
        other: Of the series compared with, "" when none is.
        differs: The two are not equal.
    """

    name: str
    value: str
    other: str = ""
    differs: bool = False


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One finding of the import checks.

    Attributes:
        severity: "warning" or "note".
        sentence: What was found.
        slices: Slice numbers concerned, from 1; empty for the whole series.
    """

    severity: str
    sentence: str
    slices: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MetadataState:
    """What the panel shows.

    Attributes:
        title: Description of the series.
        facts: After search and comparison.
        checks: Findings of the import checks, warnings first.
        others: (series_id, description) of series to compare with.
        compared: series_id of the one compared with, or None.
    """

    title: str = ""
    facts: tuple[FactRow, ...] = ()
    checks: tuple[CheckRow, ...] = ()
    others: tuple[tuple[int, str], ...] = ()
    compared: int | None = None


class MetadataPresenter(Presenter[MetadataState]):
    """Facts of the series shown.

    Signals:
        changed(MetadataState): The panel's content.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session.jobs, MetadataState(), parent)
        self._session = session
        self._search = ""
        self._only_differences = False
        self._compared: int | None = None
        session.series_selected.connect(self._on_series_selected)
        session.series_list_changed.connect(self.refresh)

    def on_search_changed(self, text: str) -> None:
        """Show facts whose name or value holds the text."""
        self._search = text.casefold().strip()
        self.refresh()

    def on_compared_chosen(self, series_id: int | None) -> None:
        """Compare with another series."""
        self._compared = series_id
        self.refresh()

    def on_only_differences(self, wanted: bool) -> None:
        """Leave equal facts out."""
        self._only_differences = wanted
        self.refresh()

    def on_check_chosen(self, row: CheckRow) -> None:
        """Go to the first slice that a finding of the checks concerns."""
        if row.slices:
            at = self._session.voxel
            self._session.move_to((row.slices[0] - 1, at[1], at[2]))

    def refresh(self) -> None:
        """Build the state again."""
        record = self._session.record
        if record is None:
            self._show(MetadataState())
            return
        others = [r for r in self._session.records if r is not record]
        other = next((r for r in others if r.series_id == self._compared), None)
        rows = _rows(record, other)
        shown = tuple(
            row
            for row in rows
            if (
                not self._search or self._search in f"{row.name} {row.value}".casefold()
            )
            and (other is None or not self._only_differences or row.differs)
        )
        self._show(
            MetadataState(
                title=record.description,
                facts=shown,
                checks=self._checks(record),
                others=tuple((r.series_id, series_name(r)) for r in others),
                compared=None if other is None else other.series_id,
            )
        )

    def _on_series_selected(self) -> None:
        record = self._session.record
        if record is not None and record.series_id == self._compared:
            self._compared = None
        self.refresh()

    def _checks(self, record: SeriesRecord) -> tuple[CheckRow, ...]:
        volume = self._session.volume
        number_of = {}
        if volume is not None:
            number_of = {uid: i + 1 for i, uid in enumerate(volume.instance_uids)}
        rows = [
            CheckRow(
                f.severity,
                f.sentence,
                tuple(number_of[u] for u in f.instance_uids if u in number_of),
            )
            for f in record.findings
        ]
        return tuple(sorted(rows, key=lambda r: r.severity != "warning"))


def _rows(record: SeriesRecord, other: SeriesRecord | None) -> list[FactRow]:
    own = _facts(record)
    theirs = {} if other is None else _facts(other)
    names = list(dict.fromkeys([*own, *theirs]))
    return [
        FactRow(
            name,
            own.get(name, "—"),
            "" if other is None else theirs.get(name, "—"),
            other is not None and own.get(name) != theirs.get(name),
        )
        for name in names
    ]


def _facts(record: SeriesRecord) -> dict[str, str]:
    facts = {
        "Number of slices": str(record.n_slices),
        "Rows × columns": f"{record.rows} × {record.cols}",
        "Voxel digest (SHA-256)": record.volume_digest,
    }
    meta = record.meta.to_json()
    known = [k for k in _NAMES if k in meta]
    others = sorted(k for k in meta if k not in _NAMES)
    for key in [*known, *others]:
        facts[_NAMES.get(key, key)] = _shown(key, meta[key])
    return facts


def _shown(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_shown(key, v) for v in value)
    if isinstance(value, float):
        return f"{value:g}"
    text = "" if value is None else str(value)
    if key == "modality":
        return modality_text(text)
    if key == "transfer_syntaxes":
        return f"{_SYNTAXES[text]} ({text})" if text in _SYNTAXES else text
    return text or "—"
