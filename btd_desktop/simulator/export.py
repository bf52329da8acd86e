"""Simulated series as DICOM files that say what they are.

Manufacturer and description name the simulator; a tampered copy is written as derived,
so that none of these files can pass as evidence.
"""

from __future__ import annotations

from pathlib import Path

from btd_desktop.volume import Volume


def export_series(
    volume: Volume,
    folder: Path,
    *,
    patient_id: str,
    series_description: str,
    uid_seed: str,
    derived: str | None = None,
) -> tuple[Path, ...]:
    """Write a simulated volume as a DICOM series into `folder`.

    Args:
        volume: Simulated scan; its source names the simulator as the manufacturer.
        folder: Made when missing.
        patient_id: PatientID and, as "SIMULATED^ID", the patient's name.
        series_description: SeriesDescription.
        uid_seed: Text that all UIDs are derived from; one text, one set of UIDs.
        derived: What was changed, for a tampered copy; None for an untouched scan.

    Returns:
        The files in slice order.
    """
    # Imported late: listing profiles or simulating in memory needs no DICOM.
    from btd_desktop.dicom.write import write_series

    source = volume.source
    headers = {
        "PatientID": patient_id,
        "PatientName": f"SIMULATED^{patient_id}",
        "StationName": "BTD-SIMULATOR",
        "InstitutionName": "BTD SIMULATED DATA",
        "StudyDescription": "BTD simulated scan, no patient",
        "SeriesDescription": series_description,
        "SliceThickness": f"{source.thickness_mm or 0.0:g}",
    }
    if volume.modality == "CT":
        headers["KVP"] = f"{source.kvp or 120.0:g}"
    if volume.modality == "MR":
        headers["ScanningSequence"] = "SE"
        headers["RepetitionTime"] = f"{float(source.other.get('tr_ms', 0.0)):g}"
        headers["EchoTime"] = f"{float(source.other.get('te_ms', 0.0)):g}"
    return write_series(
        volume,
        folder,
        headers=headers,
        uid_seed=uid_seed,
        derived=derived,
        compress=True,
    )
