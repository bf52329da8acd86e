"""A report content with every part filled, made of random but seeded numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.digest import bytes_digest, tree_digest
from btd_desktop.report.content import (
    Alternative,
    AuditAnchor,
    Calibration,
    Component,
    ContainerItem,
    CustodyEvent,
    Exhibit,
    ExhibitFigure,
    ExhibitScore,
    Fact,
    FileItem,
    FlaggedSlice,
    ItemsReceived,
    LevelCalibration,
    LevelResult,
    Mandate,
    Method,
    Opinion,
    ReportContent,
    ReportIdentity,
    Reproduction,
    ScopeVerdict,
    SeriesExamined,
    SeriesFigure,
    SeriesFinding,
    SeriesResult,
    ValidationFact,
)

WHEN = datetime(2026, 11, 24, 9, 30, 15, tzinfo=UTC)
SERIES_UID = "1.2.826.0.1.3680043.8.498.12345678901234567890123456789012"


def digest(text: str) -> str:
    return bytes_digest(text.encode())


def make_files(n: int = 12) -> tuple[FileItem, ...]:
    accepted = tuple(
        FileItem(f"CT/IM{i:04d}.dcm", 526_336 + i, digest(f"file {i}"), "accepted")
        for i in range(n)
    )
    return (
        *accepted,
        FileItem("README.txt", 812, digest("readme"), "not an image", "plain text"),
        FileItem(
            "CT/IM0099.dcm", 10_240, digest("cut"), "damaged",
            "pixel data end after 9,812 of 524,288 bytes",
        ),
        FileItem(
            "CT/copy of IM0001.dcm", 526_337, digest("file 1"), "duplicate",
            "same bytes as CT/IM0001.dcm",
        ),
    )  # fmt: skip


def make_items(files: tuple[FileItem, ...] | None = None) -> ItemsReceived:
    files = make_files() if files is None else files
    return ItemsReceived(
        files=files,
        tree_digest=tree_digest((f.name, f.sha256 or "") for f in files),
        containers=(
            ContainerItem(
                "patient folder", "folder", len(files), sum(f.size_bytes for f in files)
            ),
        ),
        received="USB stick handed over by the client on 20 November 2026, sealed",
        findings=("One file is present twice under different names.",),
    )


def make_series(number: int = 1, **changes: Any) -> SeriesExamined:
    series = SeriesExamined(
        number=number,
        description="THORAX 1.0 B60f",
        modality="CT",
        series_instance_uid=SERIES_UID,
        n_slices=96,
        n_rows=512,
        n_columns=512,
        spacing_mm=(1.0, 0.7031, 0.7031),
        unit="HU",
        volume_digest=digest("volume"),
        patient="DOE^JANE, born 1970-01-01, ID 4711",
        facts=(
            Fact("Scanner", "SIEMENS Sensation 64"),
            Fact("Reconstruction kernel", "B60f"),
            Fact("Slice thickness", "1 mm"),
            Fact("Acquired", "2025-03-14 10:22:31"),
            Fact("Transfer syntax", "Explicit VR Little Endian"),
        ),
        findings=(
            SeriesFinding(
                "note",
                "InstanceNumber runs against the position of the slices; the order of"
                " the positions was used.",
            ),
            SeriesFinding(
                "discrepancy",
                "Slice 57: SOP Instance UID has another root than its neighbours, as"
                " other software would write it.",
            ),
        ),
    )
    return replace(series, **changes)


def make_method() -> Method:
    return Method(
        method_id="M1",
        model_name="ct-lean-wide 1",
        weights_digest=digest("weights"),
        card_digest=digest("card"),
        network="lean convolutional network, three levels of 24/48/96 channels,"
        " 358,553 parameters",
        training_data="62 chest CT series of 62 patients from 9 scanner groups",
        credits="LIDC-IDRI (CC BY 3.0) and further collections, see the model card",
        preset="ct-wide",
        preprocessing=(
            Fact("Clip", "−1024 to 1000 HU"),
            Fact("Scale", "to 0…1, integer HU kept"),
        ),
        noise_levels=(0.01, 0.0173, 0.03, 0.055, 0.1),
        patch_size=96,
        stride=32,
        score_definition="Squared Mahalanobis distance of 20 features of the noise"
        " prediction from genuine patches; two-sided: higher means less like genuine.",
        device="CPU",
        dtype="bfloat16",
        torch_version="2.13.0",
        n_threads=2,
    )


def make_calibration() -> Calibration:
    return Calibration(
        profile_name="ct-lean-wide 1, calib split",
        profile_digest=digest("profile"),
        created=WHEN,
        n_patients=24,
        n_series=24,
        n_slices=3_112,
        n_patches=48_230,
        scanner_mix=("SIEMENS Sensation 64, B60f: 11", "GE LightSpeed VCT, LUNG: 13"),
        target_fpr=0.05,
        levels=(
            LevelCalibration(
                "patch", 31.2, 48_230, 0.05, (0.0481, 0.052), 1 / 48_231,
                held_out_fpr_range=(0.0, 0.112),
            ),
            LevelCalibration(
                "slice", 44.1, 3_112, 0.05, (0.0426, 0.0583), 1 / 3_113,
                held_out_fpr_range=(0.0, 0.14),
            ),
            LevelCalibration("series", 88.0, 24, 0.04, (0.001, 0.211), 1 / 25),
        ),
        remarks=(
            "24 patients cannot support an FPR below 4 % for a whole series.",
        ),
    )  # fmt: skip


def make_exhibit(label: str = "E1", *, figure: bool = True) -> Exhibit:
    return Exhibit(
        label=label,
        slice_number=48,
        column=212,
        row=301,
        world_mm=(-61.4, 32.7, -188.0),
        sop_instance_uid=f"{SERIES_UID[:-4]}.48",
        mode="injection",
        scores=(
            ExhibitScore(
                "anomaly score", "20 features, two-sided", 97.3, 4.1e-5, 48_230, 31.2,
                True,
            ),
            ExhibitScore(
                "injection score (paper)", "mean F² over the centre 32×32", 0.0133,
                0.012, 48_230, 0.0141, False,
            ),
            ExhibitScore(
                "removal score (paper)", "mean F² over the whole patch", 0.0102, 0.31,
                48_230, 0.0139, False,
            ),
        ),
        note="Round density without vessels leading to it; edge smoother than others.",
        status="to be checked",
        figure=make_exhibit_figure() if figure else None,
    )  # fmt: skip


def make_exhibit_figure(*, seed: int = 7, p_map: bool = True) -> ExhibitFigure:
    rng = np.random.default_rng(seed)
    image = _chest(rng)
    rows, columns = slice(237, 365), slice(148, 276)
    residual = rng.normal(0, 0.02, (128, 128)).astype(np.float32)
    y, x = np.mgrid[:128, :128]
    disc = (y - 64) ** 2 + (x - 64) ** 2 < 12**2
    residual[disc] *= 0.2
    residual[disc] -= 0.03
    p = np.where(disc, 0.0008, 0.4).astype(np.float32)
    return ExhibitFigure(
        crop=image[rows, columns],
        crop_origin=(148, 237),
        residual=residual,
        box=(164, 253, 96, 96),
        window=(-600.0, 1500.0),
        pixel_mm=(0.7031, 0.7031),
        slice_image=image,
        p_map=p if p_map else None,
        benign_scores=np.sort(rng.chisquare(20, 48_230)),
        score=97.3,
        threshold=31.2,
        orientation=("R", "L", "A", "P"),
    )


def _chest(rng: np.random.Generator) -> NDArray[np.float32]:
    y, x = np.mgrid[:512, :512]
    image = np.full((512, 512), -1000.0, dtype=np.float32)
    image[((y - 256) / 180) ** 2 + ((x - 256) / 230) ** 2 < 1] = 40
    for centre in (150, 362):
        image[((y - 256) / 130) ** 2 + ((x - centre) / 80) ** 2 < 1] = -860
    image[(y - 301) ** 2 + (x - 212) ** 2 < 10**2] = 20
    image += rng.normal(0, 35, image.shape).astype(np.float32)
    return image


def make_result(number: int = 1, **changes: Any) -> SeriesResult:
    rng = np.random.default_rng(number)
    slice_scores = rng.gamma(9, 3.0, 96)
    slice_scores[44:52] += np.array([12, 25, 40, 61, 70, 44, 30, 14])
    flagged = tuple(
        FlaggedSlice(
            slice_number=int(i) + 1,
            score=float(slice_scores[i]),
            p_value=0.0011,
            sop_instance_uid=f"{SERIES_UID[:-4]}.{int(i) + 1}",
            z_mm=-235.0 + float(i),
            place=(212, 301),
        )
        for i in np.flatnonzero(slice_scores > 44.1)
    )
    result = SeriesResult(
        series_number=number,
        method_id="M1",
        calibration_digest=digest("profile"),
        scope=ScopeVerdict(
            "partly covered", ("Slice thickness 1 mm lies between those covered.",)
        ),
        levels=(
            LevelResult("patch", 97.3, 4.1e-5, 48_230, 31.2, True),
            LevelResult("slice", 97.0, 1 / 3_113, 3_112, 44.1, True),
            LevelResult("series", 97.3, 0.04, 24, 88.0, True),
        ),
        n_slices_scored=96,
        flagged_slices=flagged,
        slice_fpr=0.05,
        exhibits=(make_exhibit(),),
        figure=SeriesFigure(slice_scores, rng.gamma(9, 3.0, 3_112), 44.1),
    )
    return replace(result, **changes)


def uncovered_result(number: int = 1) -> SeriesResult:
    """A series that the calibration does not cover: no p-value anywhere."""
    result = make_result(number)
    exhibit = make_exhibit(figure=False)
    return replace(
        result,
        calibration_digest=None,
        scope=ScopeVerdict("not covered", ("No profile holds this scanner.",)),
        levels=tuple(
            LevelResult(level.level, level.score, None, 0, None, None)
            for level in result.levels
        ),
        flagged_slices=(),
        slice_fpr=None,
        exhibits=(
            replace(
                exhibit,
                scores=tuple(
                    replace(s, p_value=None, n=0, threshold=None, is_flagged=None)
                    for s in exhibit.scores
                ),
            ),
        ),
        figure=None,
    )


def make_content(**changes: Any) -> ReportContent:
    content = ReportContent(
        identity=ReportIdentity(
            report_id="R-2026-0007-1",
            created=WHEN,
            created_local="2026-11-24 10:30:15 +01:00",
            software_version="0.1.0",
            software_commit="cab0b5d",
        ),
        mandate=Mandate(
            case_number="2026/117",
            client="District Court, 3rd Civil Chamber",
            examiner="Dr. A. Example",
            question="Were nodules added to or removed from the chest CT of 14 March"
            " 2025 after it was made?",
            examiner_role="Forensic imaging, Example Laboratory",
        ),
        items=make_items(),
        series=(make_series(),),
        methods=(make_method(),),
        calibrations=(make_calibration(),),
        results=(make_result(),),
        opinion=Opinion(
            conclusion="supports",
            sentences=(
                "At slice 48 the image data differ from those of genuine scans of the"
                " same kind in the way that tampered image data do.",
            ),
            remarks="To be read together with the statement of the radiologist.",
            would_change=(
                "The raw data or an independent copy of the series from the archive.",
            ),
        ),
        reproduction=Reproduction(
            commands=(
                "btd examine 'patient folder' --out case --model ct-lean-wide-1",
                "btd score case --at 212,301,48 --mode injection --json",
            ),
            manifest_digest=digest("manifest"),
            result_digest=digest("results"),
            remark="On another CPU scores may differ by 1e-5 of their value.",
        ),
        custody=(
            CustodyEvent(WHEN, "A. Example", "Imported read-only", digest("tree")),
        ),
        validation=(
            ValidationFact(
                "M1", "nodule of another patient, blended", "CT", 5, 0.87, (0.79, 0.93),
                0.41, 0.01, 750, "unseen scanners",
            ),
            ValidationFact(
                "M1", "in-painted away, copied noise", "CT", 5, 0.93, (0.88, 0.97),
                n_samples=750,
            ),
        ),
        not_validated=("MR of the breast: no scans were to be had.",),
        alternatives=(
            Alternative("metal", True, "none in the series"),
            Alternative("motion", True, "breathing artefact at slices 80 to 88"),
            Alternative("lossy compression"),
        ),
        limitations=(
            "The calibration holds 24 patients; error rates per series are coarse.",
            "The calibration covers the slice thickness of this series only in part.",
        ),
        audit=AuditAnchor(digest("audit"), 214),
        components=(Component("torch", "2.13.0", "BSD-3-Clause"),
                    Component("pydicom", "3.0.2", "MIT")),
    )  # fmt: skip
    return replace(content, **changes)
