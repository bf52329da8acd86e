"""A desk for tests of the window: tiny model, benign patients, a suspect folder.

Built once per test session, because scoring even tiny series takes seconds.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_series_folder, make_tiny_model

if TYPE_CHECKING:
    from btd_desktop.gui.shell.main_window import MainWindow

__all__ = ["Desk", "build_desk", "drop", "open_dialog", "wait_until"]

N_SLICES = 5
FPR = 0.2


@dataclass(frozen=True)
class Desk:
    """Folders of a desk.

    Attributes:
        root: Everything.
        suspect: A series, a text file, half a DICOM file.
        benign: Folders of genuine patients.
        case: A case in which the suspect series is scored.
    """

    root: Path
    suspect: Path
    benign: Path
    case: Path

    def copy_of_case(self, folder: Path) -> Path:
        """A copy of the scored case, to be written to."""
        shutil.copytree(self.case, folder)
        return folder

    def forget_copies(self) -> None:
        """Be a computer that never saw a copy of the case go on."""
        heads = Path("data", "audit-heads")
        shutil.rmtree(self.root / "home" / heads)
        shutil.copytree(self.root / "home as made" / heads, self.root / "home" / heads)


def build_desk(root: Path) -> Desk:
    """Make the desk; `BTD_HOME` and `BTD_MODELS_DIR` must point into `root`."""
    from btd_desktop.calibration.profile import write_profile
    from btd_desktop.examination.models import find_model, open_detector
    from btd_desktop.examination.reading import read_series
    from btd_desktop.progress import TaskContext
    from btd_desktop.workflow.calibrate import calibrate_paths
    from btd_desktop.workflow.findings import searched
    from btd_desktop.workflow.import_series import (
        CaseDetails,
        create_case,
        import_into_case,
    )
    from btd_desktop.workflow.score_series import score_series
    from btd_desktop.workflow.services import Services

    desk = Desk(root, root / "suspect", root / "benign", root / "scored case")
    make_tiny_model(root / "models" / "tiny-ct")
    make_series_folder(desk.suspect, 0, shape=(N_SLICES, 128, 128))
    (desk.suspect / "readme.txt").write_text("from the court")
    whole = next(iter(sorted(desk.suspect.glob("*.dcm")))).read_bytes()
    (desk.suspect / "broken.dcm").write_bytes(whole[: len(whole) // 2])
    for patient in range(1, 5):
        make_series_folder(desk.benign / f"p{patient}", patient, shape=(8, 128, 128))
    services, context = Services(), TaskContext()
    detector = open_detector(find_model("", "CT"))
    profile = calibrate_paths(
        [desk.benign],
        detector,
        name="Desk",
        fpr=FPR,
        services=services,
        context=context,
    )
    write_profile(profile, root / "home" / "data" / "profiles" / "desk.json")
    with create_case(desk.case, CaseDetails(title="Scored"), services) as store:
        series = import_into_case(store, [desk.suspect], services, context)
        score_series(store, series[0].series_id, detector, services, context)
        searched(store, read_series(store, series[0]), services)
    return desk


def wait_until(condition: Callable[[], object], timeout_s: float = 120.0) -> None:
    """Let Qt work until something is true; fails the test when it never is."""
    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not so after {timeout_s:.0f} s")
        QApplication.processEvents()
        time.sleep(0.005)


def open_dialog(window: MainWindow, name: str):
    """The dialog of that class that is open on a window."""
    from PySide6.QtWidgets import QDialog

    found = [
        d
        for d in window.findChildren(QDialog)
        if type(d).__name__ == name and d.isVisible()
    ]
    assert found, f"no {name} is open"
    return found[-1]


def drop(window: MainWindow, paths: list[Path]) -> None:
    """Drop files on a window, as the desktop would."""
    from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
    from PySide6.QtGui import QDragEnterEvent, QDropEvent
    from PySide6.QtWidgets import QApplication

    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(p)) for p in paths])
    args = (
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    enter = QDragEnterEvent(QPoint(50, 50), *args)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(50, 50), *args))
