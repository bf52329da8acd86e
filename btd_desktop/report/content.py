"""Everything a report says, without a word about how it looks.

`workflow` fills a `ReportContent` from the case; `layout` prints it; `to_json` is the
JSON twin that travels inside the PDF. No number reaches the paper that is not here,
and none is typed by hand: a value that the case does not hold is None or an empty
text, and the layout then prints "not stated" or "not covered by the calibration".

Conventions: times are aware UTC datetimes; slices, columns and rows follow what the
screen shows (`slice_number` from 1, `column` and `row` from 0, at the voxel centre);
world points are (x, y, z) in LPS mm; rates and p-values lie in [0, 1]. A `p_value` of
None means that the calibration does not cover the series: no p-value is printed then
(SOLVE-IT: an uncalibrated score must not be read as a probability).

Arrays (`ExhibitFigure`, `SeriesFigure`) serve the drawings only. They are left out
of the twin and of comparisons; the case keeps them under their own digests.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from btd_desktop.digest import canonical_json
from btd_desktop.errors import ReportError

__all__ = [
    "CONCLUSIONS",
    "FATES",
    "TWIN_FORMAT",
    "TWIN_FORMAT_VERSION",
    "Alternative",
    "AuditAnchor",
    "Calibration",
    "Component",
    "Conclusion",
    "ContainerItem",
    "CustodyEvent",
    "Exhibit",
    "ExhibitFigure",
    "ExhibitScore",
    "Fact",
    "FileItem",
    "FlaggedSlice",
    "ItemsReceived",
    "Level",
    "LevelCalibration",
    "LevelResult",
    "Mandate",
    "Method",
    "Opinion",
    "ReportContent",
    "ReportIdentity",
    "Reproduction",
    "ScopeVerdict",
    "SeriesExamined",
    "SeriesFigure",
    "SeriesFinding",
    "SeriesResult",
    "ValidationFact",
]

TWIN_FORMAT: Final = "btd-report"
TWIN_FORMAT_VERSION: Final = 1

Level = Literal["patch", "slice", "series"]
Scope = Literal["covered", "partly covered", "not covered"]
Mode = Literal["injection", "removal", "search"]
Conclusion = Literal["supports", "no support found", "inconclusive", "not covered"]

FATES: Final = (
    "accepted",
    "not an image",
    "unsupported",
    "damaged",
    "duplicate",
    "refused",
)
"""What can become of a file received; each file has exactly one fate."""

CONCLUSIONS: Final[dict[Conclusion, str]] = {
    "supports": (
        "The findings support the proposition that the image data were altered at the"
        " places named more than the proposition that they were not."
    ),
    "no support found": (
        "The method found nothing that supports an alteration. This does not show that"
        " there is none."
    ),
    "inconclusive": (
        "The findings support neither proposition over the other, or their weight"
        " cannot be stated."
    ),
    "not covered": (
        "No calibration covers these image data, so that no error rate, no p-value and"
        " no opinion can be given."
    ),
}
"""The whole scale of opinions, weakest claims included; printed in each report."""

_UNPRINTABLE_CLAIMS: Final = re.compile(
    r"\b(fakes?|faked|authentic|authenticity|genuineness)\b"
    r"|\d\s*%\s*(certain|sure|likely|probab)|\bcertainty of\b",
    re.IGNORECASE,
)

_NOT_IN_TWIN: Final = {"in_twin": False}


@dataclass(frozen=True, slots=True)
class ReportIdentity:
    """Which report this is and which program wrote it.

    Attributes:
        report_id: Identity of this report, unique in the case.
        created: When the report was made, aware UTC datetime.
        created_local: The same moment in the examiner's local time, as text with its
            offset; empty when not stated.
        software_version: Version of BTD Desktop.
        software_commit: Commit of the source, or empty when unknown.
        is_draft: True prints DRAFT across every page.
    """

    report_id: str
    created: datetime
    software_version: str
    software_commit: str = ""
    created_local: str = ""
    is_draft: bool = False

    def __post_init__(self) -> None:
        if self.created.utcoffset() is None:
            raise ReportError(
                "the time of the report has no time zone",
                hint="Pass an aware UTC datetime.",
            )


@dataclass(frozen=True, slots=True)
class Mandate:
    """Who asked what of whom; every text is the examiner's own and may be empty.

    Attributes:
        case_number: Case number of the client or of the laboratory.
        client: Who gave the mandate.
        examiner: Name of the examiner.
        question: The question asked, in the client's words.
        examiner_role: Role and organisation.
        examiner_qualification: Training and experience that matter here.
        independence: Declaration of independence.
        reviewer: Technical or peer reviewer.
        proposition_altered: First proposition (H1).
        proposition_unaltered: Second proposition (H2).
        not_asked: What was not part of the mandate.
    """

    case_number: str = ""
    client: str = ""
    examiner: str = ""
    question: str = ""
    examiner_role: str = ""
    examiner_qualification: str = ""
    independence: str = ""
    reviewer: str = ""
    proposition_altered: str = (
        "Image data of the series examined were altered after reconstruction, by"
        " adding or removing image content."
    )
    proposition_unaltered: str = (
        "Image data of the series examined are as the scanner reconstructed them."
    )
    not_asked: str = ""


@dataclass(frozen=True, slots=True)
class FileItem:
    """One file received.

    Attributes:
        name: Path relative to the folder received, with forward slashes; for a member
            of a container its path inside the container.
        size_bytes: Length in bytes.
        sha256: Hex SHA-256 of the file; None when the bytes could not be read.
        fate: One of `FATES`.
        reason: Why, in a sentence; empty for accepted files.
        container: Name of the ZIP that held the file, or empty. Such a file is
            verified through the digest of its container.
        root: Name of the folder received that held it, when several were received.
    """

    name: str
    size_bytes: int
    sha256: str | None
    fate: str
    reason: str = ""
    container: str = ""
    root: str = ""


@dataclass(frozen=True, slots=True)
class ContainerItem:
    """One container or folder received.

    Attributes:
        name: File name of the container, relative to the folder received; the name of
            the folder for a folder.
        kind: "folder", "ZIP", "DICOMDIR", "single files".
        n_files: Files found inside.
        size_bytes: Length of the container, or of all files of a folder.
        sha256: Hex SHA-256 of the container; None for a folder.
        sha256_stated: Digest that the sender stated, or empty.
    """

    name: str
    kind: str
    n_files: int
    size_bytes: int
    sha256: str | None = None
    sha256_stated: str = ""


@dataclass(frozen=True, slots=True)
class ItemsReceived:
    """What was received and what became of it.

    Attributes:
        files: Every file, whatever its fate.
        containers: Folders, ZIPs and the like that held them.
        tree_digest: Digest over the list of names and digests (`digest.tree_digest`).
        received: When, how and from whom, in the examiner's words; may be empty.
        findings: Findings that concern no single series, as sentences.
    """

    files: tuple[FileItem, ...]
    tree_digest: str
    containers: tuple[ContainerItem, ...] = ()
    received: str = ""
    findings: tuple[str, ...] = ()

    @property
    def counts_by_fate(self) -> dict[str, int]:
        """Number of files per fate, every fate of `FATES` named, zero included."""
        counts = dict.fromkeys(FATES, 0)
        for item in self.files:
            counts[item.fate] = counts.get(item.fate, 0) + 1
        return counts


@dataclass(frozen=True, slots=True)
class CustodyEvent:
    """One event of the chain of custody.

    Attributes:
        when: Aware UTC datetime.
        person: Who acted.
        event: What was done and why, in a sentence.
        digest: Digest that the event refers to, or empty.
    """

    when: datetime
    person: str
    event: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value, both as text (a scanner fact, a parameter)."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SeriesFinding:
    """What a check of the series noticed.

    Attributes:
        severity: "note", "warning" or "discrepancy".
        sentence: What was seen and what it may mean.
    """

    severity: str
    sentence: str


@dataclass(frozen=True, slots=True)
class SeriesExamined:
    """One series that was turned into a volume.

    Attributes:
        number: Number in this report, from 1; results refer to it.
        description: SeriesDescription as received.
        modality: "CT" or "MR".
        series_instance_uid: Identity of the series, or empty (volume files).
        n_slices: Slices of the volume.
        n_rows: Rows of a slice.
        n_columns: Columns of a slice.
        spacing_mm: (between slices, between rows, between columns), mm.
        unit: "HU" or "modality value".
        volume_digest: Digest of the voxels after rescaling, or empty.
        patient: Patient's name and identity as received, or a pseudonym.
        facts: Scanner, kernel, thickness, dates: names and values as received.
        findings: What the checks of geometry and consistency noticed.
    """

    number: int
    description: str
    modality: str
    series_instance_uid: str
    n_slices: int
    n_rows: int
    n_columns: int
    spacing_mm: tuple[float, float, float]
    unit: str = "HU"
    volume_digest: str = ""
    patient: str = ""
    facts: tuple[Fact, ...] = ()
    findings: tuple[SeriesFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class Method:
    """The detector used: model, preprocessing, grid and backend.

    Attributes:
        method_id: Reference for results, such as "M1".
        model_name: Name of the model.
        weights_digest: Hex SHA-256 of the weights.
        card_digest: Hex SHA-256 of the model card, or empty.
        network: Kind and size of the network.
        training_data: What it learned from, as the card says.
        credits: Credits and licences of the training data.
        preset: Preset of the preprocessing, such as "ct-wide".
        preprocessing: Its steps and parameters.
        noise_levels: Noise levels at which the noise was predicted.
        patch_size: Side of a patch in pixels.
        stride: Step of the grid in pixels.
        score_definition: How maps become the anomaly score, in a sentence or two.
        device: Where it ran, such as "CPU" or the name of the GPU.
        dtype: Number format of the network.
        torch_version: Version of the backend.
        n_threads: Threads used, 0 when not stated.
        seed: Seed, or None when nothing is drawn at random.
        extra: Further parameters.
    """

    method_id: str
    model_name: str
    weights_digest: str
    network: str
    training_data: str
    credits: str
    preset: str
    preprocessing: tuple[Fact, ...]
    noise_levels: tuple[float, ...]
    patch_size: int
    stride: int
    score_definition: str
    device: str
    dtype: str
    torch_version: str
    n_threads: int = 0
    card_digest: str = ""
    seed: int | None = None
    extra: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class LevelCalibration:
    """One level of a calibration profile.

    Attributes:
        level: "patch", "slice" or "series".
        threshold: Score above which the level is flagged; None when n cannot carry
            the wanted FPR.
        n: Benign units (patches, slices, series) behind it.
        fpr: FPR claimed at the threshold, or None.
        fpr_interval: Clopper-Pearson interval of that FPR (low, high), or None.
        confidence: Confidence of the interval, such as 0.95.
        smallest_p: Smallest p-value that n allows, 1 / (n + 1).
        held_out_fpr_range: Smallest and largest FPR observed on a patient left out of
            the fit, or None when not measured.
    """

    level: Level
    threshold: float | None
    n: int
    fpr: float | None
    fpr_interval: tuple[float, float] | None
    smallest_p: float
    confidence: float = 0.95
    held_out_fpr_range: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibration profile used.

    Attributes:
        profile_name: Name of the profile.
        profile_digest: Its digest; results refer to it.
        created: When it was fitted, aware UTC datetime, or None.
        n_patients: Benign patients behind it.
        n_series: Benign series behind it.
        n_slices: Benign slices behind it.
        n_patches: Benign patches behind it.
        scanner_mix: One text per group of scanners, with its count.
        target_fpr: FPR that was asked for.
        levels: Patch, slice and series.
        remarks: Warnings of the fit, as sentences.
    """

    profile_name: str
    profile_digest: str
    n_patients: int
    n_series: int
    n_slices: int
    n_patches: int
    scanner_mix: tuple[str, ...]
    target_fpr: float
    levels: tuple[LevelCalibration, ...]
    created: datetime | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValidationFact:
    """One measured performance figure from the model card.

    Attributes:
        method_id: The method measured.
        attack: Kind of attack, with its size where it was fixed.
        modality: "CT" or "MR".
        n_patients: Patients behind the figure.
        auc: Area under the ROC, or None.
        auc_interval: Its interval (low, high), or None.
        tpr: TPR at `tpr_at_fpr`, or None.
        tpr_at_fpr: FPR at which `tpr` was measured, or None.
        n_samples: Tampered spots or series behind the figure, 0 when not stated.
        remark: Scanner group, unit, date: what else must be known.
    """

    method_id: str
    attack: str
    modality: str
    n_patients: int
    auc: float | None
    auc_interval: tuple[float, float] | None
    tpr: float | None = None
    tpr_at_fpr: float | None = None
    n_samples: int = 0
    remark: str = ""


