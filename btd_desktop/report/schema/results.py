"""What the twin says of series, models, calibrations and results."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType


class Object(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An object of the twin; it has these keys and no others."""


class Level(Object, frozen=True, kw_only=True):
    """A level of a calibration."""

    confidence: float | None
    fpr: float | None
    fpr_interval: list[float] | None
    held_out_fpr_range: list[float] | None
    is_established: bool | None
    level: str
    n: int | None
    n_patients: int | None
    smallest_p: float | None
    threshold: float | None


class Calibration(Object, frozen=True, kw_only=True):
    """A calibration profile."""

    created: str
    levels: list[Level]
    n_patches: int
    n_patients: int | None
    n_series: int
    n_slices: int
    profile_digest: str
    profile_name: str
    regions: dict[str, int] | UnsetType = UNSET
    remarks: list[str]
    scanner_mix: list[str]
    standing: str
    target_fpr: float


class Fact(Object, frozen=True, kw_only=True):
    """A named value."""

    name: str
    value: str


class Method(Object, frozen=True, kw_only=True):
    """A model."""

    card_digest: str | None
    credits: str
    device: str
    dtype: str
    extra: list[str]
    map_digest: str | None
    method_id: str
    model_name: str
    n_threads: int
    network: str
    noise_levels: list[float]
    patch_size: int
    preprocessing: list[Fact]
    preset: str
    score_definition: str
    seed: int | None
    standing: str
    stride: int
    torch_version: str
    training_data: str
    weights_digest: str | None


class CopiedNoise(Object, frozen=True, kw_only=True):
    """Noise of an exhibit that is found again."""

    column: int
    correlation: float | None
    is_copied: bool
    n_slices: int
    row: int
    side_px: int
    slice_number: int
    strength: float | None
    surprise: float | None


class Score(Object, frozen=True, kw_only=True):
    """A score of an exhibit."""

    definition: str
    fpr: float | None
    fpr_interval: list[float] | None
    is_flagged: bool | None
    level: str
    n: int | None
    n_patients: int | None
    name: str
    p_value: float | None
    threshold: float | None
    value: float | None


class Exhibit(Object, frozen=True, kw_only=True):
    """A place."""

    column: int
    copied_noise: CopiedNoise | None
    label: str
    mode: str
    noise_sentence: str
    note: str
    row: int
    scores: list[Score]
    slice_number: int
    sop_instance_uid: str
    status: str
    world_mm: list[float] | None


class FlaggedSlice(Object, frozen=True, kw_only=True):
    """A slice above the threshold."""

    p_value: float | None
    place: list[int] | None
    score: float | None
    slice_number: int
    sop_instance_uid: str
    z_mm: float | None


class HighestPlace(Object, frozen=True, kw_only=True):
    """Where to look first."""

    number: int
    place: list[int] | None
    score: float | None
    slice_number: int


class ResultLevel(Object, frozen=True, kw_only=True):
    """A series as a whole."""

    is_flagged: bool | None
    level: str
    n: int | None
    p_value: float | None
    score: float | None
    threshold: float | None


class Scope(Object, frozen=True, kw_only=True):
    """How far the calibration covers a series."""

    reasons: list[str]
    scope: str


class Result(Object, frozen=True, kw_only=True):
    """What the method found in a series."""

    calibration_digest: str | None
    exhibits: list[Exhibit]
    flagged_slices: list[FlaggedSlice]
    highest_places: list[HighestPlace]
    levels: list[ResultLevel]
    method_id: str
    n_slices_scored: int
    scope: Scope
    series_number: int
    slice_fpr: float | None


class Run(Object, frozen=True, kw_only=True):
    """The manifest of a scoring run, and what ranked it."""

    centre: int
    device: str
    domain: str
    dtype: str
    engine: int
    manifest_digest: str
    model_digest: str
    model_name: str
    noise_levels: list[float]
    one_at: float
    paper_level: int
    patch: int
    preset: str
    profile_digest: str | None
    series_number: int
    software_version: str
    stride: int
    torch_version: str
    volume_digest: str
    zero_at: float
    method: str | UnsetType = UNSET


class Examined(Object, frozen=True, kw_only=True):
    """How far the examination of a series came."""

    left_out: list[str]
    reason: str
    share_of_body: float | None
    share_of_slices: float | None
    state: str


class Finding(Object, frozen=True, kw_only=True):
    """A finding on the files."""

    sentence: str
    severity: str


class Series(Object, frozen=True, kw_only=True):
    """A series."""

    description: str
    examined: Examined
    facts: list[Fact]
    findings: list[Finding]
    modality: str
    n_columns: int
    n_rows: int
    n_slices: int
    number: int
    patient: str
    series_instance_uid: str
    spacing_mm: list[float] | None
    unit: str
    volume_digest: str


class Validation(Object, frozen=True, kw_only=True):
    """A measured row of a model."""

    attack: str
    auc: float | None
    auc_interval: list[float] | None
    method_id: str
    modality: str
    n_patients: int | None
    n_samples: int | None
    remark: str
    tpr: float | None
    tpr_at_fpr: float | None
