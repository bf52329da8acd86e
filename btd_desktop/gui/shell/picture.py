"""A slice as a picture file, with what says whose it is or without."""

from __future__ import annotations

from pathlib import Path

from btd_desktop.gui.views.slice_view import SliceView


def free_name(folder: Path, stem: str) -> Path:
    """A name for a picture that is not taken yet."""
    names = (f"{stem}.png", *(f"{stem}-{n}.png" for n in range(2, 1000)))
    return next((folder / n for n in names if not (folder / n).exists()), folder / stem)


def save_picture(view: SliceView, modality: str, path: Path, *, redacted: bool) -> bool:
    """Write the plane of a view as shown; an existing file is left alone.

    Args:
        view: The view.
        modality: Of the series shown: it decides how the body is told from air.
        path: PNG file to write.
        redacted: Leave out what says whose slice it is.

    Returns:
        False when the file exists or could not be written.
    """
    from btd_desktop.gui.view_state.redacted import without_patient_data
    from btd_desktop.gui.views.slice_painting import exhibit_image

    state = without_patient_data(view.state, modality) if redacted else view.state
    image = exhibit_image(
        state, view.width(), view.height(), font=view.font(), ratio=2.0
    )
    return not path.exists() and bool(image.save(str(path), "PNG"))  # type: ignore[call-overload]