@dataclass(frozen=True, slots=True)
class ScopeVerdict:
    """Whether the calibration profile covers a series.

    Attributes:
        scope: "covered", "partly covered" or "not covered".
        reasons: Why, as sentences; empty when covered.
    """

    scope: Scope
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LevelResult:
    """Result of a series at one level.

    Attributes:
        level: "patch" (the highest patch), "slice" (the highest slice) or "series".
        score: The score.
        p_value: Conformal p-value, or None when the calibration does not cover it.
        n: Benign units behind the p-value.
        threshold: Threshold of the profile, or None.
        is_flagged: Score above threshold; None when no threshold applies.
    """

    level: Level
    score: float
    p_value: float | None
    n: int
    threshold: float | None
    is_flagged: bool | None


@dataclass(frozen=True, slots=True)
class FlaggedSlice:
    """A slice above the threshold.

    Attributes:
        slice_number: From 1, in the order of the volume.
        score: Score of the slice.
        p_value: Its p-value, or None.
        sop_instance_uid: Instance that held it, or empty.
        z_mm: Position along the slice normal in mm, or None.
        place: (column, row) of its highest patch, or None.
    """

    slice_number: int
    score: float
    p_value: float | None
    sop_instance_uid: str = ""
    z_mm: float | None = None
    place: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ExhibitScore:
    """One score of an exhibit.

    Attributes:
        name: "anomaly score", "injection score (paper)", "removal score (paper)".
        definition: How it is computed, in a few words.
        value: The score.
        p_value: Conformal p-value, or None.
        n: Benign patches behind the p-value.
        threshold: Its threshold, or None.
        is_flagged: Score above threshold, or None.
    """

    name: str
    definition: str
    value: float
    p_value: float | None
    n: int
    threshold: float | None = None
    is_flagged: bool | None = None


