"""Volumes from files that are not DICOM: they say little about where they come from."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom import checks
from btd_desktop.dicom.plausibility import LARGEST_VALUE, sound_grid
from btd_desktop.dicom.series import LoadedSeries, SeriesFinding
from btd_desktop.volume import Volume, integral_or_float

__all__ = ["load_grid"]

# Air in HU; nothing in an MR image of magnitudes is that far below zero.
_AIR_HU: Final = -900
_FLAT: Final = {
    "spacing": [0.0, 1.0, 1.0],
    "origin": [0.0, 0.0, 0.0],
    "row": [1.0, 0.0, 0.0],
    "column": [0.0, 1.0, 0.0],
    "slice": [0.0, 0.0, 1.0],
}


def load_grid(
    name: str,
    sha256: str,
    kind: str,
    values: NDArray[Any],
    grid: dict[str, list[float]] | None,
    extra: list[SeriesFinding],
) -> list[LoadedSeries]:
    """One series per time point of a volume, NumPy or PNG file.

    Args:
        name: Record name of the file.
        sha256: Digest of the file; stands in for the series UID.
        kind: "volume", "npy" or "png".
        values: Shape (times, S, H, W).
        grid: Geometry, or None for formats that have none.
        extra: Findings made elsewhere.
    """
    n_times = values.shape[0]
    return [
        _load(
            name if n_times == 1 else f"{name}#{time + 1}",
            name,
            f"sha256:{sha256}" if n_times == 1 else f"sha256:{sha256}#{time + 1}",
            kind,
            values[time],
            grid,
            extra,
        )
        for time in range(n_times)
    ]


def _load(
    label: str,
    name: str,
    uid: str,
    kind: str,
    values: NDArray[Any],
    grid: dict[str, list[float]] | None,
    extra: list[SeriesFinding],
) -> LoadedSeries:
    values, padding = _finite(values)
    place, odd = (_FLAT, "") if grid is None else sound_grid(grid)
    if odd:
        extra = [*extra, SeriesFinding("broken_geometry", "warning", odd)]
    values, padding, origin = _right_handed(values, padding, place)
    n_slices = values.shape[0]
    modality = _modality(kind, values)
    step = place["spacing"][0] if n_slices > 1 else 0.0
    if n_slices > 1 and step <= 0:
        step = 1.0
    normal = np.cross(place["row"], place["column"])
    start = float(np.asarray(origin) @ normal)
    volume = Volume(
        voxels=integral_or_float(values),
        modality=modality,
        unit="HU" if modality == "CT" else "",
        spacing_mm=(step, place["spacing"][1], place["spacing"][2]),
        origin_mm=(origin[0], origin[1], origin[2]),
        row_direction=(place["row"][0], place["row"][1], place["row"][2]),
        column_direction=(place["column"][0], place["column"][1], place["column"][2]),
        slice_positions_mm=tuple(start + step * i for i in range(n_slices)),
        instance_uids=tuple(
            label if n_slices == 1 else f"{label}/{i + 1}" for i in range(n_slices)
        ),
        padding=padding,
        source={"series_uid": uid, "description": label.rpartition("/")[2]},
    )
    found = [*extra, *_findings(kind, modality, volume, grid is None)]
    return LoadedSeries(
        volume=volume,
        series_uid=uid,
        description=label.rpartition("/")[2],
        findings=tuple(sorted(found, key=lambda f: f.severity != "warning")),
        record_names=(name,) * n_slices,
    )


def _finite(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Values without NaN, infinities and wild numbers, and where those were."""
    if values.dtype.kind != "f":
        return values, None
    broken = ~np.isfinite(values) | (np.abs(values) > LARGEST_VALUE)
    if not broken.any():
        return values, None
    filled = values.copy()
    filled[broken] = values[~broken].min() if not broken.all() else 0.0
    return filled, broken


def _right_handed(
    values: NDArray[Any],
    padding: NDArray[np.bool_] | None,
    grid: dict[str, list[float]],
) -> tuple[NDArray[Any], NDArray[np.bool_] | None, list[float]]:
    """Slices ordered along row x column, as those of DICOM are."""
    step = np.asarray(grid["slice"])
    if float(step @ np.cross(grid["row"], grid["column"])) >= 0:
        return values, padding, grid["origin"]
    last = (values.shape[0] - 1) * grid["spacing"][0]
    origin = [float(value) for value in np.asarray(grid["origin"]) + last * step]
    return values[::-1], None if padding is None else padding[::-1], origin


def _modality(kind: str, values: NDArray[Any]) -> str:
    if kind == "npy":
        return "CT"
    return "CT" if kind == "volume" and values.min() <= _AIR_HU else "MR"


def _findings(
    kind: str, modality: str, volume: Volume, is_bare: bool
) -> list[SeriesFinding]:
    why = {
        "npy": "bare NumPy arrays are taken as CT in HU",
        "png": "bare pictures are taken as MR",
        "volume": "from the range of the values",
    }[kind]
    found = [
        SeriesFinding(
            "guessed_modality",
            "note",
            f"The format does not name the modality; {modality} was assumed ({why}).",
        ),
        SeriesFinding(
            "no_provenance",
            "note",
            "The format carries no scanner, patient or acquisition facts.",
        ),
    ]
    if is_bare:
        sentence = "No spacing is given: 1 mm was assumed, sizes are not reliable."
        found.append(SeriesFinding("no_pixel_spacing", "warning", sentence))
    if volume.n_slices == 1:
        sentence = "One slice only: neighbours cannot be compared."
        found.append(SeriesFinding("single_slice", "note", sentence))
    if volume.padding is not None:
        sentence = (
            f"Some values are not numbers, or beyond {LARGEST_VALUE:.0e}; they were "
            "set to the lowest value."
        )
        found.append(SeriesFinding("not_finite", "warning", sentence))
    return [*found, *checks.check_voxels(volume)]
