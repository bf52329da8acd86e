"""Findings of the checks for datasets built in a test, without the parsing process."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset

from btd_desktop.dicom.assemble import Instance, assemble_series
from btd_desktop.dicom.instance import FrameFacts, InstanceFacts
from btd_desktop.dicom.instance_file import parse_instance
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.series import LoadedSeries, SeriesFinding
from btd_desktop.dicom.stack import Slice
from btd_desktop.digest import array_digest
from tests.unit.dicom.samples import ct_slice, file_bytes, picture


def instances(datasets: Iterable[FileDataset | bytes]) -> list[Instance]:
    """Datasets as the import hands them on, read from their own bytes."""
    made = []
    for index, dataset in enumerate(datasets):
        data = dataset if isinstance(dataset, bytes) else file_bytes(dataset)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as the parsing process has it
            parsed = parse_instance(data, DEFAULT_LIMITS)
        assert parsed.facts is not None, parsed.reason
        assert parsed.pixels is not None, parsed.reason
        digest = array_digest(parsed.pixels)
        made.append(Instance(f"{index}.dcm", parsed.facts, parsed.pixels, digest))
    return made


def assembled(datasets: Iterable[FileDataset | bytes]) -> list[LoadedSeries]:
    """Series of the datasets."""
    return assemble_series(instances(datasets), {})


def findings(datasets: Iterable[FileDataset | bytes]) -> tuple[SeriesFinding, ...]:
    """Findings of the one series of the datasets."""
    (series,) = assembled(datasets)
    return series.findings


def only(found: Iterable[SeriesFinding], code: str) -> SeriesFinding:
    """The one finding of a code."""
    (finding,) = [finding for finding in found if finding.code == code]
    return finding


def codes_of(found: Iterable[SeriesFinding]) -> set[str]:
    """Codes of findings."""
    return {finding.code for finding in found}


def stack_of(n_slices: int, **more: Any) -> list[FileDataset]:
    """CT slices 2 mm apart that no check warns of."""
    return [ct_slice(2.0 * index, index + 1, **more) for index in range(n_slices)]


def uid_of(dataset: FileDataset) -> str:
    """Its SOP Instance UID."""
    return str(dataset.SOPInstanceUID)


def bare_slice(
    stored: NDArray[Any] | None = None,
    *,
    uid: str = "1.2.3",
    text: dict[str, str] | None = None,
    number: dict[str, float] | None = None,
    **more: Any,
) -> Slice:
    """A slice with these facts and nothing else."""
    facts = InstanceFacts(
        text={"modality": "CT", **(text or {})},
        number=number or {},
        frames=(FrameFacts(),),
    )
    facts = dataclasses.replace(facts, **more)
    values = picture(1) if stored is None else stored
    return Slice(
        uid=uid,
        record_name=uid,
        facts=facts,
        frame=facts.frames[0],
        frame_index=0,
        stored=values,
        pixel_sha256=array_digest(np.ascontiguousarray(values)[np.newaxis]),
    )
