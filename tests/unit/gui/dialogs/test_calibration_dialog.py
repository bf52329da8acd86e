"""The form of a calibration: alone, or added to a profile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QObject, Signal

from btd_desktop.calibration.profile import read_profile, write_profile
from btd_desktop.gui.dialogs.calibration_dialog import CalibrationDialog
from btd_desktop.gui.presenters.calibrating import (
    CalibrationForm,
    CalibrationState,
    ModelChoice,
    ProfileChoice,
    _calibrate,
    _list_profiles,
)
from btd_desktop.gui.theme import DARK
from btd_desktop.paths import user_profiles_dir
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.card import read_card
from btd_desktop.workflow.services import Services
from tests.factories import make_tiny_model
from tests.unit.calibration.samples import older, profile_of

MODELS = (
    ModelChoice(Path("/models/one"), "one (CT, ct96wide)", "CT"),
    ModelChoice(Path("/models/two"), "two (CT, ct96)", "CT"),
)
HELD = ProfileChoice(Path("/p.json"), "Public scans (46 patients)", 0.001, 46)


class Presenter(QObject):
    """Shows what a test tells it to, and remembers what was asked for."""

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.state = CalibrationState()
        self.models: list[Path | None] = []
        self.started: list[CalibrationForm] = []

    def show(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
        self.changed.emit(self.state)

    def on_model_chosen(self, folder: Path | None) -> None:
        self.models.append(folder)

    def on_start(self, form: CalibrationForm) -> None:
        self.started.append(form)

    def on_opened(self) -> None: ...
    def on_closed(self) -> None: ...
    def on_pause_toggled(self) -> None: ...
    def on_cancel(self) -> None: ...
    def on_save(self) -> None: ...
    def on_scans_chosen(self, folders: tuple[Path, ...], modality: str) -> None: ...


def _dialog(qtbot: Any) -> tuple[CalibrationDialog, Presenter]:
    presenter = Presenter()
    dialog = CalibrationDialog(presenter, DARK)  # type: ignore[arg-type]
    qtbot.addWidget(dialog)
    presenter.show(models=MODELS, n_patients=3)
    dialog._folders.add_path(Path("/scans"))
    return dialog, presenter


def test_scans_are_calibrated_on_alone_unless_a_profile_is_chosen(qtbot):
    dialog, presenter = _dialog(qtbot)
    assert dialog._profiles.currentText() == "Nothing: these scans alone"
    presenter.show(profiles=(HELD,))
    assert dialog._profiles.count() == 2
    assert dialog._fpr.isEnabled()
    assert "30 %" in dialog._needed.text()
    dialog._fpr.setValue(5.0)
    form = dialog.form
    assert form is not None
    assert (form.join, form.fpr) == (None, 0.05)


def test_profile_that_is_added_to_keeps_its_rate_and_counts_its_patients(qtbot):
    dialog, presenter = _dialog(qtbot)
    presenter.show(profiles=(HELD,))
    dialog._fpr.setValue(5.0)
    dialog._profiles.setCurrentIndex(1)
    assert not dialog._fpr.isEnabled()
    assert dialog._fpr.value() == 0.1
    assert dialog._needed.text().startswith(
        "The scans chosen are of 3 patients; with the 46 of the profile 49. "
    )
    assert "0.1 % takes" in dialog._needed.text()
    dialog._start.click()
    assert [(f.join, f.fpr) for f in presenter.started] == [(HELD, 0.001)]
    # The same profiles listed again do not undo the choice.
    presenter.show(n_patients=4)
    assert dialog._profiles.currentIndex() == 1
    dialog._profiles.setCurrentIndex(0)
    assert dialog._fpr.isEnabled()
    assert dialog._fpr.value() == 5.0


def test_profiles_are_those_of_the_model_chosen(qtbot):
    dialog, presenter = _dialog(qtbot)
    assert presenter.models == [MODELS[0].folder]
    presenter.show(profiles=(HELD,))
    dialog._profiles.setCurrentIndex(1)
    dialog._models.setCurrentIndex(1)
    assert presenter.models[-1] == MODELS[1].folder
    presenter.show(profiles=())
    assert dialog._profiles.count() == 1
    assert dialog._fpr.isEnabled()
    form = dialog.form
    assert form is not None
    assert form.join is None


@pytest.fixture
def model(tmp_path, monkeypatch) -> Path:
    """Folder of a model with a profile that knows its patients, and an older one."""
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BTD_MODELS_DIR", str(tmp_path / "models"))
    folder: Path = tmp_path / "models" / "tiny-ct"
    make_tiny_model(folder)
    card = read_card(folder)
    held = replace(
        profile_of(3, copies=True), model={"name": card.name, "digest": card.digest}
    )
    write_profile(held, user_profiles_dir() / "held.json")
    before = older(replace(held, name="before"))
    write_profile(before, user_profiles_dir() / "before.json")
    return folder


def test_profiles_that_know_their_patients_are_offered(model: Path):
    [found] = _list_profiles(model, TaskContext(), lambda _: None)
    assert found == ProfileChoice(
        user_profiles_dir() / "held.json", "local (3 patients)", 0.05, 3
    )


def test_calibrating_joins_the_profile_chosen_at_its_rate(model: Path, monkeypatch):
    [choice] = _list_profiles(model, TaskContext(), lambda _: None)
    asked: list[dict[str, Any]] = []
    result = replace(profile_of(4), notes=("synthetic", "Somebody joined."))

    def calibrate_paths(paths: Any, detector: Any, **words: Any) -> Any:
        asked.append(words)
        return result

    monkeypatch.setattr(
        "btd_desktop.workflow.calibrate.calibrate_paths", calibrate_paths
    )
    detectors: Any = SimpleNamespace(
        for_entry=lambda entry, settings: SimpleNamespace(card=entry.card)
    )
    form = CalibrationForm((Path("/scans"),), model, "ours", choice.fpr, choice)
    context = TaskContext()
    fit = _calibrate(form, detectors, Services(), context, lambda _: None)
    assert asked[0]["fpr"] is None
    assert asked[0]["join"].digest == read_profile(choice.path).digest
    assert fit.summary.endswith(" Somebody joined.")
    alone = replace(form, join=None)
    fit = _calibrate(alone, detectors, Services(), context, lambda _: None)
    assert asked[1]["fpr"] == 0.05
    assert asked[1]["join"] is None
    assert "joined" not in fit.summary
