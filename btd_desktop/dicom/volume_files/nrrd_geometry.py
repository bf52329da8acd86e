"""Where the axes of a NRRD lead: spaces, directions, units."""

from __future__ import annotations

import re
from typing import Final

from btd_desktop.dicom.findings import note, warning
from btd_desktop.dicom.parsed import damaged, refused, unsupported
from btd_desktop.dicom.volume_files.layout import (
    Remark,
    Vector,
    in_mm,
    numbers,
    vector,
    whole_numbers,
)

NrrdFields = dict[str, str]
"""Fields of a header by their names, in lower case."""

_VECTOR: Final = re.compile(r"\(([^()]*)\)|none", re.IGNORECASE)
_QUOTED: Final = re.compile(r'"([^"\\]*)"')
# Signs that turn a space into LPS.
_SPACES: Final = {
    "right-anterior-superior": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "left-posterior-superior": (1, 1, 1),
}
_SHORT_SPACES: Final = {
    "ras": "right-anterior-superior",
    "las": "left-anterior-superior",
    "lps": "left-posterior-superior",
}
# They have three axes and a handedness, and no sides of a body.
_BARE_SPACES: Final = ("scanner-xyz", "3d-right-handed", "3d-left-handed")
_UNITS: Final = {
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre"), "mm"),
    **dict.fromkeys(
        (
            *("um", "\N{MICRO SIGN}m", "\N{GREEK SMALL LETTER MU}m", "micron"),
            *("microns", "micrometer", "micrometers", "micrometre"),
        ),
        "um",
    ),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre"), "cm"),
    **dict.fromkeys(("m", "meter", "meters", "metre"), "m"),
    **dict.fromkeys(("nm", "nanometer", "nanometers"), "nm"),
}


def nrrd_geometry(
    fields: NrrdFields, n_axes: int
) -> tuple[list[Vector | None], Vector, list[Remark], bool]:
    """Step of each axis (LPS mm; None: none), origin, remarks, has a spacing."""
    signs, n_space, remarks = _space(fields)
    if "space directions" not in fields:
        if n_space is not None:
            raise damaged("The NRRD header has a space and no “space directions”.")
        return *_bare_spacing(fields, n_axes), remarks, "spacings" in fields
    if n_space is None:
        raise damaged("The NRRD header has “space directions” and no space.")
    units = _units(fields, "space units", n_space)
    vectors = list(_VECTOR.finditer(fields["space directions"]))
    outside = _VECTOR.sub("", fields["space directions"]).strip()
    if len(vectors) != n_axes or outside:
        raise damaged(f"“space directions” is not {n_axes} vectors.")
    steps = [
        None if v[1] is None else _point(v[1], n_space, signs, units) for v in vectors
    ]
    origin = (0.0, 0.0, 0.0)
    if "space origin" in fields:
        given = re.fullmatch(r"\(([^()]*)\)", fields["space origin"])
        if given is None:
            raise damaged("“space origin” is no vector.")
        origin = _point(given[1], n_space, signs, units)
    else:
        remarks.append(note("no_origin", "The header gives no origin: 0 was assumed."))
    return steps, origin, remarks, True


def _space(
    fields: NrrdFields,
) -> tuple[tuple[int, ...], int | None, list[Remark]]:
    """Signs that lead to LPS, dimension, and a remark when no side is named."""
    if "space" in fields and "space dimension" in fields:
        raise refused("Both “space” and “space dimension” are given.")
    sentence = (
        "The header does not say which side of the body is which: left and right may "
        "be swapped."
    )
    unsided: list[Remark] = [warning("orientation_unknown", sentence)]
    if "space dimension" in fields:
        text = fields["space dimension"]
        (n_space,) = whole_numbers(text, 1, "space dimension")
        if n_space not in (2, 3):
            raise unsupported(f"A space of {n_space} dimensions.")
        return (1, 1, 1), n_space, unsided
    if "space" not in fields:
        return (1, 1, 1), None, unsided
    name = fields["space"].lower()
    if name.endswith("-time") or name in ("rast", "last", "lpst"):
        raise unsupported("Space and time share the axes of this NRRD.")
    name = _SHORT_SPACES.get(name, name)
    if name in _SPACES:
        return _SPACES[name], 3, []
    if name in _BARE_SPACES:
        return (1, 1, 1), 3, unsided
    raise unsupported(f"The NRRD space {name[:40]}.")


def _bare_spacing(
    fields: NrrdFields, n_axes: int
) -> tuple[list[Vector | None], Vector]:
    """Step of each axis, and an origin of 0."""
    if "spacings" not in fields:
        # Without any geometry every axis may be one of space.
        return [_along(i, 1.0) for i in range(n_axes)], (0.0, 0.0, 0.0)
    words = fields["spacings"].split()
    if len(words) != n_axes:
        raise damaged(f"“spacings” is not {n_axes} numbers.")
    units = _units(fields, "units", n_axes, strict=False)
    steps: list[Vector | None] = []
    n_placed = 0
    for word, unit_name in zip(words, units, strict=True):
        if word.lower() == "nan":
            steps.append(None)
            continue
        (length,) = numbers(word, 1, "spacings")
        steps.append(_along(n_placed, in_mm(length, unit_name)))
        n_placed += 1
    return steps, (0.0, 0.0, 0.0)


def _along(axis: int, length: float) -> Vector:
    x, y, z = (length if i == axis % 3 else 0.0 for i in range(3))
    return x, y, z


def _point(text: str, n_space: int, signs: tuple[int, ...], units: list[str]) -> Vector:
    parts = numbers(text.replace(",", " "), n_space, "A vector of the NRRD header")
    return vector(
        sign * in_mm(part, unit) + 0.0
        for part, sign, unit in zip(parts, signs, units, strict=False)
    )


def _units(
    fields: NrrdFields, what: str, count: int, *, strict: bool = True
) -> list[str]:
    text = fields.get(what)
    if text is None:
        return ["mm"] * count
    words = _QUOTED.findall(text)
    if len(words) != count or _QUOTED.sub("", text).strip():
        raise damaged(f"“{what}” is not {count} texts in quotes.")
    names = []
    for word in words:
        plain = word.strip().lower()
        if plain and plain not in _UNITS and strict:
            raise unsupported(
                f"{word[:20]!r} is no unit of length that this program knows."
            )
        names.append(_UNITS.get(plain, "mm"))
    return names