@dataclass(frozen=True, slots=True)
class ExhibitFigure:
    """Arrays from which the figures of an exhibit are drawn.

    Attributes:
        crop: Modality values around the place, shape (H, W), float32.
        crop_origin: (column, row) of the crop's first pixel within the slice.
        residual: Signed residual map of the same pixels, shape (H, W), float32; NaN
            where nothing was computed.
        box: Patch scored: (column, row, width, height) within the slice, pixels.
        window: (centre, width) of the display window, in the unit of the values.
        pixel_mm: (row spacing, column spacing) in mm.
        slice_image: The whole slice for the locator, shape (R, C), or None.
        p_map: p-value per pixel of the crop, shape (H, W), NaN where none; or None.
        benign_scores: Sorted benign scores of the exhibit's main score, shape (N,).
        score: The exhibit's score on the axis of `benign_scores`.
        threshold: The threshold on the same axis, or None.
        orientation: Letters at (left, right, top, bottom) of the slice, "" if unknown.
    """

    crop: NDArray[np.float32]
    crop_origin: tuple[int, int]
    residual: NDArray[np.float32]
    box: tuple[int, int, int, int]
    window: tuple[float, float]
    pixel_mm: tuple[float, float]
    slice_image: NDArray[np.float32] | None = None
    p_map: NDArray[np.float32] | None = None
    benign_scores: NDArray[np.float64] | None = None
    score: float | None = None
    threshold: float | None = None
    orientation: tuple[str, str, str, str] = ("", "", "", "")


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A finding that is shown and measured.

    Attributes:
        label: Name in this report, such as "E1".
        slice_number: From 1.
        column: Column of the place.
        row: Row of the place.
        world_mm: (x, y, z) in LPS mm, or None.
        sop_instance_uid: Instance that held the slice, or empty.
        mode: "injection", "removal" or "search" (found by the program).
        scores: Anomaly score and the paper's two scores.
        note: The examiner's note; may be empty.
        status: "OK", "to be checked", "warning" or as the examiner set it.
        figure: Arrays for the drawings, or None.
    """

    label: str
    slice_number: int
    column: int
    row: int
    world_mm: tuple[float, float, float] | None
    sop_instance_uid: str
    mode: Mode
    scores: tuple[ExhibitScore, ...]
    note: str = ""
    status: str = ""
    figure: ExhibitFigure | None = field(
        default=None, compare=False, repr=False, metadata=_NOT_IN_TWIN
    )


@dataclass(frozen=True, slots=True)
class SeriesFigure:
    """Arrays for the histogram of a series over the benign scores.

    Attributes:
        slice_scores: Score of each slice in order, shape (S,), NaN where not scored.
        benign_scores: Benign slice scores, shape (N,), or None.
        threshold: Threshold at slice level, or None.
    """

    slice_scores: NDArray[np.float64]
    benign_scores: NDArray[np.float64] | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class SeriesResult:
    """What the method found in one series.

    Attributes:
        series_number: `SeriesExamined.number`.
        method_id: `Method.method_id`.
        calibration_digest: `Calibration.profile_digest`, or None when none was used.
        scope: Whether that calibration covers the series.
        levels: Results per level.
        n_slices_scored: Slices with tissue that were scored.
        flagged_slices: Slices above the threshold.
        slice_fpr: FPR per slice that the profile claims, to be read beside the share
            of slices flagged; None when not covered.
        exhibits: Findings shown.
        figure: Arrays for the histogram, or None.
    """

    series_number: int
    method_id: str
    calibration_digest: str | None
    scope: ScopeVerdict
    levels: tuple[LevelResult, ...]
    n_slices_scored: int
    flagged_slices: tuple[FlaggedSlice, ...] = ()
    slice_fpr: float | None = None
    exhibits: tuple[Exhibit, ...] = ()
    figure: SeriesFigure | None = field(
        default=None, compare=False, repr=False, metadata=_NOT_IN_TWIN
    )

    @property
    def has_p_value(self) -> bool:
        """Whether any level, slice or exhibit of this result carries a p-value."""
        scores = [score for exhibit in self.exhibits for score in exhibit.scores]
        values = [
            *(item.p_value for item in self.levels),
            *(item.p_value for item in self.flagged_slices),
            *(item.p_value for item in scores),
        ]
        return any(value is not None for value in values)

    @property
    def share_flagged(self) -> float | None:
        """Share of the scored slices that are flagged; None when none was scored."""
        if self.n_slices_scored == 0:
            return None
        return len(self.flagged_slices) / self.n_slices_scored


@dataclass(frozen=True, slots=True)
class Alternative:
    """An innocent explanation and whether it was considered.

    Attributes:
        explanation: Such as "metal", "motion", "reconstruction kernel".
        is_considered: True, False, or None when the examiner did not say.
        remark: What was found; may be empty.
    """

    explanation: str
    is_considered: bool | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Opinion:
    """The opinion, in words of the scale only.

    Attributes:
        conclusion: A key of `CONCLUSIONS`.
        sentences: The program's own sentences that apply the scale to this case.
        remarks: The examiner's own words, printed as such; may be empty.
        would_change: What would change the opinion, as sentences.

    Raises:
        ReportError: A sentence claims what the statistics cannot carry ("fake",
            "authentic", "99 % certain").
    """

    conclusion: Conclusion
    sentences: tuple[str, ...] = ()
    remarks: str = ""
    would_change: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.conclusion not in CONCLUSIONS:
            raise ReportError(
                f"the opinion {self.conclusion!r} is not on the scale",
                hint="Use one of: " + ", ".join(CONCLUSIONS) + ".",
            )
        for sentence in self.sentences:
            claim = _UNPRINTABLE_CLAIMS.search(sentence)
            if claim:
                raise ReportError(
                    f"the opinion says {claim.group()!r}, which the method cannot show",
                    hint="Say supports, no support found, or inconclusive.",
                )


@dataclass(frozen=True, slots=True)
class Reproduction:
    """How the other party repeats the examination.

    Attributes:
        commands: Exact commands, in order.
        manifest_digest: Digest of the run manifest, or empty.
        result_digest: Digest of the results that a repetition on the same backend must
            give, or empty.
        remark: What may differ on another backend, and by how much.
    """

    commands: tuple[str, ...]
    manifest_digest: str = ""
    result_digest: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class AuditAnchor:
    """State of the audit log when the report was made.

    Attributes:
        head: Head of the keyed chain.
        n_entries: Number of entries.
    """

    head: str
    n_entries: int


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the software: name, version and licence."""

    name: str
    version: str
    licence: str = ""


