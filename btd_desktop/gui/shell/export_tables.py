"""Findings and measurements as tables for other programs, every number whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from btd_desktop.gui.models.rows_table import Column, RowsTable
from btd_desktop.gui.presenters.findings import FindingRow, FindingsState
from btd_desktop.gui.presenters.histogram import HistogramState
from btd_desktop.gui.presenters.measuring import MeasureRow, MeasuringState, Profile

_NUMBERS = (
    "length_mm", "length_px", "angle_deg", "area_mm2", "n", "mean", "sd", "low", "high",
)  # fmt: skip


def finding_table(state: FindingsState) -> RowsTable:
    """A row for each finding, those withdrawn too; slices are counted from 1."""
    table = RowsTable(
        (
            Column("finding", lambda r: str(r.finding.finding_id)),
            Column("series", lambda r: str(r.finding.series_id)),
            Column("series_description", lambda r: r.series),
            Column("slice", lambda r: str(r.finding.slice_index + 1)),
            Column("x", lambda r: f"{r.finding.x:g}"),
            Column("y", lambda r: f"{r.finding.y:g}"),
            Column("anomaly_score", lambda r: _number(r.finding.numbers.anomaly.score)),
            Column("p_value", lambda r: _number(r.finding.numbers.anomaly.p_value)),
            Column("ranked_at", lambda r: r.finding.numbers.anomaly.ranked_at),
            Column("slice_p_value", _slice_p),
            Column("found_by", lambda r: r.finding.origin),
            Column("status", lambda r: r.finding.status),
            Column("withdrawn", lambda r: r.withdrawn or ""),
            Column("note", lambda r: r.finding.note),
            Column("created_utc", lambda r: r.finding.created_utc),
        )
    )
    table.show_rows(state.rows)
    return table


def measurement_table(state: MeasuringState) -> RowsTable:
    """A row for each measurement that stands."""
    table = RowsTable(
        (
            Column("measurement", lambda r: str(r.kept.number)),
            Column("kind", lambda r: r.kept.measurement.kind),
            Column("series", lambda r: r.series),
            Column("where", lambda r: r.kept.measurement.where),
            *(Column(name, _of(name)) for name in _NUMBERS),
            Column("unit", lambda r: r.kept.measurement.unit),
            Column("person", lambda r: r.kept.actor),
            Column("utc", lambda r: r.kept.utc),
        )
    )
    table.show_rows(state.rows)
    return table


def histogram_table(state: HistogramState) -> RowsTable:
    """A row for each bar of the histogram."""
    bars = zip(
        state.edges[:-1],
        state.edges[1:],
        state.benign,
        state.scan,
        state.scan_counts,
        strict=True,
    )
    names = ("from", "to", "genuine_share", "scan_share", "scan_count")
    table = RowsTable([Column(name, _cell(k)) for k, name in enumerate(names)])
    table.show_rows([] if state.message else list(bars))
    return table


def profile_table(profile: Profile) -> RowsTable:
    """A row for each value along a profile."""
    names = (profile.x_label, profile.y_label)
    table = RowsTable([Column(name, _cell(k)) for k, name in enumerate(names)])
    table.show_rows(list(zip(profile.distance, profile.values, strict=True)))
    return table


def _cell(column: int) -> Callable[[Sequence[float]], str]:
    return lambda row: f"{row[column]:.10g}"


def _of(name: str) -> Callable[[MeasureRow], str]:
    return lambda row: _number(getattr(row.kept.measurement.numbers, name))


def _slice_p(row: FindingRow) -> str:
    of_slice = row.finding.numbers.every.get("slice")
    return "" if of_slice is None else _number(of_slice.p_value)


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)
