"""DICOM header to `InstanceFacts`, for single- and multi-frame objects.

Runs in the parsing process. Enhanced objects keep geometry and rescale in functional
groups (PS3.3 C.7.6.16); the per-frame group wins over the shared one, and both over
the top level of the dataset.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from pydicom.uid import UID

from btd_desktop.dicom.elements import varying
from btd_desktop.dicom.instance import FrameFacts, InstanceFacts
from btd_desktop.dicom.safe_dataset import SafeDataset

_T = TypeVar("_T")
_MAX_FRAMES: Final = 100_000

TEXT_ELEMENTS: Final = {
    "sop_class_uid": "SOPClassUID",
    "sop_instance_uid": "SOPInstanceUID",
    "series_uid": "SeriesInstanceUID",
    "study_uid": "StudyInstanceUID",
    "frame_of_reference_uid": "FrameOfReferenceUID",
    "modality": "Modality",
    "photometric": "PhotometricInterpretation",
    "image_type": "ImageType",
    "description": "SeriesDescription",
    "protocol": "ProtocolName",
    "body_part": "BodyPartExamined",
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "software": "SoftwareVersions",
    "device_serial": "DeviceSerialNumber",
    "station": "StationName",
    "kernel": "ConvolutionKernel",
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "patient_sex": "PatientSex",
    "birth_date": "PatientBirthDate",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
    "series_date": "SeriesDate",
    "series_time": "SeriesTime",
    "acquisition_date": "AcquisitionDate",
    "acquisition_time": "AcquisitionTime",
    "content_date": "ContentDate",
    "content_time": "ContentTime",
    "creation_date": "InstanceCreationDate",
    "creation_time": "InstanceCreationTime",
    "deidentified": "PatientIdentityRemoved",
    "deidentification": "DeidentificationMethod",
    "dates_modified": "LongitudinalTemporalInformationModified",
    "rescale_type": "RescaleType",
    "lossy": "LossyImageCompression",
    "lossy_ratio": "LossyImageCompressionRatio",
    "lossy_method": "LossyImageCompressionMethod",
    "burned_in": "BurnedInAnnotation",
    "derivation": "DerivationDescription",
    "acquisition_matrix": "AcquisitionMatrix",
    "scan_options": "ScanOptions",
    "reconstruction": "ReconstructionAlgorithm",
}
NUMBER_ELEMENTS: Final = {
    "rows": "Rows",
    "columns": "Columns",
    "instance_number": "InstanceNumber",
    "series_number": "SeriesNumber",
    "kvp": "KVP",
    "gantry_tilt": "GantryDetectorTilt",
    "spacing_between_slices": "SpacingBetweenSlices",
    "slice_location": "SliceLocation",
    "reconstruction_diameter": "ReconstructionDiameter",
    "exposure": "Exposure",
    "tube_current": "XRayTubeCurrent",
    "echo_time": "EchoTime",
    "repetition_time": "RepetitionTime",
    "magnetic_field": "MagneticFieldStrength",
    "smallest_value": "SmallestImagePixelValue",
    "largest_value": "LargestImagePixelValue",
    "bits_allocated": "BitsAllocated",
    "bits_stored": "BitsStored",
    "high_bit": "HighBit",
    "pixel_representation": "PixelRepresentation",
}
PRIVATE_CREATOR: Final = "BTD DESKTOP"
"""Of the block that `write` marks its copies with."""


def read_facts(
    dataset: SafeDataset, transfer_syntax_uid: str, preamble: str
) -> InstanceFacts:
    """Facts of an instance; whatever cannot be read is absent and remarked on.

    Flags: `lossy` (said so, or a lossy transfer syntax), `signed` (carries DICOM
    digital signatures), `simulated` (written by this program and marked so),
    `modality_lut` (a table instead of slope and intercept), `uncalibrated_spacing`
    (only ImagerPixelSpacing is given), `nominal_spacing` (only that of a scanned film),
    `mosaic` (slices side by side in one picture).
    """
    elements = dataset.elements()  # first: what is read as text stays unread bytes
    text = _read_texts(dataset)
    creators = dataset.private_creators()
    if creators:
        text["private_creators"] = "\\".join(creators)
    text["sop_class"] = UID(text.get("sop_class_uid", "")).name or "unknown object"
    text["transfer_syntax"] = transfer_syntax_uid
    if preamble:
        text["preamble"] = preamble
    number = {
        name: value
        for name, keyword in NUMBER_ELEMENTS.items()
        if (value := dataset.number(keyword)) is not None
    }
    _add_real_world(dataset, text, number)
    return InstanceFacts(
        text=text,
        number=number,
        frames=_read_frames(dataset),
        window=_window(dataset),
        padding=_padding(dataset),
        flags=_flags(dataset, transfer_syntax_uid),
        remarks=tuple(dataset.remarks),
        elements=elements,
    )


def _read_texts(dataset: SafeDataset) -> dict[str, str]:
    text = {
        name: value
        for name, keyword in TEXT_ELEMENTS.items()
        if (value := dataset.text(keyword)) is not None
    }
    shared = dataset.item("SharedFunctionalGroupsSequence")
    group = None if shared is None else shared.item("CTReconstructionSequence")
    for name in ("kernel", "reconstruction"):
        value = None if group is None else group.text(TEXT_ELEMENTS[name])
        if name not in text and value is not None:
            text[name] = value
    types = _rescale_types(dataset)
    if types:
        text["rescale_type"] = "\\".join(sorted(types))
    return text


def _rescale_types(dataset: SafeDataset) -> set[str]:
    """RescaleType of the instance or of any of its frames (PS3.3 C.11.1.1.2)."""
    shared = dataset.items("SharedFunctionalGroupsSequence")
    groups = [*shared, *dataset.items("PerFrameFunctionalGroupsSequence")]
    holders = [dataset]
    holders += [
        item
        for group in groups
        if (item := group.item("PixelValueTransformationSequence")) is not None
    ]
    return {kind for item in holders if (kind := item.text("RescaleType")) is not None}


def _add_real_world(
    dataset: SafeDataset, text: dict[str, str], number: dict[str, float]
) -> None:
    """The first mapping to real-world values (PS3.3 C.7.6.16.2.11), as facts."""
    shared = dataset.item("SharedFunctionalGroupsSequence")
    for holder in (dataset, shared):
        found = None if holder is None else holder.item("RealWorldValueMappingSequence")
        if found is None:
            continue
        unit = found.item("MeasurementUnitsCodeSequence")
        code = None if unit is None else unit.text("CodeValue")
        text["real_world_unit"] = code or "not stated"
        for name, keyword in (
            ("real_world_slope", "RealWorldValueSlope"),
            ("real_world_intercept", "RealWorldValueIntercept"),
        ):
            value = found.number(keyword)
            if value is not None:
                number[name] = value
        return


def _read_frames(dataset: SafeDataset) -> tuple[FrameFacts, ...]:
    n_frames = min(max(dataset.integer("NumberOfFrames") or 1, 1), _MAX_FRAMES)
    base = _frame_from_groups([dataset])
    shared = dataset.item("SharedFunctionalGroupsSequence")
    per_frame = dataset.items("PerFrameFunctionalGroupsSequence")
    if shared is None and not per_frame:
        return (base,)
    frames = []
    # Frames beyond the last group share what that group says.
    for index in range(min(n_frames, max(1, len(per_frame)))):
        own = per_frame[index] if index < len(per_frame) else None
        groups = [group for group in (own, shared) if group is not None]
        frames.append(_frame_from_functional_groups(groups, dataset))
    own_elements = varying([group.elements() for group in per_frame[: len(frames)]])
    own_elements += [{}] * (len(frames) - len(own_elements))
    return tuple(
        replace(frame, phase=phase)
        for frame, phase in zip(frames, own_elements, strict=True)
    )


def _frame_from_groups(groups: list[SafeDataset]) -> FrameFacts:
    """Facts from the first of several datasets that has each element."""

    def first(read: Callable[[SafeDataset], _T | None]) -> _T | None:
        return next((v for group in groups if (v := read(group)) is not None), None)

    def sides(keyword: str) -> tuple[float, ...] | None:
        return first(lambda group: group.sides(keyword))

    def single(keyword: str) -> float | None:
        """Of the first group that holds the element, usable or not."""
        holders = (group for group in groups if group.has(keyword))
        holder = next(holders, None)
        return None if holder is None else holder.single(keyword)

    return FrameFacts(
        position=first(lambda group: group.numbers("ImagePositionPatient", 3)),
        orientation=first(lambda group: group.numbers("ImageOrientationPatient", 6)),
        # Of the patient, of the detector, of a scanned film: the flags say which.
        spacing=sides("PixelSpacing")
        or sides("ImagerPixelSpacing")
        or sides("NominalScannedPixelSpacing"),
        slope=single("RescaleSlope"),
        intercept=single("RescaleIntercept"),
        thickness_mm=first(lambda group: group.number("SliceThickness")),
    )


_GROUP_SEQUENCES: Final = (
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "FrameContentSequence",
    "MREchoSequence",
    "MRDiffusionSequence",
    "CTImageFrameTypeSequence",
    "MRImageFrameTypeSequence",
)


def _frame_from_functional_groups(
    groups: list[SafeDataset], dataset: SafeDataset
) -> FrameFacts:
    items = [
        item
        for group in groups
        for sequence in _GROUP_SEQUENCES
        if (item := group.item(sequence)) is not None
    ]
    return _frame_from_groups([*items, dataset])


def _window(dataset: SafeDataset) -> tuple[float, ...] | None:
    shared = dataset.item("SharedFunctionalGroupsSequence")
    voi = None if shared is None else shared.item("FrameVOILUTSequence")
    for source in (dataset, voi):
        if source is None:
            continue
        centre, width = source.number("WindowCenter"), source.number("WindowWidth")
        if centre is not None and width is not None and width >= 1:
            return centre, width
    return None


def _padding(dataset: SafeDataset) -> tuple[float, ...] | None:
    value = dataset.number("PixelPaddingValue")
    if value is None:
        return None
    limit = dataset.number("PixelPaddingRangeLimit")
    limit = value if limit is None else limit
    return min(value, limit), max(value, limit)


_LOSSY_SYNTAXES: Final = frozenset(
    "1.2.840.10008.1.2.4." + tail
    for tail in ("50", "51", "52", "53", "54", "55", "56", "81", "91", "93", "203")
)


def _flags(dataset: SafeDataset, transfer_syntax_uid: str) -> tuple[str, ...]:
    says = dataset.text("LossyImageCompression")
    lossy_syntax = transfer_syntax_uid in _LOSSY_SYNTAXES
    # JPEG 2000 (.91) and HTJ2K (.203) can be reversible; then the file says "00".
    if transfer_syntax_uid.endswith((".91", ".93", ".203")) and says == "00":
        lossy_syntax = False
    no_spacing = not dataset.has("PixelSpacing")
    checks = {
        "lossy": says == "01" or lossy_syntax,
        "signed": dataset.has("DigitalSignaturesSequence"),
        "modality_lut": dataset.has("ModalityLUTSequence"),
        "uncalibrated_spacing": dataset.has("ImagerPixelSpacing") and no_spacing,
        "nominal_spacing": dataset.has("NominalScannedPixelSpacing")
        and no_spacing
        and not dataset.has("ImagerPixelSpacing"),
        "mosaic": _is_mosaic(dataset),
        "simulated": dataset.has_private_creator(PRIVATE_CREATOR),
    }
    return tuple(code for code, found in checks.items() if found)


def _is_mosaic(dataset: SafeDataset) -> bool:
    """Siemens says so in ImageType, and in its own block how many slices there are."""
    if "MOSAIC" in (dataset.text("ImageType") or "").upper().split("\\"):
        return True
    n_tiles = dataset.private_number(0x0019, "SIEMENS MR HEADER", 0x0A)
    return n_tiles is not None and n_tiles > 1
