"""The state of this installation: what it has, what it lacks, and what follows."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from btd_desktop import __version__, paths
from btd_desktop.containment.measures import MEASURES
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.diffusion.torch_part import torch_problem
from btd_desktop.digest import file_digest
from btd_desktop.examination.models import ModelEntry, list_models
from btd_desktop.examination.profiles import list_profiles
from btd_desktop.examination.shipped_models import figures_of, model_standing
from btd_desktop.examination.wording import reason_of
from btd_desktop.native_libraries import (
    missing_for,
    missing_sentence,
    window_problem,
)
from btd_desktop.report.sections.software import COMPONENTS
from btd_desktop.scoring.card import WEIGHTS_FILE
from btd_desktop.strict_json import plain_json
from btd_desktop.workflow.components import installed_version
from btd_desktop.workflow.services import Services

_PACKAGES = (*COMPONENTS, "typer", "PySide6-Essentials", "pyqtgraph")
_DECODERS = (
    ("uncompressed, deflated, RLE", "pydicom"),
    ("JPEG, JPEG lossless, JPEG-LS, JPEG 2000", "imagecodecs"),
)
_LOW_DISK_BYTES = 2 << 30
_QT_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the diagnosis: names and values, in order."""

    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What `btd doctor` found.

    Attributes:
        sections: Facts.
        models: One JSON value per model folder, as `models_json` gives them.
        remarks: What the user should know, but does not stop an examination.
        problems: What stops an examination.
    """

    sections: tuple[Section, ...]
    models: tuple[dict[str, Any], ...]
    remarks: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True when the program can examine evidence here."""
        return not self.problems

    def to_json(self) -> dict[str, object]:
        """JSON value."""
        return {
            "ok": self.ok,
            "sections": {s.title: dict(s.rows) for s in self.sections},
            "models": list(self.models),
            "remarks": list(self.remarks),
            "problems": list(self.problems),
        }


def diagnose(services: Services) -> Diagnosis:
    """Look at everything that the program needs; nothing is changed."""
    remarks: list[str] = []
    problems: list[str] = []
    entries = list_models()
    models = models_json(entries)
    sections = (
        _versions(problems),
        _hardware(problems),
        _folders(problems, remarks),
        _models(entries, models, problems, remarks),
        _decoders(),
        _reading_process(problems, remarks),
        _window(remarks),
        Section(
            "Settings",
            (
                ("device", services.settings.device),
                ("number format", services.settings.dtype),
                ("false-positive rate", f"{services.settings.default_fpr:g}"),
            ),
        ),
    )
    return Diagnosis(sections, tuple(models), tuple(remarks), tuple(problems))


def models_json(entries: Sequence[ModelEntry]) -> list[dict[str, Any]]:
    """Model folders with their profiles as JSON values; cards only, no weights."""
    return [_model_json(entry) for entry in entries]


def _model_json(entry: ModelEntry) -> dict[str, Any]:
    card = entry.card
    value: dict[str, Any] = {
        "name": entry.folder.name,
        "folder": str(entry.folder),
        "shipped": entry.shipped,
        "problem": entry.problem,
    }
    if card is None:
        return value
    profiles = []
    for path, profile in list_profiles(card):
        told: dict[str, object] = {"path": str(path)}
        if isinstance(profile, str):
            told |= {"name": path.stem, "n_patients": 0, "target_fpr": None}
            told["problem"] = profile
        else:
            told |= {"name": profile.name, "n_patients": profile.n_patients}
            told |= {"target_fpr": profile.target_fpr, "problem": ""}
        profiles.append(told)
    return {
        **value,
        "title": card.title,
        "standing": plain_json(model_standing(card.name, card.digest)),
        "figures": dict(figures_of(card)),
        "digest": card.digest,
        "modality": card.preset.modality,
        "preset": card.preset.name,
        "network": card.network.kind,
        "n_parameters": card.n_parameters,
        "created": card.created,
        "limits": list(card.limits),
        "profiles": profiles,
    }


def _versions(problems: list[str]) -> Section:
    rows = [
        ("BTD Desktop", __version__),
        ("Python", platform.python_version()),
        ("system", platform.platform()),
    ]
    for name in _PACKAGES:
        version = installed_version(name)
        # What torch is missing for is said where its device would stand.
        if not version and name != "torch":
            problems.append(f"the package {name} is not installed")
        rows.append((name, version or "MISSING"))
    return Section("Versions", tuple(rows))


def _hardware(problems: list[str]) -> Section:
    cores = ("CPU cores", str(os.cpu_count() or 1))
    missing = torch_problem()
    if missing is not None:
        problems.append(reason_of(missing))
        return Section("Computing", (cores, ("device", "none: nothing is scored")))
    from btd_desktop.diffusion.device import hardware_facts

    return Section("Computing", (cores, *hardware_facts().items()))


