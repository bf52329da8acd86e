"""Pictures of a slice: what they show of the patient, and what they leave alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from btd_desktop.gui.dialogs.picture_dialog import PictureDialog
from btd_desktop.gui.view_state.planes import VolumeHandle, plane_layouts
from btd_desktop.gui.view_state.redacted import without_patient_data
from btd_desktop.gui.view_state.states import SliceViewState
from btd_desktop.gui.views.slice_painting import exhibit_image
from tests.factories import make_ct_volume
from tests.unit.gui.views.samples import AXIAL
from tests.window_desk import open_dialog, wait_until

CORNERS = (("ZQNAME^X", "ZQID"), ("ZQMAKER", "2019-04-17"), ("Slice 2 of 3",), ("W",))


def _state(**changes) -> SliceViewState:
    voxels = make_ct_volume(0, shape=(3, 128, 128)).voxels.copy()
    voxels[:, 2:10:2, 2:40:3] = 2500  # burned in, at the top left
    handle = VolumeHandle(voxels, (2.5, 1.0, 1.0), plane_layouts(*AXIAL), "HU")
    fields = {"window": (40.0, 400.0), "index": 1, "corners": CORNERS, **changes}
    return SliceViewState(volume=handle, layout=handle.layouts[0], **fields)


def _grey(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


@pytest.fixture
def drawn(monkeypatch) -> list[str]:
    """Texts that are drawn on a picture."""
    texts: list[str] = []
    monkeypatch.setattr(
        "btd_desktop.gui.views.slice_painting.draw_text",
        lambda _painter, _at, text, *_rest: texts.append(text),
    )
    return texts


def test_redacted_picture_draws_no_text_of_the_patient(qapp, drawn):
    state = _state()
    exhibit_image(state, 300, 300, font=qapp.font())
    assert {"ZQNAME^X", "ZQID", "ZQMAKER", "2019-04-17"} <= set(drawn)
    drawn.clear()
    exhibit_image(without_patient_data(state, "CT"), 300, 300, font=qapp.font())
    assert not [text for text in drawn if "ZQ" in text or "2019" in text]
    assert "Slice 2 of 3" in drawn
    assert "L" in drawn


@pytest.mark.parametrize("inverted", [False, True])
def test_redacted_picture_hides_what_is_burned_in_and_keeps_the_body(inverted):
    state = _state(inverted=inverted)
    shown = without_patient_data(state, "CT")
    before, after = state.picture, shown.picture
    assert before is not None
    assert after is not None
    assert after.shape == before.shape
    assert after.dtype == before.dtype
    edge = 240 if inverted else -160  # black on screen either way
    assert (after[:12, :44] == edge).all()
    assert (before[:12, :44] == 2500).any()
    assert np.array_equal(after[40:90, 20:108], before[40:90, 20:108])
    assert state.picture is not None
    assert (state.picture[:12, :44] == 2500).any(), "the shown volume was changed"


def test_empty_view_makes_a_picture_too():
    assert without_patient_data(SliceViewState(message="ZQNAME"), "CT").message == ""


def test_dialog_leaves_patient_data_out_unless_told(qtbot, tmp_path):
    dialog = PictureDialog(tmp_path / "slice.png")
    qtbot.addWidget(dialog)
    told: list[tuple[Path, bool]] = []
    dialog.picture_wanted.connect(lambda path, redacted: told.append((path, redacted)))
    dialog.accept()
    assert told == [(tmp_path / "slice.png", True)]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("taken.png", "already"),
        ("slice.jpg", ".png"),
        ("no/such/folder/x.png", "folder does not exist"),
        ("", "Name a file"),
        ("x" * 5000 + ".png", "No file"),
        ("new.png", ""),
    ],
)
def test_dialog_refuses_a_name_that_cannot_be_written(qtbot, tmp_path, name, problem):
    (tmp_path / "taken.png").write_bytes(b"mine")
    dialog = PictureDialog(tmp_path / "slice.png")
    qtbot.addWidget(dialog)
    dialog._out.set_path(tmp_path / name if name else None)
    assert problem in dialog._problem.text()
    assert dialog._save.isEnabled() is not bool(problem)


def test_window_saves_the_slice_shown(make_window, desk, tmp_path):
    window = make_window()
    window.resize(2000, 1000)  # the corners' texts beside the body, not upon it
    window.parts.opening.on_case_opened(desk.copy_of_case(tmp_path / "case"))
    wait_until(lambda: window.session.handle is not None, 300.0)
    window.action_set["export"].trigger()
    dialog = open_dialog(window, "PictureDialog")
    assert dialog._redacted.isChecked()
    dialog._out.set_path(tmp_path / "redacted.png")
    dialog.accept()
    window.dialogs._on_picture_wanted(tmp_path / "full.png", False)
    redacted, full = (_grey(tmp_path / f"{n}.png") for n in ("redacted", "full"))
    assert redacted.shape == full.shape
    height, width = full.shape
    top_left = (slice(0, height // 12), slice(0, width // 6))
    assert full[top_left].max() > 100, "the name is drawn there"
    assert redacted[top_left].max() < 20
    assert redacted.max() > 100
    # Nothing but pixels: a PNG can hold texts of its own.
    with Image.open(tmp_path / "redacted.png") as picture:
        assert not picture.info.get("Description")
    before = (tmp_path / "full.png").read_bytes()
    window.dialogs._on_picture_wanted(tmp_path / "full.png", True)
    assert (tmp_path / "full.png").read_bytes() == before
