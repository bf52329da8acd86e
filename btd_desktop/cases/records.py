"""Between table rows and dataclasses, and the digests that tie rows to the log."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.cases.migrations import RECORD_TABLES
from btd_desktop.cases.model import (
    CaseInfo,
    EvidenceItem,
    Finding,
    ProfileRecord,
    ReportRecord,
    Run,
    SeriesRecord,
    SliceResult,
)
from btd_desktop.cases.text import dict_from_json, json_text, list_from_json
from btd_desktop.digest import json_digest
from btd_desktop.errors import CaseError
from btd_desktop.volume import Volume, VoxelArray

__all__ = [
    "evidence_from_row",
    "finding_from_row",
    "geometry_text",
    "info_from_row",
    "insert_row",
    "older_geometry_text",
    "profile_from_row",
    "record_claim",
    "referenced_arrays",
    "report_from_row",
    "run_from_row",
    "series_from_row",
    "slice_from_row",
    "update_row",
    "volume_from_row",
]

# Of positions that are decimal strings.
_SAME_MM: Final = 1e-3


def insert_row(
    connection: sqlite3.Connection, table: str, values: dict[str, Any]
) -> int:
    """Add a row; names come from this package, values are bound. Returns its key."""
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
    connection: sqlite3.Connection, table: str, key: int, values: dict[str, Any]
) -> None:
    """Change columns of one row; names come from this package, values are bound."""
    names = ", ".join(f"{name} = ?" for name in values)
    connection.execute(
        f"UPDATE {table} SET {names} WHERE {RECORD_TABLES[table]} = ?",  # noqa: S608
        (*values.values(), key),
    )


def record_claim(
    connection: sqlite3.Connection, table: str, first: int, last: int | None = None
) -> dict[str, Any]:
    """What an audit entry says of the rows with keys `first` to `last`.

    Returns:
        `table`, `first`, `last` and `sha256`: the `json_digest` of the list of rows,
        each an object of column → stored value.
    """
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
    return {
        "table": table,
        "first": first,
        "last": last,
        "sha256": json_digest(content),
    }


def _plain(value: object) -> object:
    """A stored value as JSON; kinds that we never store must still give a digest."""
    if isinstance(value, bytes):
        return {"blob": value.hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"real": repr(value)}
    return value


def info_from_row(row: sqlite3.Row) -> CaseInfo:
    """A `case_info` row."""
    return CaseInfo(**{name: row[name] for name in CaseInfo.__dataclass_fields__})


def evidence_from_row(row: sqlite3.Row) -> EvidenceItem:
    """An `evidence` row."""
    values = {name: row[name] for name in EvidenceItem.__dataclass_fields__}
    values["is_container"] = bool(values["is_container"])
    return EvidenceItem(**values)


def series_from_row(row: sqlite3.Row) -> SeriesRecord:
    """A `series` row."""
    return SeriesRecord(
        series_id=row["series_id"],
        series_uid=row["series_uid"],
        description=row["description"],
        modality=row["modality"],
        n_slices=row["n_slices"],
        rows=row["n_rows"],
        cols=row["n_cols"],
        meta=dict_from_json(row["meta"]),
        findings=tuple(list_from_json(row["findings"])),
        record_names=tuple(list_from_json(row["record_names"])),
        volume_digest=row["volume_digest"],
        patient_key=row["patient_key"],
    )


def run_from_row(row: sqlite3.Row) -> Run:
    """A `run` row joined with `n_done`."""
    return Run(
        run_id=row["run_id"],
        series_id=row["series_id"],
        manifest=dict_from_json(row["manifest"]),
        manifest_digest=row["manifest_digest"],
        status=row["status"],
        started_utc=row["started_utc"],
        finished_utc=row["finished_utc"],
        n_done=row["n_done"],
    )


def slice_from_row(row: sqlite3.Row) -> SliceResult:
    """A `slice_result` row."""
    return SliceResult(
        run_id=row["run_id"],
        slice_index=row["slice_index"],
        summary=dict_from_json(row["summary"]),
        arrays=dict_from_json(row["arrays"]),
    )


def profile_from_row(row: sqlite3.Row) -> ProfileRecord:
    """A `profile` row."""
    return ProfileRecord(
        row["digest"], dict_from_json(row["document"]), row["added_utc"]
    )


def finding_from_row(row: sqlite3.Row) -> Finding:
    """A `finding` row."""
    values = {name: row[name] for name in Finding.__dataclass_fields__}
    values["numbers"] = dict_from_json(values["numbers"])
    return Finding(**values)


def report_from_row(row: sqlite3.Row) -> ReportRecord:
    """A `report` row."""
    return ReportRecord(
        **{name: row[name] for name in ReportRecord.__dataclass_fields__}
    )


def geometry_text(volume: Volume) -> str:
    """All of a volume but its arrays, as JSON; floats survive to the last bit."""
    return json_text(
        {
            "dtype": volume.voxels.dtype.name,
            "shape": list(volume.shape),
            "modality": volume.modality,
            "unit": volume.unit,
            "spacing_mm": _floats(volume.spacing_mm),
            "origin_mm": _floats(volume.origin_mm),
            "row_direction": _floats(volume.row_direction),
            "column_direction": _floats(volume.column_direction),
            "slice_positions_mm": _floats(volume.slice_positions_mm),
            **_origins_json(volume),
            "instance_uids": list(volume.instance_uids),
            "source": volume.source,
        }
    )


def older_geometry_text(volume: Volume) -> str:
    """`geometry_text` as it was before slices kept their own positions.

    Of a volume whose slices follow the normal: of others those texts said something
    else, and they stay what they are.
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
    geometry = dict_from_json(row["geometry"])
    try:
        _check_shapes(geometry, voxels, padding)
        return Volume(
            voxels=voxels,
            modality=geometry["modality"],
            unit=geometry["unit"],
            spacing_mm=_triple(geometry["spacing_mm"]),
            origin_mm=_triple(geometry["origin_mm"]),
            row_direction=_triple(geometry["row_direction"]),
            column_direction=_triple(geometry["column_direction"]),
            slice_positions_mm=tuple(geometry["slice_positions_mm"]),
            instance_uids=tuple(geometry["instance_uids"]),
            slice_origins_mm=_origins(geometry.get("slice_origins_mm")),
            padding=padding,
            source=geometry["source"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CaseError(
            f"series {row['series_id']} of the case was altered: {error}",
            hint="Verify the case and go back to an unaltered copy.",
            code="case-damaged",
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


def _origins_json(volume: Volume) -> dict[str, Any]:
    """Absent where slices lie along the normal, as in all cases of version 0.1."""
    if volume.slice_origins_mm is None:
        return {}
    return {"slice_origins_mm": [_floats(point) for point in volume.slice_origins_mm]}


def _origins(
    values: list[list[float]] | None,
) -> tuple[tuple[float, float, float], ...] | None:
    return None if values is None else tuple(_triple(point) for point in values)


def _floats(values: Iterable[float]) -> list[float]:
    return [float(value) for value in values]


def _check_shapes(
    geometry: dict[str, Any], voxels: VoxelArray, padding: NDArray[np.bool_] | None
) -> None:
    if list(voxels.shape) != geometry["shape"]:
        raise ValueError(f"voxels are {voxels.shape}, not {geometry['shape']}")
    if voxels.dtype.name != geometry["dtype"]:
        raise ValueError(f"voxels are {voxels.dtype}, not {geometry['dtype']}")
    if padding is not None and padding.dtype != np.bool_:
        raise ValueError(f"padding is {padding.dtype}, not bool")


def _triple(values: list[float]) -> tuple[float, float, float]:
    x, y, z = values
    return x, y, z