def _folders(problems: list[str], remarks: list[str]) -> Section:
    rows = []
    for name, folder in (
        ("shipped models", paths.shipped_models_dir()),
        ("own models", paths.user_models_dir()),
        ("own profiles", paths.user_profiles_dir()),
        ("settings", paths.config_dir()),
        ("log", paths.log_dir()),
        ("temporary files", Path(tempfile.gettempdir())),
    ):
        shipped = name == "shipped models"
        standing = next(p for p in (folder, *folder.parents) if p.exists())
        writable = os.access(standing, os.W_OK)
        if not shipped and not writable:
            problems.append(f"the folder for {name}, {folder}, cannot be written")
        free = shutil.disk_usage(standing).free
        if not shipped and free < _LOW_DISK_BYTES:
            remarks.append(f"only {free / 1e9:.1f} GB are free in {standing}")
        state = "" if folder.is_dir() else ", not there yet"
        rows.append((name, f"{folder} ({free / 1e9:.0f} GB free{state})"))
    return Section("Folders", tuple(rows))


def _models(
    entries: Sequence[ModelEntry],
    models: Sequence[dict[str, Any]],
    problems: list[str],
    remarks: list[str],
) -> Section:
    rows = []
    for entry, value in zip(entries, models, strict=True):
        problem = entry.problem or _weights_problem(entry)
        if problem:
            value["problem"] = problem
            problems.append(f"model {entry.folder.name} cannot be used: {problem}")
            rows.append((entry.folder.name, "CANNOT BE USED"))
            continue
        standing = value["standing"]
        if not standing["is_shipped"]:
            remarks.append(standing["sentence"])
        usable = [p for p in value["profiles"] if not p["problem"]]
        listed = "; ".join(f"{p['name']} ({p['n_patients']} patients)" for p in usable)
        rows.append(
            (
                entry.folder.name,
                f"{value['modality']}, {value['digest'][:12]}…, weights are those of "
                f"the card; profiles: {listed or 'none'}",
            )
        )
        remarks += [
            f"a profile cannot be used: {p['problem']}"
            for p in value["profiles"]
            if p["problem"]
        ]
        if not usable:
            remarks.append(
                f"model {entry.folder.name} has no calibration profile: it gives "
                "scores without p-values until `btd calibrate` has made one"
            )
    usable_for = {m.get("modality") for m in models if not m["problem"]}
    if "CT" not in usable_for:
        problems.append("there is no usable model for CT")
    if "MR" not in usable_for:
        remarks.append("there is no usable model for MR")
    return Section("Models", tuple(rows) or (("none", "no model is installed"),))


def _weights_problem(entry: ModelEntry) -> str:
    """Why the weights are not those of the card; "" if they are."""
    if entry.card is None:
        return ""
    path = entry.folder / WEIGHTS_FILE
    try:
        digest, _ = file_digest(path)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return "" if digest == entry.card.weights_sha256 else f"{path} was altered"


def _decoders() -> Section:
    return Section(
        "Formats read",
        tuple(
            (what, f"{package} {installed_version(package) or 'MISSING'}")
            for what, package in _DECODERS
        ),
    )


def _reading_process(problems: list[str], remarks: list[str]) -> Section:
    """What contains the process that parses evidence, as such a process answers."""
    with Sandbox(DEFAULT_LIMITS) as box:
        answer = box.parse("dicom", b"")
        containment = box.containment
    if containment is None:
        problems.append(f"files cannot be parsed here: {answer.reason}")
        return Section("Reading process", (("state", "DOES NOT ANSWER"),))
    remarks += [
        f"the process that parses evidence is not held by: {words}"
        for words in containment.not_held
    ]
    return Section(
        "Reading process",
        tuple(
            (words, f"no: {containment.missing[name]}")
            if name in containment.missing
            else (words, "yes")
            for name, words in MEASURES.items()
        ),
    )


def _window(remarks: list[str]) -> Section:
    """Whether Qt loads; tried in another process, since native code may abort."""
    if getattr(sys, "frozen", False):
        return Section("Window", (("Qt", "part of this bundle"),))
    code = "import PySide6.QtGui, PySide6.QtWidgets; print(PySide6.__version__)"
    try:
        tried = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-P", "-c", code],
            capture_output=True,
            text=True,
            check=False,
            timeout=_QT_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        remarks.append(f"the window cannot be opened: {type(error).__name__}")
        return Section("Window", (("Qt", "does not answer"),))
    if tried.returncode == 0:
        missing = missing_sentence(missing_for("", window=True))
        if missing:
            remarks.append(f"the window may not open on a display: {missing}")
        return Section("Window", (("Qt", f"loads, PySide6 {tried.stdout.strip()}"),))
    problem = window_problem(tried.stderr, os.environ)
    remarks.append(
        f"the window cannot be opened, the command line works without it: {problem}"
    )
    return Section("Window", (("Qt", "does not load"),))
