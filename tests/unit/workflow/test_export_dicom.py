"""Results as DICOM: what other toolkits make of them, whom they name, refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from btd_desktop.calibration.scope import Coverage
from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.load import import_evidence
from btd_desktop.digest import file_digest
from btd_desktop.errors import EvidenceError, ReportError
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.export_dicom import DicomExport
from tests.outside_tools import program, told_by
from tests.unit.workflow.exported_case import (
    NAME,
    PATIENT,
    PDF,
    REDACTED_PDF,
    ExportedCase,
    make_exported_case,
    outcome_of,
)

FORENSIC = "FORENSIC, NOT FOR DIAGNOSTIC USE"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> ExportedCase:
    return make_exported_case(tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="module")
def full(case: ExportedCase, tmp_path_factory: pytest.TempPathFactory) -> DicomExport:
    return case.export(tmp_path_factory.mktemp("full") / "out")


@pytest.fixture(scope="module")
def redacted(
    case: ExportedCase, tmp_path_factory: pytest.TempPathFactory
) -> DicomExport:
    return case.export(tmp_path_factory.mktemp("redacted") / "out", redacted=True)


def read(export: DicomExport, name: str) -> Dataset:
    return pydicom.dcmread(export.folder / name)


def texts_of(dataset: Dataset) -> Iterator[str]:
    for item in [dataset, *items_of(dataset)]:
        if item.get("TextValue"):
            yield str(item.TextValue)


def items_of(dataset: Dataset) -> Iterator[Dataset]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield item
                yield from items_of(item)


def test_every_kind_of_object_is_written_and_recorded(case, full):
    assert [file.name for file in full.files] == [
        "series-1-map-1.dcm",
        "series-1-map-2.dcm",
        "series-1-flags.dcm",
        "series-1-results.dcm",
        *(f"series-1-place-{n}.dcm" for n in (1, 2, 3)),
        "series-1-report.dcm",
    ]
    with CaseStore.open(case.case, read_only=True) as store:
        (entry, *_) = store.audit_log("results exported as DICOM")
    told = {file["name"]: file["sha256"] for file in entry.details["files"]}
    for file in full.files:
        found = file_digest(full.folder / file.name)[0]
        assert file.sha256 == told[file.name] == found


def test_second_toolkits_find_no_error(full, redacted):
    verifier = program("dciodvfy", "dicom3tools")
    dump = program("dcm2json", "dcmtk")
    for export in (full, redacted):
        for file in export.files:
            path = export.folder / file.name
            told = told_by(verifier, path)
            assert not re.findall(r"^Error.*", told, re.MULTILINE), (file.name, told)
            elements = json.loads(told_by(dump, path).split("\n", 0)[0])
            assert elements["0020000D"]["Value"][0]


def test_verifier_would_find_an_error(full, tmp_path):
    verifier = program("dciodvfy", "dicom3tools")
    broken = read(full, "series-1-map-1.dcm")
    del broken.Laterality
    broken.save_as(tmp_path / "broken.dcm")
    with pytest.raises(AssertionError, match="Laterality"):
        told_by(verifier, tmp_path / "broken.dcm")


def test_objects_belong_to_the_study_in_series_of_their_own(case, full):
    sources = [pydicom.dcmread(p) for p in sorted(case.evidence.iterdir())]
    source = sources[0]
    taken = {str(s.SOPInstanceUID) for s in sources} | {str(source.SeriesInstanceUID)}
    series: dict[str, set[str]] = {}
    for file in full.files:
        written = read(full, file.name)
        for keyword in ("StudyInstanceUID", "PatientID", "PatientName"):
            assert written[keyword].value == source[keyword].value, file.name
        assert FORENSIC in written.SeriesDescription
        assert str(written.SOPInstanceUID) not in taken
        taken.add(str(written.SOPInstanceUID))
        kind = str(written.SOPClassUID)
        series.setdefault(kind, set()).add(str(written.SeriesInstanceUID))
    assert [len(uids) for uids in series.values()] == [1] * 5
    assert len({uid for uids in series.values() for uid in uids}) == 5
    assert source.SeriesInstanceUID not in {u for uids in series.values() for u in uids}


def test_objects_refer_to_all_source_images(case, full):
    sources = {
        str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)
        for path in case.evidence.iterdir()
    }
    for name in ("series-1-map-1.dcm", "series-1-results.dcm", "series-1-report.dcm"):
        found = {
            str(item.ReferencedSOPInstanceUID)
            for item in items_of(read(full, name))
            if "ReferencedSOPInstanceUID" in item
        }
        assert sources <= found, name


def test_map_lies_where_the_patches_lie_and_holds_their_scores(case, full):
    written = read(full, "series-1-map-1.dcm")
    evaluation = case.outcome.evaluation
    scores = np.stack(evaluation.kinds["anomaly"].patch_scores)
    groups = written.PerFrameFunctionalGroupsSequence
    heights = [
        float(g.PlanePositionSequence[0].ImagePositionPatient[2]) for g in groups
    ]
    order = np.argsort(heights)
    assert np.allclose(written.pixel_array[order], scores, rtol=1e-6)
    first = groups[int(order[0])].PlanePositionSequence[0].ImagePositionPatient
    # Centres 32 down and 30 along, between pixels of 1 mm.
    assert [float(x) for x in first] == [29.5, 31.5, 0.0]
    measures = written.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert [float(s) for s in measures.PixelSpacing] == [16.0, 16.0]


def test_flags_cover_the_patches_above_the_threshold_of_slices(case, full):
    written = read(full, "series-1-flags.dcm")
    labels = [s.SegmentLabel for s in written.SegmentSequence]
    assert labels == [
        "Patches above the threshold of slices",
        "Places above the threshold of places",
    ]
    evaluation = case.outcome.evaluation
    anomaly = evaluation.kinds["anomaly"]
    n_expected = sum(
        int((anomaly.patch_scores[i] > anomaly.slices[i].threshold).sum())
        for i in anomaly.flagged
    )
    segments = [
        g.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for g in written.PerFrameFunctionalGroupsSequence
    ]
    pixels = written.pixel_array
    by_search = sum(
        int(f.sum()) for f, n in zip(pixels, segments, strict=True) if n == 1
    )
    assert by_search == n_expected * 16 * 16
    # The searched place alone is flagged: 32 x 32 px around row 80, column 70.
    (place,) = [f for f, n in zip(pixels, segments, strict=True) if n == 2]
    rows, columns = np.nonzero(place)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (64, 95, 54, 85)


def test_structured_report_holds_scores_p_values_and_digests(case, full):
    written = read(full, "series-1-results.dcm")
    told = list(texts_of(written))
    evaluation = case.outcome.evaluation
    for digest in (
        evaluation.run.manifest.model["digest"],
        evaluation.profile.digest,
        evaluation.run.manifest_digest,
    ):
        assert any(digest in text for text in told)
    assert "Examiner's mark: dismissed" in told
    numbers = {
        str(item.ConceptNameCodeSequence[0].CodeMeaning): float(
            item.MeasuredValueSequence[0].NumericValue
        )
        for item in items_of(written)
        if item.get("MeasuredValueSequence")
    }
    assert numbers["p-value of anomaly score of the slice"] == 0.0064
    assert numbers["anomaly score of the slice"] == 3.0


def test_score_without_p_value_says_not_established_and_why(case, tmp_path):
    outcome = outcome_of(case.outcome.record, Coverage.NOT)
    export = case.export(tmp_path / "out", outcome=outcome)
    names = [file.name for file in export.files]
    assert names == [
        "series-1-map-1.dcm",
        "series-1-results.dcm",
        "series-1-report.dcm",
    ]
    written = read(export, "series-1-results.dcm")
    values = {
        str(item.ConceptNameCodeSequence[0].CodeMeaning): str(
            item.ConceptCodeSequence[0].CodeMeaning
        )
        for item in items_of(written)
        if item.get("ConceptCodeSequence") and item.get("ConceptNameCodeSequence")
    }
    assert values["p-value of anomaly score of the series"] == "Not established"
    assert any("not covered by the calibration" in text for text in texts_of(written))


def test_places_are_pictures_that_say_what_they_are_for(full):
    for n in (1, 2, 3):
        written = read(full, f"series-1-place-{n}.dcm")
        pixels = written.pixel_array
        assert pixels.shape[1] == 640
        # Words stand over the slice and below it.
        yellow = (pixels == (255, 219, 26)).all(axis=2)
        assert yellow[:24].sum() > 300
        assert yellow[640:].sum() > 300
        assert written.SourceImageSequence[0].ReferencedSOPInstanceUID


def test_report_comes_out_byte_for_byte(full, redacted):
    for export, pdf in ((full, PDF), (redacted, REDACTED_PDF)):
        written = read(export, "series-1-report.dcm")
        assert written.EncapsulatedDocument[: written.EncapsulatedDocumentLength] == pdf


def test_redacted_objects_name_nobody_and_no_study(case, redacted):
    source = pydicom.dcmread(next(case.evidence.iterdir()))
    secrets = (NAME, PATIENT, "NOBODY", str(source.StudyInstanceUID), "Dr. A. Example")
    for file in redacted.files:
        data = (redacted.folder / file.name).read_bytes()
        for secret in secrets:
            assert secret.encode() not in data, (file.name, secret)
        assert read(redacted, file.name).PatientID.startswith("patient-")


def test_results_are_never_taken_for_scans(full):
    found = import_evidence([full.folder], TaskContext())
    assert found.series == ()
    assert len(found.files) == len(full.files)


def test_same_clock_gives_the_same_bytes_and_evidence_is_not_touched(
    case, full, tmp_path
):
    def state() -> dict[Path, tuple[int, bytes]]:
        files = case.evidence.iterdir()
        return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in files}

    before = state()
    again = case.export(tmp_path / "out")
    assert again.files == full.files
    assert state() == before


def test_refusals_are_told_before_anything_is_written(case, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("x")
    with pytest.raises(ReportError, match="not empty"):
        case.export(tmp_path / "used")
    with pytest.raises(ReportError, match="among the evidence"):
        case.export(case.evidence / "out")
    with pytest.raises(ReportError, match="among the evidence"):
        case.export(case.case / "out")
    path = sorted(case.evidence.iterdir())[3]
    data = path.read_bytes()
    try:
        path.write_bytes(data[:-2] + b"\1\1")
        with pytest.raises(EvidenceError, match="has changed since it was imported"):
            case.export(tmp_path / "out")
    finally:
        path.write_bytes(data)
    report = case.case / "report-1.pdf"
    try:
        report.write_bytes(PDF + b" ")
        with pytest.raises(ReportError, match="changed since it was signed"):
            case.export(tmp_path / "out")
    finally:
        report.write_bytes(PDF)
    assert not (tmp_path / "out").exists()


def test_full_report_never_stands_in_for_the_redacted_one(case, tmp_path):
    report = case.case / "report-1-redacted.pdf"
    away = report.rename(tmp_path / report.name)
    try:
        with pytest.raises(ReportError, match=r"redacted.*cannot be read"):
            case.export(tmp_path / "out", redacted=True)
    finally:
        away.rename(report)
