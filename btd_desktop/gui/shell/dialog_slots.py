"""The actions of the window that open a dialog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFileDialog, QMainWindow

if TYPE_CHECKING:
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
        """Save the slice as shown, with everything drawn over it."""
        chosen, _ = QFileDialog.getSaveFileName(
            _window(self), "Export the slice as shown", "slice.png", "Pictures (*.png)"
        )
        if chosen:
            view = self.workspace.mpr.views[0]
            image = view.exhibit(view.width(), view.height(), 2.0)
            if image.save(chosen, "PNG"):  # type: ignore[call-overload]
                self.strip.show_notice(f"Saved {Path(chosen).name}.")
            else:
                self.strip.show_notice(f"{Path(chosen).name} could not be written.")

    def on_calibrate(self) -> None:
        """Calibrate on local genuine scans."""
        from btd_desktop.gui.dialogs.calibration_dialog import CalibrationDialog
        from btd_desktop.gui.presenters.calibrating import CalibrationPresenter

        presenter = CalibrationPresenter(self.session, self.parts.detectors)
        presenter.saved.connect(self._on_profile_saved)
        self._open(CalibrationDialog(presenter, self.theme, _window(self)))

    def _on_profile_saved(self, path: Path) -> None:
        from btd_desktop.calibration.profile import read_profile

        record = self.session.record
        if record is None:
            return
        shown = self.session.result.evaluation
        # A profile of another model says nothing of this run: what is shown stays.
        if shown is not None:
            model = shown.run.manifest["model"]["digest"]
            if read_profile(path).model.get("digest") != model:
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


def _window(slots: object) -> QMainWindow:
    return cast(QMainWindow, slots)
