"""Places and scores as a Measurement Report (PS3.16 TID 1500, Comprehensive 3D SR).

A score without a p-value says "Not established" in its place, and why in words: nothing
that reads this report may take silence for a result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from btd_desktop.dicom.output.envelope import (
    FORENSIC,
    MANUFACTURER,
    Envelope,
    concept,
    file_bytes,
)
from btd_desktop.dicom.output.origin import Origin

_KIND: Final = "structured report"
_NOT_ESTABLISHED: Final = concept("not-established", "Not established")
_ANSWERS: Final = {
    True: concept("flagged", "Above the threshold"),
    False: concept("not-flagged", "Not above the threshold"),
    None: concept("no-threshold", "No threshold applies"),
}
_PROCEDURE: Final = concept("alteration", "Examination of image data for alteration")
_LONGEST_TEXT: Final = 1024


@dataclass(frozen=True, slots=True)
class ReportedScore:
    """One score with what is known of it.

    Attributes:
        name: Code, such as "anomaly" or "slice".
        label: In words, at most 64 characters less "p-value of ".
        value: The score, without unit.
        p_value: Its p-value; None where none is established.
        reason: Why there is none; "" where there is one.
        ranked: What it was ranked among, in words; "" where it was not.
        threshold: Threshold of the profile; None where none applies.
        flagged: Whether it lies above it; None without threshold.
    """

    name: str
    label: str
    value: float
    p_value: float | None
    reason: str
    ranked: str
    threshold: float | None
    flagged: bool | None


@dataclass(frozen=True, slots=True)
class ReportedPlace:
    """One place.

    Attributes:
        label: What the report calls it.
        slice_index: From 0.
        box: (row, column, height, width) of the patch scored, in pixels.
        scores: Its scores.
        words: What else is to be told: the examiner's mark, its note, copied noise.
    """

    label: str
    slice_index: int
    box: tuple[int, int, int, int]
    scores: tuple[ReportedScore, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportedSeries:
    """What is told of a series.

    Attributes:
        method: Name of the model.
        digests: "name: digest" of model, profile, run and report, a text each.
        scores: Scores of the series.
        words: The conclusion, sentence by sentence.
        places: Its places.
        examiner: Who examined; "" where nobody is named.
    """

    method: str
    digests: tuple[str, ...]
    scores: tuple[ReportedScore, ...]
    words: tuple[str, ...]
    places: tuple[ReportedPlace, ...]
    examiner: str


def structured_report(
    origin: Origin, envelope: Envelope, told: ReportedSeries
) -> bytes:
    """The file; it refers to every slice, and each place to its own."""
    groups: list[Any] = [_series_group(origin, envelope, told)]
    groups += [_place_group(origin, envelope, told, place) for place in told.places]
    content = sr.MeasurementReport(
        observation_context=_context(envelope, told),
        procedure_reported=_PROCEDURE,
        imaging_measurements=groups,
    )
    dataset: Dataset = sr.Comprehensive3DSR(
        evidence=origin.images,
        content=content,
        **envelope.series(_KIND, 2),
        **envelope.instance(_KIND),
        **envelope.equipment,
        is_complete=True,
        is_final=True,
    )
    return file_bytes(dataset, origin, envelope, f"BTD results. {FORENSIC}")


def _context(envelope: Envelope, told: ReportedSeries) -> sr.ObservationContext:
    device = sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=envelope.uid("device"),
            name=MANUFACTURER,
            manufacturer_name=MANUFACTURER,
            model_name=envelope.equipment["manufacturer_model_name"],
        ),
    )
    if not told.examiner:
        return sr.ObservationContext(observer_device_context=device)
    person = sr.ObserverContext(
        observer_type=codes.DCM.Person,
        observer_identifying_attributes=sr.PersonObserverIdentifyingAttributes(
            name=_person_name(told.examiner),
        ),
    )
    return sr.ObservationContext(
        observer_person_context=person, observer_device_context=device
    )


def _person_name(text: str) -> str:
    """A name as PN takes it: one group of components, the last one closed."""
    plain = text.replace("\\", " ").replace("=", " ")[:63]
    return plain if "^" in plain else f"{plain}^"


def _algorithm(envelope: Envelope, told: ReportedSeries) -> sr.AlgorithmIdentification:
    return sr.AlgorithmIdentification(
        name=told.method, version=envelope.version, parameters=told.digests
    )


def _series_group(
    origin: Origin, envelope: Envelope, told: ReportedSeries
) -> sr.MeasurementsAndQualitativeEvaluations:
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=envelope.uid("tracking of the series"), identifier="Series"
        ),
        finding_type=concept("series", "Series examined for alteration"),
        algorithm_id=_algorithm(envelope, told),
        measurements=list(_measurements(told.scores)),
        qualitative_evaluations=list(_evaluations(told.scores)),
        source_images=[
            sr.SourceImageForMeasurementGroup(image.SOPClassUID, image.SOPInstanceUID)
            for image in origin.images
        ],
    )
    _add_words(group, (FORENSIC, *told.words, *_reasons(told.scores)))
    return group


def _place_group(
    origin: Origin, envelope: Envelope, told: ReportedSeries, place: ReportedPlace
) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    source = origin.images[place.slice_index]
    row, column, height, width = place.box
    corners = [
        (column, row),
        (column + width, row),
        (column + width, row + height),
        (column, row + height),
        (column, row),
    ]
    region = sr.ImageRegion(
        graphic_type=sr.GraphicTypeValues.POLYLINE,
        graphic_data=np.array(corners, dtype=np.float64),
        source_image=sr.SourceImageForRegion(
            referenced_sop_class_uid=source.SOPClassUID,
            referenced_sop_instance_uid=source.SOPInstanceUID,
        ),
    )
    group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=envelope.uid(f"tracking of {place.label}"), identifier=place.label
        ),
        referenced_region=region,
        finding_type=concept("place", "Place examined for alteration"),
        algorithm_id=_algorithm(envelope, told),
        measurements=list(_measurements(place.scores)),
        qualitative_evaluations=list(_evaluations(place.scores)),
    )
    _add_words(group, (*place.words, *_reasons(place.scores)))
    return group


def _measurements(scores: Sequence[ReportedScore]) -> Iterator[sr.Measurement]:
    for score in scores:
        yield _number(score.name, score.label, score.value)
        if score.threshold is not None:
            name, label = f"{score.name}-threshold", f"Threshold of {score.label}"
            yield _number(name, label, score.threshold)
        if score.p_value is not None:
            name, label = f"{score.name}-p", f"p-value of {score.label}"
            yield _number(name, label, score.p_value)


def _number(name: str, label: str, value: float) -> sr.Measurement:
    # Six digits, so that the text of the number fits the 16 characters of a DS.
    return sr.Measurement(
        name=concept(name, label[:64]),
        value=float(f"{value:.6g}"),
        unit=codes.UCUM.NoUnits,
    )


def _evaluations(
    scores: Sequence[ReportedScore],
) -> Iterator[sr.QualitativeEvaluation]:
    for score in scores:
        flag = concept(f"{score.name}-flag", f"Flag of {score.label}"[:64])
        yield sr.QualitativeEvaluation(name=flag, value=_ANSWERS[score.flagged])
        if score.p_value is None:
            name = concept(f"{score.name}-p", f"p-value of {score.label}"[:64])
            yield sr.QualitativeEvaluation(name=name, value=_NOT_ESTABLISHED)


def _reasons(scores: Sequence[ReportedScore]) -> Iterator[str]:
    for score in scores:
        if score.p_value is None:
            yield f"p-value of {score.label}: not established ({score.reason})"
        elif score.ranked:
            yield f"{score.label}: ranked among {score.ranked}"


def _add_words(group: Sequence[Dataset], words: Sequence[str]) -> None:
    """Comments at the end of a group, which TID 1501 and 1410 allow."""
    for text in words:
        item = sr.TextContentItem(
            name=codes.DCM.Comment,
            value=text[:_LONGEST_TEXT],
            relationship_type=sr.RelationshipTypeValues.CONTAINS,
        )
        group[0].ContentSequence.append(item)