@dataclass(frozen=True, slots=True)
class ReportContent:
    """Everything the report says.

    Attributes:
        identity: Which report, which program.
        mandate: Who asked what of whom.
        items: What was received.
        series: Series examined, in order of their number.
        methods: Detectors used.
        calibrations: Calibration profiles used.
        results: One per series and method.
        opinion: The opinion.
        reproduction: How to repeat it.
        custody: Chain of custody.
        validation: Figures from the model cards.
        not_validated: What was not measured, as sentences.
        alternatives: Innocent explanations considered.
        limitations: Limits, as sentences.
        audit: State of the audit log, or None when no case keeps one.
        components: Software bill of materials.

    Raises:
        ReportError: A result refers to a series, method or profile that is not here,
            or carries a p-value although no calibration covers it.
    """

    identity: ReportIdentity
    mandate: Mandate
    items: ItemsReceived
    series: tuple[SeriesExamined, ...]
    methods: tuple[Method, ...]
    calibrations: tuple[Calibration, ...]
    results: tuple[SeriesResult, ...]
    opinion: Opinion
    reproduction: Reproduction
    custody: tuple[CustodyEvent, ...] = ()
    validation: tuple[ValidationFact, ...] = ()
    not_validated: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    limitations: tuple[str, ...] = ()
    audit: AuditAnchor | None = None
    components: tuple[Component, ...] = ()

    def __post_init__(self) -> None:
        numbers = {series.number for series in self.series}
        methods = {method.method_id for method in self.methods}
        profiles = {item.profile_digest for item in self.calibrations}
        for result in self.results:
            place = f"the result of series {result.series_number}"
            if result.series_number not in numbers:
                raise ReportError(f"{place} refers to a series not in the report")
            if result.method_id not in methods:
                raise ReportError(f"{place} refers to a method not in the report")
            if result.calibration_digest not in {None, *profiles}:
                raise ReportError(f"{place} refers to a profile not in the report")
            if result.has_p_value and (
                result.calibration_digest is None or result.scope.scope == "not covered"
            ):
                raise ReportError(
                    f"{place} has a p-value although no calibration covers it",
                    hint="Leave its p-values out, or calibrate for this scanner.",
                )

    def to_json(self) -> dict[str, Any]:
        """The JSON twin: JSON values only, arrays of figures left out.

        Numbers are kept exactly, so that the twin can be recomputed from the case and
        compared byte by byte through `digest.canonical_json`.

        Raises:
            ReportError: A number is NaN or infinite; the message names its place.
        """
        twin = cast("dict[str, Any]", _json_value(self, "report"))
        twin["items"]["counts_by_fate"] = self.items.counts_by_fate
        return {
            "format": TWIN_FORMAT,
            "format_version": TWIN_FORMAT_VERSION,
            **twin,
        }

    def twin(self) -> bytes:
        """Canonical bytes of the JSON twin, as attached to the PDF.

        Raises:
            ReportError: A number is NaN or infinite.
        """
        return canonical_json(self.to_json())


def _json_value(value: object, place: str) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            item.name: _json_value(getattr(value, item.name), f"{place}.{item.name}")
            for item in dataclasses.fields(value)
            if item.metadata.get("in_twin", True)
        }
    if isinstance(value, (tuple, list)):
        return [_json_value(part, f"{place}[{i}]") for i, part in enumerate(value)]
    if isinstance(value, datetime):
        return _utc_text(value, place)
    return _json_scalar(value, place)


def _json_scalar(value: object, place: str) -> object:
    if isinstance(value, str):
        # A lone surrogate (an undecodable byte of a file name) has no UTF-8 form.
        return value.encode("utf-8", "backslashreplace").decode()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise ReportError(
            f"{place} is {value}, which a report cannot state",
            hint="Leave the value out (None) when it does not exist.",
        )
    if isinstance(value, (bool, int, float)):
        return value
    raise ReportError(f"{place} holds a {type(value).__name__}, not a JSON value")


def _utc_text(value: datetime, place: str) -> str:
    if value.utcoffset() is None:
        raise ReportError(f"{place} has no time zone", hint="Use an aware datetime.")
    return value.astimezone(UTC).isoformat(timespec="microseconds")
