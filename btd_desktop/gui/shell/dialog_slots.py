"""The actions of the window that open a dialog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFileDialog, QMainWindow

if TYPE_CHECKING:
    from btd_desktop.gui.presenters.opening import ModalityQuestion
    from btd_desktop.gui.presenters.session import Session
    from btd_desktop.gui.shell.parts import Parts
    from btd_desktop.gui.shell.workspace import Workspace
    from btd_desktop.gui.theme import Theme
    from btd_desktop.gui.views.status_strip import StatusStrip
    from btd_desktop.settings import Settings

__all__ = ["DialogSlots"]


class DialogSlots:
    """Opens dialogs; mixed into the main window, which has the parts.

    Dialogs do not block: the scan can be looked at while one is open, and scoring goes
    on.
    """

    if TYPE_CHECKING:
        session: Session
        parts: Parts
        workspace: Workspace
        strip: StatusStrip

        @property
        def theme(self) -> Theme:
            """The theme in use."""
            ...

        def show_theme(self, theme: Theme) -> None:
            """Use another theme."""
            ...

    def on_statement(self) -> None:
        """Show the import statement."""
        from btd_desktop.gui.dialogs.import_statement import ImportStatement

        state = self.parts.series.read_evidence()
        self._open(ImportStatement(state, self.theme, _window(self)))

    def ask_for_modality(self, question: ModalityQuestion) -> None:
        """Ask whether series are CT or MR; the import waits for the answer."""
        from btd_desktop.gui.dialogs.modality_dialog import ModalityDialog

        self._open(ModalityDialog(question, _window(self)))

    def on_report(self) -> None:
        """Fill in the form, look at the pages, issue the report."""
        from btd_desktop.gui.dialogs.report_dialog import ReportDialog
        from btd_desktop.gui.presenters.reporting import ReportPresenter

        presenter = ReportPresenter(self.session)
        dialog = ReportDialog(presenter, _window(self))
        dialog.verify_wanted.connect(self.show_verify)
        self._open(dialog)

    def on_verify(self) -> None:
        """Choose a report to verify."""
        chosen, _ = QFileDialog.getOpenFileName(
            _window(self), "Verify a report", "", "Reports (*.pdf)"
        )
        if chosen:
            self.show_verify(Path(chosen))

    def show_verify(self, path: Path) -> None:
        """Verify a report."""
        from btd_desktop.gui.dialogs.verify_dialog import VerifyDialog
        from btd_desktop.gui.presenters.verifying import VerifyPresenter

        presenter = VerifyPresenter(self.session.jobs)
        self._open(VerifyDialog(presenter, self.theme, _window(self)))
        presenter.on_report_chosen(path)

    def on_verify_case(self) -> None:
        """Check audit log, records and arrays of the open case."""
        from btd_desktop.gui.dialogs.case_check_dialog import CaseCheckDialog
        from btd_desktop.gui.presenters.verifying import CaseCheckPresenter

        presenter = CaseCheckPresenter(self.session)
        self._open(CaseCheckDialog(presenter, self.theme, _window(self)))
        presenter.on_check_wanted()

    def on_export(self) -> None:
        """Save the slice as a picture, without patient data unless wanted."""
        from btd_desktop.gui.dialogs.picture_dialog import PictureDialog

        dialog = PictureDialog(_free_name(Path.home(), "slice"), _window(self))
        dialog.picture_wanted.connect(self.save_picture)
        self._open(dialog)

    def save_picture(self, path: Path, redacted: bool) -> None:
        """Write the acquired plane as shown; existing files are left alone.

        Args:
            path: PNG file to write.
            redacted: Leave out what says whose slice it is.
        """
        from btd_desktop.gui.view_state.redacted import without_patient_data
        from btd_desktop.gui.views.slice_painting import exhibit_image

        view, record = self.workspace.mpr.views[0], self.session.record
        state = view.state
        if redacted:
            modality = "CT" if record is None else record.modality
            state = without_patient_data(state, modality)
        image = exhibit_image(
            state, view.width(), view.height(), font=view.font(), ratio=2.0
        )
        written = not path.exists() and image.save(str(path), "PNG")  # type: ignore[call-overload]
        self.strip.show_notice(
            f"Saved {path.name}." if written else f"{path.name} could not be written."
        )

    def on_calibrate(self) -> None:
        """Calibrate on local genuine scans."""
        from btd_desktop.gui.dialogs.calibration_dialog import CalibrationDialog
        from btd_desktop.gui.presenters.calibrating import CalibrationPresenter

        presenter = CalibrationPresenter(self.session, self.parts.detectors)
        presenter.saved.connect(self._on_profile_saved)
        self._open(CalibrationDialog(presenter, self.theme, _window(self)))

    def _on_profile_saved(self, path: Path) -> None:
        from btd_desktop.examination.models import find_profile

        record = self.session.record
        if record is None:
            return
        shown = self.session.result
        # A profile of another model says nothing of this run: what is shown stays.
        if shown.evaluation is not None and shown.model is not None:
            saved = find_profile(str(path), shown.model)
            if saved.model.get("digest") != shown.model.digest:
                return
        self.parts.scoring.evaluate(record.series_id, str(path))

    def on_train(self) -> None:
        """Train a model on local genuine scans."""
        from btd_desktop.gui.dialogs.training_dialog import TrainingDialog
        from btd_desktop.gui.presenters.training import TrainingPresenter

        presenter = TrainingPresenter(self.session)
        self._open(TrainingDialog(presenter, self.theme, _window(self)))

    def on_settings(self) -> None:
        """Change preferences; none of them alters a score."""
        from btd_desktop.gui.dialogs.settings_dialog import SettingsDialog

        dialog = SettingsDialog(self.session.services.settings, _window(self))
        dialog.saved.connect(self._on_settings_saved)
        self._open(dialog)

    def _on_settings_saved(self, settings: Settings) -> None:
        from btd_desktop.gui.shell.appearance import chosen_theme
        from btd_desktop.workflow.services import Services

        self.session.services = Services(settings, self.session.services.clock)
        self.show_theme(chosen_theme(settings.theme))
        self.strip.show_notice("The settings were saved.")

    def on_about(self) -> None:
        """Version, licences, intended use."""
        from btd_desktop.gui.dialogs.about_dialog import AboutDialog

        self._open(AboutDialog(_window(self)))

    def _open(self, dialog: QDialog) -> None:
        from btd_desktop.gui.dialogs.form import only_default

        only_default(dialog)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()


def _free_name(folder: Path, stem: str) -> Path:
    """A name for a picture that is not taken yet."""
    names = (f"{stem}.png", *(f"{stem}-{n}.png" for n in range(2, 1000)))
    return next((folder / n for n in names if not (folder / n).exists()), folder / stem)


def _window(slots: object) -> QMainWindow:
    return cast(QMainWindow, slots)
