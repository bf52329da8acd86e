"""Step of the self-test: models and profiles are those that were shipped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from btd_desktop import paths
from btd_desktop.calibration.profile import read_profile
from btd_desktop.errors import BtdError, ModelError
from btd_desktop.examination.model_manifest import MANIFEST_FILE, check_pinned_file
from btd_desktop.examination.models import list_models
from btd_desktop.examination.shipped_models import model_standing, profile_standing
from btd_desktop.examination.wording import counted
from btd_desktop.workflow.selftest.steps import Row


def rows(folder: Path) -> Iterator[Row]:
    """One row: every shipped file has the digest of manifest and program."""
    root = paths.shipped_models_dir()
    what = "models and profiles"
    if os.environ.get("BTD_MODELS_DIR") and not (root / MANIFEST_FILE).is_file():
        yield what, "not tried", f"BTD_MODELS_DIR names {root}, which has no manifest"
        return
    try:
        files = json.loads((root / MANIFEST_FILE).read_text("utf-8"))["files"]
        listed = sorted(files)
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield what, "not", f"{root / MANIFEST_FILE} cannot be read: {error}"
        return
    problems = [problem for name in listed if (problem := _file_problem(root / name))]
    entries = [entry for entry in list_models() if entry.shipped]
    for entry in entries:
        if entry.card is None:
            problems.append(f"{entry.folder.name}: {entry.problem}")
            continue
        standing = model_standing(entry.card.name, entry.card.digest)
        problems += [] if standing.is_shipped else [standing.sentence]
    profiles = [root / name for name in listed if "/profiles/" in name]
    problems += [problem for path in profiles if (problem := _profile_problem(path))]
    if not entries:
        problems.append(f"there is no model in {root}")
    words = (
        f"{counted(len(entries), 'model')} and {counted(len(profiles), 'profile')} in "
        f"{root}, all as they were shipped"
    )
    yield what, "not" if problems else "ok", "; ".join(problems) or words


def _file_problem(path: Path) -> str:
    try:
        check_pinned_file(path)
    except ModelError as error:
        return error.detail
    return ""


def _profile_problem(path: Path) -> str:
    try:
        profile = read_profile(path)
    except BtdError as error:
        return error.detail
    standing = profile_standing(profile.name, profile.digest)
    return "" if standing.is_shipped else standing.sentence
