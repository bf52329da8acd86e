"""A series as the case keeps it: facts, findings and the examiner's statement."""

from __future__ import annotations

from btd_desktop.cases.model import SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.series import LoadedSeries
from btd_desktop.digest import array_digest, bytes_digest
from btd_desktop.preprocess.region_image import seen_regions
from btd_desktop.volume import SeriesFacts, Volume
from btd_desktop.workflow.services import Services


def add_series(store: CaseStore, loaded: LoadedSeries, services: Services) -> int:
    """Keep a series in the case; returns its id there.

    Raises:
        CaseError: The examiner states another modality than the one it was scored as.
    """
    known = _known_as_another(store, loaded)
    meta = facts_of(loaded.volume)
    if known is not None:
        # An import that states nothing does not take back a statement.
        if meta.modality_from == "examiner":
            store.restate_series(
                known.series_id,
                loaded.volume,
                now=services.now(),
                meta=meta,
                findings=loaded.findings,
            )
        return known.series_id
    patient = loaded.volume.source.patient_id or loaded.series_uid
    # A pseudonym that separates patients inside the case without naming them.
    key = bytes_digest(f"{store.info.case_id}/{patient}".encode("utf-8", "replace"))
    return store.add_series(
        loaded.volume,
        now=services.now(),
        series_uid=loaded.series_uid,
        description=loaded.description,
        meta=meta,
        findings=loaded.findings,
        record_names=loaded.record_names,
        patient_key=key[:16],
    )


def _known_as_another(store: CaseStore, loaded: LoadedSeries) -> SeriesRecord | None:
    """The series of the case with these values under another modality, or None.

    None too where the format names the modality: then nobody had to state it.
    """
    volume = loaded.volume
    if volume.source.modality_from is None:
        return None
    others = [
        series
        for series in store.series()
        if series.series_uid == loaded.series_uid and series.modality != volume.modality
    ]
    digest = array_digest(volume.voxels) if others else ""
    return next((s for s in others if s.volume_digest == digest), None)


def facts_of(volume: Volume) -> SeriesFacts:
    """Facts of a series, which calibration and the check of the scope compare.

    `thickness_mm` falls back to the slice distance; None when neither is known.
    """
    source = volume.source
    thickness = source.thickness_mm or volume.spacing_mm[0]
    return source.with_facts(
        modality=volume.modality,
        unit=volume.unit,
        manufacturer=source.manufacturer or "",
        model=source.model or "",
        kernel=source.kernel or "",
        lossy=bool(source.lossy),
        thickness_mm=round(float(thickness), 3) if thickness else source.thickness_mm,
        pixel_spacing_mm=round(volume.pixel_spacing_mm, 4),
        slice_step_mm=volume.spacing_mm[0],
        spacing_mm=volume.spacing_mm,
        seen_regions=seen_regions(volume),
    )
