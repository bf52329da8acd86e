"""Volumes from files that are not DICOM: they say little about where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom.checks.processing import check_processing, with_processing
from btd_desktop.dicom.checks.values import check_voxels
from btd_desktop.dicom.guess import UNKNOWN, looks_like_hu, looks_like_shifted_hu
from btd_desktop.dicom.hounsfield import not_covered, why_not_hu
from btd_desktop.dicom.parsed import ParsedFile
from btd_desktop.dicom.plausibility import LARGEST_VALUE, sound_grid
from btd_desktop.dicom.series import LoadedSeries, SeriesFinding
from btd_desktop.volume import SeriesFacts, Volume, integral_or_float, point_of

_OF_MODALITY: Final = (
    *("guessed_modality", "unknown_modality", "stated_modality", "not_hu"),
)

# Of a pixel, over the whole stack: less is rounding.
_SHEAR_SHARE: Final = 0.05
_SHEARED: Final = (
    "The axes are not perpendicular: each slice is shifted in its plane against the "
    "one before, as by a tilted gantry. Positions follow the file."
)
_NO_MODALITY: Final = "its modality is not known; import it again and state CT or MR"

_BY_NAME: Final = {"npy": "CT", "png": "MR"}
_FLAT: Final = {
    "spacing": [0.0, 1.0, 1.0],
    "origin": [0.0, 0.0, 0.0],
    "row": [1.0, 0.0, 0.0],
    "column": [0.0, 1.0, 0.0],
    "slice": [0.0, 0.0, 1.0],
}


@dataclass(frozen=True, slots=True)
class GridFile:
    """A file of values without a DICOM header, as it was read.

    Attributes:
        name: Record name.
        sha256: Digest of the file, or of file and values where they lie apart; stands
            in for the series UID.
        kind: "volume", "npy" or "png".
        is_published: An index of the published test sets lists it.
        stated: Modality that the examiner states for such files, "CT" or "MR"; "".
    """

    name: str
    sha256: str
    kind: str
    is_published: bool = False
    stated: str = ""


def load_grid(
    file: GridFile, parsed: ParsedFile, extra: Sequence[SeriesFinding]
) -> list[LoadedSeries]:
    """One series per time point of a volume, NumPy or PNG file.

    Args:
        file: Where it comes from, and what was said of it.
        parsed: Values of shape (times, S, H, W), with their grid and remarks.
        extra: Findings made elsewhere.
    """
    values = parsed.pixels
    if values is None:
        return []
    n_times = values.shape[0]
    told = [*extra, *parsed.remarks]
    return [
        _load(file, parsed, values, None if n_times == 1 else time, told)
        for time in range(n_times)
    ]


def _load(
    file: GridFile,
    parsed: ParsedFile,
    times: NDArray[Any],
    time: int | None,
    told: list[SeriesFinding],
) -> LoadedSeries:
    part = "" if time is None else f"#{time + 1}"
    label, uid = f"{file.name}{part}", f"sha256:{file.sha256}{part}"
    values, padding = _finite(times[time or 0])
    place, odd = (_FLAT, "") if parsed.grid is None else sound_grid(parsed.grid)
    if odd:
        told = [*told, SeriesFinding("broken_geometry", "warning", odd)]
    values, padding, origin = _right_handed(values, padding, place)
    n_slices = values.shape[0]
    step = place["spacing"][0] if n_slices > 1 else 0.0
    if n_slices > 1 and step <= 0:
        step = 1.0
    normal = np.cross(place["row"], place["column"])
    # From slice to slice, on the side that row x column points to.
    way = np.asarray(place["slice"], dtype=float)
    way = way if float(way @ normal) >= 0 else -way
    starts = np.asarray(origin) + np.outer(np.arange(n_slices) * step, way)
    positions = starts @ normal
    is_sheared = bool(
        np.abs(starts - starts[0] - np.outer(positions - positions[0], normal)).max()
        > _SHEAR_SHARE * place["spacing"][2]
    )
    if is_sheared:
        told = [*told, SeriesFinding("gantry_tilt", "warning", _SHEARED)]
        step = float(positions[1] - positions[0])
    volume = Volume(
        voxels=integral_or_float(values),
        modality=UNKNOWN,
        unit="",
        spacing_mm=(step, place["spacing"][1], place["spacing"][2]),
        origin_mm=point_of(origin),
        row_direction=point_of(place["row"]),
        column_direction=point_of(place["column"]),
        slice_positions_mm=tuple(float(position) for position in positions),
        instance_uids=tuple(
            label if n_slices == 1 else f"{label}/{i + 1}" for i in range(n_slices)
        ),
        padding=padding,
        source=SeriesFacts(series_uid=uid, description=label.rpartition("/")[2]),
        slice_origins_mm=tuple(map(point_of, starts)) if is_sheared else None,
    )
    unnamed = LoadedSeries(
        volume=volume,
        series_uid=uid,
        description=label.rpartition("/")[2],
        findings=(*told, *_findings(volume, parsed.grid is None)),
        record_names=(file.name,) * n_slices,
    )
    return _named(unnamed, *_modality(file, parsed, volume))


def state_modality(loaded: LoadedSeries, stated: str) -> LoadedSeries:
    """The series with the modality that the examiner states.

    Args:
        loaded: A series of any format.
        stated: "CT" or "MR"; "" states nothing.

    Returns:
        The same series where nothing is stated, or its format names the modality.
    """
    volume = loaded.volume
    if not stated or volume.source.modality_from is None:
        return loaded
    former = {*check_voxels(volume), *check_processing((), volume)}
    kept = tuple(
        finding
        for finding in loaded.findings
        if finding.code not in _OF_MODALITY and finding not in former
    )
    not_hu = _why_not_hu(volume) if stated == "CT" else ()
    return _named(replace(loaded, findings=kept), stated, "examiner", not_hu)


def _named(
    loaded: LoadedSeries, modality: str, how: str, not_hu: tuple[str, ...]
) -> LoadedSeries:
    """The series under a modality, and why its values are not HU if it is a CT."""
    volume = loaded.volume
    reasons = (_NO_MODALITY,) if modality == UNKNOWN else not_covered(not_hu)
    source = volume.source.with_facts(
        modality_from=how, not_covered=reasons, processing=None
    )
    unit = "HU" if modality == "CT" and not not_hu else ""
    volume = replace(volume, modality=modality, unit=unit, source=source)
    found = [*loaded.findings, _modality_finding(volume)]
    found += check_voxels(volume)
    found += check_processing((), volume)
    volume = with_processing(volume, found)
    findings = tuple(sorted(found, key=lambda f: f.severity != "warning"))
    return replace(loaded, volume=volume, findings=findings)


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


def _modality(
    file: GridFile, parsed: ParsedFile, volume: Volume
) -> tuple[str, str, tuple[str, ...]]:
    """The modality, who says so, and for a CT why its values are not HU.

    Sources are "examiner", "header", "values", "sets" and "".
    """
    modality, how = _said_modality(file, parsed)
    if modality == "CT":
        return modality, how, _why_not_hu(volume)
    if modality == UNKNOWN and file.kind != "png" and not _why_not_hu(volume):
        return "CT", "values", ()
    return modality, how, ()


def _said_modality(file: GridFile, parsed: ParsedFile) -> tuple[str, str]:
    if file.stated:
        return file.stated, "examiner"
    if parsed.modality:
        return parsed.modality, "header"
    if file.is_published and file.kind in _BY_NAME:
        return _BY_NAME[file.kind], "sets"
    return UNKNOWN, ""


def _measured(volume: Volume) -> NDArray[Any]:
    inside = None if volume.padding is None else volume.voxels[~volume.padding]
    return volume.voxels if inside is None or not inside.size else inside


def _why_not_hu(volume: Volume) -> tuple[str, ...]:
    measured = _measured(volume)
    reasons = why_not_hu(volume.voxels, volume.padding)
    if not reasons and looks_like_hu(measured):
        return ()
    if looks_like_shifted_hu(measured):
        return (*reasons, "they look like HU + 1024")
    if reasons:
        return reasons
    low, high = measured.min(), measured.max()
    return (f"they reach from {low:.6g} to {high:.6g}, without air near -1000",)


def _modality_finding(volume: Volume) -> SeriesFinding:
    says, modality = "The format does not name the modality; ", volume.modality
    how = volume.source.modality_from
    if how == "examiner":
        sentence = f"{says}the examiner stated {modality}."
        return SeriesFinding("stated_modality", "note", sentence)
    if how == "header":
        sentence = f"The header of the volume file says {modality}; nothing else does."
        return SeriesFinding("stated_modality", "note", sentence)
    if how:
        why = {
            "values": "its values are those of HU",
            "sets": "an index of the published test sets lists it",
        }[how]
        sentence = f"{says}{modality} was taken, since {why}."
        return SeriesFinding("guessed_modality", "note", sentence)
    hint = ""
    if looks_like_shifted_hu(_measured(volume)):
        hint = " If it is a CT, its values look like HU + 1024."
    sentence = f"{says}its values do not tell either. State CT or MR on import.{hint}"
    return SeriesFinding("unknown_modality", "warning", sentence)


def _findings(volume: Volume, is_bare: bool) -> list[SeriesFinding]:
    sentence = "The format carries no scanner, patient or acquisition facts."
    found = [SeriesFinding("no_provenance", "note", sentence)]
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
    return found
