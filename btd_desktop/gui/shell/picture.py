"""A slice as a picture file, with patient data or without."""

from __future__ import annotations

import itertools
from pathlib import Path

from btd_desktop.gui.views.slice_painting import exhibit_image
from btd_desktop.gui.views.slice_view import SliceView


def free_name(folder: Path, stem: str, suffix: str = ".png") -> Path:
    """A name for a file that is not taken yet."""
    path = folder / f"{stem}{suffix}"
    for number in itertools.count(2):
        if not path.exists():
            break
        path = folder / f"{stem}-{number}{suffix}"
    return path


def save_picture(view: SliceView, modality: str, path: Path, *, redacted: bool) -> bool:
    """Write the plane of a view as shown; an existing file is left alone.

    Args:
        view: The view.
        modality: Of the series shown: it decides how the body is told from air.
        path: PNG file to write.
        redacted: Leave patient data out.

    Returns:
        False when the file exists or could not be written.
    """
    # Not above: it loads SciPy, which the window's start must not wait for.
    from btd_desktop.gui.view_state.redacted import without_patient_data

    state = without_patient_data(view.state, modality) if redacted else view.state
    image = exhibit_image(
        state, view.width(), view.height(), font=view.font(), ratio=2.0
    )
    return not path.exists() and bool(image.save(str(path), "PNG"))  # type: ignore[call-overload]
