"""The dialogs of the window, each opened with what it needs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QMessageBox, QWidget

from btd_desktop.errors import BtdError, MissingPartError
from btd_desktop.gui.models.rows_table import RowsTable
from btd_desktop.gui.plain_text import sentence, visible_text
from btd_desktop.gui.presenters.opening import CaseProposal, ModalityQuestion
from btd_desktop.gui.shell.look import Look
from btd_desktop.gui.shell.parts import Parts
from btd_desktop.gui.shell.picture import free_name, save_picture
from btd_desktop.gui.shell.workspace import Workspace
from btd_desktop.gui.shortcuts_table import ShortcutTable
from btd_desktop.gui.views.shortcut_sheet import ShortcutSheet
from btd_desktop.settings import Settings
from btd_desktop.workflow.services import Services

if TYPE_CHECKING:
    import pyqtgraph as pg

    from btd_desktop.gui.dialogs.jobs_dialog import JobsDialog
    from btd_desktop.gui.presenters.calibrating import CalibrationPresenter
    from btd_desktop.gui.presenters.training import TrainingPresenter

TITLE = "BTD Desktop"


class Dialogs(QObject):
    """Opens dialogs over the window, which takes no input until they are closed.

    Jobs run on behind them. Each dialog is loaded when it is first wanted, so that the
    window opens at once.
    """

    def __init__(
        self,
        window: QWidget,
        parts: Parts,
        workspace: Workspace,
        look: Look,
        keys: ShortcutTable,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._parts = parts
        self._session = parts.session
        self._workspace = workspace
        self._look = look
        self._keys = keys
        self._sheet: ShortcutSheet | None = None
        # Kept while the window is: what they do goes on when their dialogs are closed.
        self._calibrating: CalibrationPresenter | None = None
        self._training: TrainingPresenter | None = None
        self._jobs: JobsDialog | None = None

    def show_error(self, error: BtdError) -> None:
        """Tell the examiner what happened and what to do."""
        box = QMessageBox(self._window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle(TITLE)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(sentence(visible_text(error.detail, keep_lines=True)))
        box.setInformativeText(sentence(visible_text(error.hint, keep_lines=True)))
        box.open()

    def ask_for_case(self, proposal: CaseProposal) -> None:
        """Ask where to store the case, then import."""
        from btd_desktop.gui.dialogs.case_dialog import CaseDialog

        dialog = CaseDialog(proposal, self._window)
        dialog.accepted.connect(self._on_case_accepted)
        self._open(dialog)

    def _on_case_accepted(self) -> None:
        from btd_desktop.gui.dialogs.case_dialog import CaseDialog

        dialog = self.sender()
        if isinstance(dialog, CaseDialog):
            self._parts.opening.on_case_chosen(dialog.choice)

    def ask_for_mandate(self) -> None:
        """Ask what is to be tested in the open case."""
        from btd_desktop.examination.declared import declared_in
        from btd_desktop.gui.dialogs.case_dialog import MandateDialog

        store = self._session.store
        if store is None:
            return
        dialog = MandateDialog(declared_in(store), self._window)
        dialog.declared.connect(self._parts.scoring.on_mandate_declared)
        self._open(dialog)

    def ask_for_modality(self, question: ModalityQuestion) -> None:
        """Ask whether series are CT or MR; the import waits for the answer."""
        from btd_desktop.gui.dialogs.modality_dialog import ModalityDialog

        self._open(ModalityDialog(question, self._window))

    def show_statement(self) -> None:
        """Show the import statement."""
        from btd_desktop.gui.dialogs.import_statement import ImportStatement

        state = self._parts.series.read_evidence()
        dialog = ImportStatement(state, self._look.theme, self._window)
        dialog.export_wanted.connect(partial(self._export_table, "import-statement"))
        self._open(dialog)

    def show_report(self) -> None:
        """Fill in the form, look at the pages, issue the report."""
        from btd_desktop.gui.dialogs.report_dialog import ReportDialog
        from btd_desktop.gui.presenters.reporting import ReportPresenter

        dialog = ReportDialog(ReportPresenter(self._session), self._window)
        dialog.verify_wanted.connect(self.verify)
        self._open(dialog)

    def verify(self, path: Path) -> None:
        """Verify a report."""
        from btd_desktop.gui.dialogs.verify_dialog import VerifyDialog
        from btd_desktop.gui.presenters.verifying import VerifyPresenter

        presenter = VerifyPresenter(self._session.jobs)
        self._open(VerifyDialog(presenter, self._window))
        presenter.on_report_chosen(path)

    def check_case(self) -> None:
        """Check audit log, records and arrays of the open case."""
        from btd_desktop.gui.dialogs.verify_dialog import CaseCheckDialog
        from btd_desktop.gui.presenters.verifying import CaseCheckPresenter

        presenter = CaseCheckPresenter(self._session)
        self._open(CaseCheckDialog(presenter, self._window))
        presenter.on_check_wanted()

    def export_picture(self) -> None:
        """Save the slice as a picture, without patient data unless wanted."""
        from btd_desktop.gui.dialogs.picture_dialog import PictureDialog

        dialog = PictureDialog(free_name(Path.home(), "slice"), self._window)
        dialog.picture_wanted.connect(self._on_picture_wanted)
        self._open(dialog)

    def _on_picture_wanted(self, path: Path, redacted: bool) -> None:
        view, record = self._workspace.mpr.views[0], self._session.record
        modality = "CT" if record is None else record.modality
        written = save_picture(view, modality, path, redacted=redacted)
        self._session.noticed.emit(
            f"Saved {path.name}." if written else f"{path.name} could not be written."
        )

    def show_timeline(self) -> None:
        """Show the audit log as a timeline."""
        from btd_desktop.gui.dialogs.audit_dialog import AuditDialog

        store = self._session.store
        if store is not None:
            dialog = AuditDialog(store.audit_log(), self._window)
            dialog.export_wanted.connect(partial(self._export_table, "audit-log"))
            self._open(dialog)

    def show_facts(self) -> None:
        """Show facts and checks of the series in full size."""
        from btd_desktop.gui.dialogs.facts_dialog import FactsDialog

        metadata = self._parts.metadata
        dialog = FactsDialog(metadata.state, self._look.theme, self._window)
        dialog.check_chosen.connect(metadata.on_check_chosen)
        dialog.export_wanted.connect(partial(self._export_table, "checks-and-facts"))
        self._open(dialog)

    def export_histogram(self, plot: pg.PlotWidget) -> None:
        """Write the scores among genuine scans to a file."""
        from btd_desktop.gui.shell.export_tables import histogram_table
        from btd_desktop.gui.shell.exports import export_plot

        numbers = histogram_table(self._parts.histogram.state)
        export_plot(self._window, self._session, plot, numbers, "scores")

    def export_profile(self, plot: pg.PlotWidget | None) -> None:
        """Write the values along the selected profile to a file."""
        from btd_desktop.gui.shell.export_tables import profile_table
        from btd_desktop.gui.shell.exports import export_plot

        profile = self._parts.measuring.state.profile
        if plot is None or profile is None:
            self._session.noticed.emit("Select a profile among the measurements first.")
            return
        numbers = profile_table(profile)
        export_plot(self._window, self._session, plot, numbers, "profile")

    def export_findings(self) -> None:
        """Write the findings of the case to a file."""
        from btd_desktop.gui.shell.export_tables import finding_table

        self._export_table("findings", finding_table(self._parts.findings.state))

    def export_measurements(self) -> None:
        """Write the measurements of the case to a file."""
        from btd_desktop.gui.shell.export_tables import measurement_table

        table = measurement_table(self._parts.measuring.state)
        self._export_table("measurements", table)

    def _export_table(self, stem: str, model: RowsTable) -> None:
        from btd_desktop.gui.shell.exports import export_table

        export_table(self._window, self._session, model, stem)

    def export_dicom(self) -> None:
        """Write the results of the open case as DICOM objects."""
        from btd_desktop.gui.dialogs.export_dialog import ExportDialog
        from btd_desktop.gui.presenters.exporting import ExportPresenter

        self._open(ExportDialog(ExportPresenter(self._session), self._window))

    def look_through(self, path: Path) -> None:
        """Look through the results of a sweep: its index, or the folder of it."""
        from btd_desktop.gui.dialogs.triage_dialog import TriageDialog
        from btd_desktop.gui.presenters.triage import TriagePresenter

        presenter = TriagePresenter(self._session)
        presenter.evidence_wanted.connect(self._parts.opening.on_paths_given)
        self._open(TriageDialog(presenter, self._window))
        presenter.on_index_chosen(path)

    def calibrate(self) -> None:
        """Calibrate on local genuine scans."""
        from btd_desktop.gui.dialogs.calibration_dialog import CalibrationDialog
        from btd_desktop.gui.presenters.calibrating import CalibrationPresenter

        if self._calibrating is None:
            self._calibrating = CalibrationPresenter(
                self._session, self._parts.detectors, self
            )
            self._calibrating.ready.connect(self._on_calibrated)
        presenter = self._calibrating
        dialog = CalibrationDialog(presenter, self._look.theme, self._window)
        dialog.use_wanted.connect(self.choose_calibration)
        self._open(dialog)

    def choose_calibration(self, profile: Path | None = None) -> None:
        """Choose which run and calibration speak for the series shown.

        Args:
            profile: File of the calibration to look at first; None takes what speaks.
        """
        from btd_desktop.gui.dialogs.choice_dialog import ChoiceDialog
        from btd_desktop.gui.presenters.choosing import ChoicePresenter

        presenter = ChoicePresenter(self._session, profile)
        presenter.wanted.connect(self._parts.scoring.on_candidate_wanted)
        self._open(ChoiceDialog(presenter, self._window))

    def _on_calibrated(self) -> None:
        from btd_desktop.gui.dialogs.calibration_dialog import CalibrationDialog

        if not self._window.findChildren(CalibrationDialog):
            self._session.noticed.emit(
                "The calibration is ready: look at it and save it with Tools, "
                "Calibrate on genuine scans."
            )

    def show_jobs(self) -> None:
        """Show what goes on in the background; the window stays usable."""
        from btd_desktop.gui.dialogs.form import fit_to_page
        from btd_desktop.gui.dialogs.jobs_dialog import JobsDialog

        if self._jobs is None:
            self._jobs = JobsDialog(self._parts.job_list, self._window)
        self._jobs.show()
        self._jobs.activateWindow()
        fit_to_page(self._jobs)

    def train(self) -> None:
        """Train a model on local genuine scans."""
        from btd_desktop.gui.dialogs.training_dialog import TrainingDialog
        from btd_desktop.gui.presenters.training import TrainingPresenter

        if self._training is None:
            self._training = TrainingPresenter(self._session, self)
        presenter = self._training
        self._open(TrainingDialog(presenter, self._look.theme, self._window))

    def change_settings(self) -> None:
        """Change the preferences of this computer."""
        from btd_desktop.gui.dialogs.settings_dialog import SettingsDialog

        dialog = SettingsDialog(self._session.services.settings, self._window)
        dialog.saved.connect(self._on_settings_saved)
        self._open(dialog)

    def _on_settings_saved(self, settings: Settings) -> None:
        self._session.services = Services(settings, self._session.services.now)
        self._look.choose(settings.theme)
        self._session.noticed.emit("The settings were saved.")

    def open_handbook(self) -> None:
        """Open the handbook that came with the program, in what shows pages here."""
        from btd_desktop.workflow.handbook import handbook_page

        try:
            page = handbook_page()
        except MissingPartError as error:
            self.show_error(error)
            return
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(page))):
            self._session.noticed.emit(f"Nothing here shows pages; open {page}.")

    def show_about(self) -> None:
        """Version, licences, intended use."""
        from btd_desktop.gui.dialogs.about_dialog import AboutDialog

        self._open(AboutDialog(self._window))

    def toggle_keys(self) -> None:
        """Show all keys over the window, or hide them."""
        if self._sheet is None:
            self._sheet = ShortcutSheet(self._keys, self._window)
            self._sheet.hide()
        if self._sheet.isVisible():
            self._sheet.hide()
        else:
            self._sheet.show_over(self._window)

    def hide_keys(self) -> bool:
        """Hide the sheet of keys; False where it was not shown."""
        shown = self._sheet is not None and self._sheet.isVisible()
        if shown and self._sheet is not None:
            self._sheet.hide()
        return shown

    def _open(self, dialog: QDialog) -> None:
        from btd_desktop.gui.dialogs.form import show_whole

        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        show_whole(dialog)
