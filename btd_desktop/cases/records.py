"""Table rows to dataclasses and back, and the digests that tie rows to the log."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypedDict

import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from btd_desktop.calibration.place import PlaceNumbers
from btd_desktop.cases.columns import MOST_PIXELS, MOST_SLICES, Columns
from btd_desktop.cases.migrations import RECORD_TABLES
from btd_desktop.cases.model import (
    CaseInfo,
    EvidenceItem,
    Finding,
    FindingOrigin,
    FindingStatus,
    ProfileRecord,
    ReportRecord,
    Run,
    RunStatus,
    SeriesRecord,
    SliceResult,
)
from btd_desktop.cases.text import altered, dict_from_json, json_text
from btd_desktop.digest import json_digest
from btd_desktop.scoring.manifest import RunManifest
from btd_desktop.strict_json import plain_json, record_from_json
from btd_desktop.volume import Point, SeriesFacts, Volume, VoxelArray, point_of

# Positions are decimal strings in DICOM.
_SAME_MM: Final = 1e-3

# LEFT JOIN: a finding whose series is missing must show, not vanish.
FINDINGS = (
    "SELECT finding.*, s.n_slices, s.n_rows, s.n_cols FROM finding"
    " LEFT JOIN series s ON s.series_id = finding.series_id"
)
RUNS = (
    "SELECT *, (SELECT COUNT(*) FROM slice_result s WHERE s.run_id = run.run_id)"
    " AS n_done FROM run"
)
RESULTS = (
    "SELECT slice_result.*, (SELECT n_slices FROM series s JOIN run r"
    " ON s.series_id = r.series_id WHERE r.run_id = slice_result.run_id) AS n_slices"
    " FROM slice_result"
)


def insert_row(
    connection: sqlite3.Connection, table: str, values: Mapping[str, object]
) -> int:
    """Add a row and return its key; names come from this package, values are bound."""
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    cursor = connection.execute(
        f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608
        tuple(values.values()),
    )
    if cursor.lastrowid is None:
        raise RuntimeError(f"no key for the new row of {table}")
    return cursor.lastrowid


def update_row(
    connection: sqlite3.Connection, table: str, key: int, values: Mapping[str, object]
) -> None:
    """Change columns of one row; names come from this package, values are bound."""
    names = ", ".join(f"{name} = ?" for name in values)
    connection.execute(
        f"UPDATE {table} SET {names} WHERE {RECORD_TABLES[table]} = ?",  # noqa: S608
        (*values.values(), key),
    )


class Claim(TypedDict):
    """What an audit entry says of rows.

    Attributes:
        table: Their table.
        first: Key of the first row.
        last: Key of the last row.
        sha256: `json_digest` of the list of rows, each an object of column → stored
            value.
    """

    table: str
    first: int
    last: int
    sha256: str


def record_claim(
    connection: sqlite3.Connection, table: str, first: int, last: int | None = None
) -> Claim:
    """What an audit entry says of the rows with keys `first` to `last`."""
    last = first if last is None else last
    key = RECORD_TABLES[table]
    rows = connection.execute(
        f"SELECT * FROM {table} WHERE {key} BETWEEN ? AND ? ORDER BY {key}",  # noqa: S608
        (first, last),
    )
    content = [
        {name: _plain(value) for name, value in zip(row.keys(), row, strict=True)}
        for row in rows
    ]
    return Claim(table=table, first=first, last=last, sha256=json_digest(content))


def _plain(value: object) -> object:
    """A stored value as JSON; kinds that the program never stores give a digest too."""
    if isinstance(value, bytes):
        return {"blob": value.hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"real": repr(value)}
    return value


def info_from_row(row: sqlite3.Row) -> CaseInfo:
    """A `case_info` row."""
    columns = Columns(row, "the description")
    return CaseInfo(**columns.texts_of(CaseInfo))


def evidence_from_row(row: sqlite3.Row) -> EvidenceItem:
    """An `evidence` row."""
    columns = Columns(row, f"evidence item {row['evidence_id']}")
    return EvidenceItem(
        evidence_id=columns.whole("evidence_id", 1),
        size_bytes=columns.whole("size_bytes"),
        is_container=bool(columns.whole("is_container", 0, 1)),
        **columns.texts_of(EvidenceItem),
    )


def series_from_row(row: sqlite3.Row) -> SeriesRecord:
    """A `series` row.

    Raises:
        CaseError: A column holds another kind of value, or the geometry another shape.
    """
    columns = Columns(row, f"series {row['series_id']}")
    record = SeriesRecord(
        series_id=columns.whole("series_id", 1),
        n_slices=columns.whole("n_slices", 1, MOST_SLICES),
        rows=columns.whole("n_rows", 1, MOST_PIXELS),
        cols=columns.whole("n_cols", 1, MOST_PIXELS),
        meta=columns.facts("meta"),
        findings=columns.findings("findings"),
        record_names=columns.texts("record_names"),
        **columns.texts_of(SeriesRecord),
    )
    shape = columns.table("geometry").get("shape")
    if shape != [record.n_slices, record.rows, record.cols]:
        raise columns.wrong("geometry", "has another shape than the series")
    return record


def run_from_row(row: sqlite3.Row) -> Run:
    """A `run` row joined with `n_done`."""
    columns = Columns(row, f"run {row['run_id']}")
    return Run(
        run_id=columns.whole("run_id", 1),
        series_id=columns.whole("series_id", 1),
        manifest=columns.record("manifest", RunManifest),
        status=columns.choice("status", RunStatus),
        n_done=columns.whole("n_done"),
        **columns.texts_of(Run),
    )


def slice_from_row(row: sqlite3.Row) -> SliceResult:
    """A `slice_result` row joined with `n_slices` of its series."""
    columns = Columns(row, f"the result of a slice of run {row['run_id']}")
    return SliceResult(
        run_id=columns.whole("run_id", 1),
        slice_index=columns.whole(
            "slice_index", 0, columns.whole("n_slices", 1, MOST_SLICES) - 1
        ),
        summary=columns.table("summary"),
        arrays=columns.digests("arrays"),
    )


def profile_from_row(row: sqlite3.Row) -> ProfileRecord:
    """A `profile` row."""
    columns = Columns(row, "a calibration profile")
    document = columns.table("document")
    return ProfileRecord(document=document, **columns.texts_of(ProfileRecord))


def finding_from_row(row: sqlite3.Row) -> Finding:
    """A `finding` row joined with `n_slices`, `n_rows` and `n_cols` of its series.

    Raises:
        CaseError: A column holds another kind of value, or the place lies outside.
    """
    columns = Columns(row, f"finding {row['finding_id']}")
    n_slices = columns.whole("n_slices", 1, MOST_SLICES)
    return Finding(
        finding_id=columns.whole("finding_id", 1),
        run_id=columns.whole_or_none("run_id"),
        series_id=columns.whole("series_id", 1),
        slice_index=columns.whole("slice_index", 0, n_slices - 1),
        # A pixel reaches half its side from its centre.
        x=columns.real("x", -0.5, columns.whole("n_cols", 1, MOST_PIXELS) - 0.5),
        y=columns.real("y", -0.5, columns.whole("n_rows", 1, MOST_PIXELS) - 0.5),
        numbers=columns.record("numbers", PlaceNumbers),
        status=columns.choice("status", FindingStatus),
        origin=columns.choice("origin", FindingOrigin),
        **columns.texts_of(Finding),
    )


def report_from_row(row: sqlite3.Row) -> ReportRecord:
    """A `report` row."""
    columns = Columns(row, f"report {row['report_id']}")
    report_id = columns.whole("report_id", 1)
    return ReportRecord(report_id=report_id, **columns.texts_of(ReportRecord))


@dataclass(frozen=True, slots=True)
class _Geometry:
    """A volume without its arrays; `Volume` says what each field means."""

    dtype: str
    shape: tuple[int, int, int]
    modality: str
    unit: str
    spacing_mm: Point
    origin_mm: Point
    row_direction: Point
    column_direction: Point
    slice_positions_mm: tuple[float, ...]
    instance_uids: tuple[str, ...]
    source: dict[str, Any]
    # Not set where slices lie along the normal, as in all cases of version 0.1.
    slice_origins_mm: tuple[Point, ...] | UnsetType = UNSET


def geometry_text(volume: Volume) -> str:
    """A volume without its arrays, as JSON; floats keep their last bit."""
    origins = volume.slice_origins_mm
    geometry = _Geometry(
        dtype=volume.voxels.dtype.name,
        shape=volume.shape,
        modality=volume.modality,
        unit=volume.unit,
        spacing_mm=point_of(volume.spacing_mm),
        origin_mm=point_of(volume.origin_mm),
        row_direction=point_of(volume.row_direction),
        column_direction=point_of(volume.column_direction),
        slice_positions_mm=tuple(map(float, volume.slice_positions_mm)),
        instance_uids=volume.instance_uids,
        source=volume.source.to_json(),
        slice_origins_mm=UNSET if origins is None else tuple(map(point_of, origins)),
    )
    return json_text(plain_json(geometry))


def older_geometry_text(volume: Volume) -> str:
    """`geometry_text` as versions wrote it before slices kept their own positions.

    Only for a volume whose slices follow the normal; for others those versions wrote
    something else, and this is `geometry_text`.
    """
    without = replace(volume, slice_origins_mm=None)
    is_straight = all(
        math.dist(volume.slice_origin_mm(s), without.slice_origin_mm(s)) < _SAME_MM
        for s in range(volume.n_slices)
    )
    return geometry_text(without if is_straight else volume)


def volume_from_row(
    row: sqlite3.Row, voxels: VoxelArray, padding: NDArray[np.bool_] | None
) -> Volume:
    """The volume of a `series` row.

    Raises:
        CaseError: Arrays and row do not fit together.
    """
    try:
        stored = record_from_json(_Geometry, dict_from_json(row["geometry"]))
        origins = stored.slice_origins_mm
        _check_arrays(stored, voxels, padding)
        return Volume(
            voxels=voxels,
            modality=stored.modality,
            unit=stored.unit,
            spacing_mm=stored.spacing_mm,
            origin_mm=stored.origin_mm,
            row_direction=stored.row_direction,
            column_direction=stored.column_direction,
            slice_positions_mm=stored.slice_positions_mm,
            instance_uids=stored.instance_uids,
            slice_origins_mm=None if origins is UNSET else origins,
            padding=padding,
            source=SeriesFacts.from_json(stored.source),
        )
    except ValueError as error:
        raise altered(
            f"series {row['series_id']} of the case was altered: {error}"
        ) from error


def referenced_arrays(connection: sqlite3.Connection) -> dict[str, str]:
    """Digest → where the case refers to it, for every array of the case."""
    found: dict[str, str] = {}
    for digest, place in _array_references(connection):
        found.setdefault(digest, place)
    return found


def _array_references(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    for row in connection.execute(
        "SELECT series_id, volume_digest, padding_digest FROM series"
    ):
        yield str(row["volume_digest"]), f"series {row['series_id']}"
        if row["padding_digest"] is not None:
            yield str(row["padding_digest"]), f"padding of series {row['series_id']}"
    for row in connection.execute(
        "SELECT run_id, slice_index, arrays FROM slice_result"
    ):
        place = f"run {row['run_id']}, slice index {row['slice_index']}"
        for name, digest in dict_from_json(row["arrays"]).items():
            yield str(digest), f"{place}, {name}"
    for row in connection.execute("SELECT finding_id, thumbnail FROM finding"):
        if row["thumbnail"] is not None:
            yield str(row["thumbnail"]), f"picture of finding {row['finding_id']}"


def _check_arrays(
    stored: _Geometry, voxels: VoxelArray, padding: NDArray[np.bool_] | None
) -> None:
    if (voxels.shape, voxels.dtype.name) != (stored.shape, stored.dtype):
        raise ValueError(f"voxels are {voxels.dtype} of shape {voxels.shape}")
    if padding is not None and padding.dtype != np.bool_:
        raise ValueError(f"padding is {padding.dtype}, not bool")
