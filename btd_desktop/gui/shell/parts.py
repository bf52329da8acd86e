"""All presenters of the window, and what they tell each other."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject

from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.answering import AnswerPresenter
from btd_desktop.gui.presenters.comparing import ComparePresenter
from btd_desktop.gui.presenters.detectors import Detectors
from btd_desktop.gui.presenters.display import DisplayPresenter
from btd_desktop.gui.presenters.findings import FindingsPresenter
from btd_desktop.gui.presenters.histogram import HistogramPresenter
from btd_desktop.gui.presenters.job_list import JobListPresenter
from btd_desktop.gui.presenters.measuring import MeasuringPresenter
from btd_desktop.gui.presenters.metadata import MetadataPresenter
from btd_desktop.gui.presenters.opening import OpeningPresenter
from btd_desktop.gui.presenters.overlays import OverlayPresenter
from btd_desktop.gui.presenters.placing import PlacingPresenter
from btd_desktop.gui.presenters.scoring import ScoringPresenter
from btd_desktop.gui.presenters.series import SeriesPresenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.presenters.slice_strip import StripPresenter
from btd_desktop.gui.presenters.slice_tags import TagsPresenter
from btd_desktop.gui.presenters.viewing import ViewingPresenter


@dataclass(frozen=True, slots=True)
class Parts:
    """The presenters; the window owns them.

    Attributes:
        session: What all look at.
        recent: Cases opened lately.
        detectors: Models opened so far.
        opening: Opens cases, imports evidence.
        series: Series of the case, and which is shown.
        scoring: Scores and evaluates series in the background.
        display: How pictures are shown.
        overlays: What lies over them.
        measuring: Measures, and lists what was measured.
        strip: All slices at a glance.
        comparing: A second series beside the one shown.
        viewing: States of the image views.
        placing: Scores the clicked place.
        histogram: This scan's scores among genuine ones.
        findings: Findings of the case, and changes to them.
        metadata: Facts of the series, and findings of its checks.
        tags: DICOM tags of the slice on screen.
        answering: The answer on the series, and the way through its places.
        job_list: What goes on in the background.
    """

    session: Session
    recent: RecentCases
    detectors: Detectors
    opening: OpeningPresenter
    series: SeriesPresenter
    scoring: ScoringPresenter
    display: DisplayPresenter
    overlays: OverlayPresenter
    measuring: MeasuringPresenter
    strip: StripPresenter
    comparing: ComparePresenter
    viewing: ViewingPresenter
    placing: PlacingPresenter
    histogram: HistogramPresenter
    findings: FindingsPresenter
    metadata: MetadataPresenter
    tags: TagsPresenter
    answering: AnswerPresenter
    job_list: JobListPresenter


def make_parts(session: Session, recent: RecentCases, parent: QObject) -> Parts:
    """Make the presenters and connect them with each other."""
    detectors = Detectors()
    # Before the views: slots run in the order of connecting, and viewing reads these.
    display = DisplayPresenter(session, parent)
    overlays = OverlayPresenter(session, parent)
    measuring = MeasuringPresenter(session, parent)
    scoring = ScoringPresenter(session, detectors, parent)
    parts = Parts(
        session=session,
        recent=recent,
        detectors=detectors,
        opening=OpeningPresenter(session, recent, parent),
        series=SeriesPresenter(session, parent),
        scoring=scoring,
        display=display,
        overlays=overlays,
        measuring=measuring,
        strip=StripPresenter(session, parent),
        comparing=ComparePresenter(session, display, parent),
        viewing=ViewingPresenter(session, display, overlays, measuring, parent),
        placing=PlacingPresenter(session, detectors, parent),
        histogram=HistogramPresenter(session, parent),
        findings=FindingsPresenter(session, parent),
        metadata=MetadataPresenter(session, parent),
        tags=TagsPresenter(session, parent),
        answering=AnswerPresenter(session, scoring, parent),
        job_list=JobListPresenter(session.jobs, parent),
    )
    parts.opening.imported.connect(parts.scoring.on_imported)
    parts.viewing.score_requested.connect(parts.placing.on_score_requested)
    parts.placing.changed.connect(parts.viewing.on_place_changed)
    parts.placing.place_scored.connect(parts.histogram.on_place_scored)
    return parts
