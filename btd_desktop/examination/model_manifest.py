"""The manifest of the shipped models: the digests of what came with the program.

A card names its weights and a profile its model, but somebody who replaces all of them
together leaves no contradiction. `models/manifest.json` therefore holds the SHA-256 of
every shipped card, weights file and profile; every file opened from the shipped folder
must be listed there with its digest. The user's own models are not pinned: results and
reports name them by digest.

`models/make_manifest.py` writes the manifest after a model was trained.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from msgspec import UNSET, Struct, convert

from btd_desktop import paths
from btd_desktop.digest import file_digest
from btd_desktop.errors import ModelError
from btd_desktop.scoring.card import (
    CARD_FILE,
    EVIDENCE_CARD_FILE,
    EVIDENCE_DIR,
    WEIGHTS_FILE,
    ModelCard,
)
from btd_desktop.strict_json import plain_json

MANIFEST_FILE: Final = "manifest.json"
_FORMAT: Final = 1
_MAX_BYTES: Final = 4 << 20
_PATTERNS: Final = (CARD_FILE, WEIGHTS_FILE, f"{EVIDENCE_DIR}/*", "profiles/*.json")
_HINT: Final = "install the program again; or make a model of your own of it"


class _File(Struct, frozen=True):
    sha256: str
    size: int


class _Manifest(Struct, frozen=True):
    format: int
    files: dict[str, _File]


def make_manifest(root: Path) -> dict[str, Any]:
    """The manifest of the models below a folder, as a JSON value.

    Raises:
        OSError: A file cannot be read.
    """
    files = {}
    for folder in sorted(root.iterdir()):
        for path in (p for pattern in _PATTERNS for p in sorted(folder.glob(pattern))):
            sha256, size = file_digest(path)
            name = path.relative_to(root).as_posix()
            files[name] = _File(sha256, size)
    return plain_json(_Manifest(_FORMAT, files))


def write_manifest(root: Path) -> Path:
    """Write the manifest of the models below a folder into it, atomically.

    Returns:
        The file written.

    Raises:
        OSError: A file cannot be read or written.
    """
    text = json.dumps(make_manifest(root), indent=2, sort_keys=True) + "\n"
    target = root / MANIFEST_FILE
    temporary = target.with_name(f"{MANIFEST_FILE}.part")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(target)
    return target


def is_shipped(path: Path) -> bool:
    """True for a file or folder below the folder of the shipped models."""
    root = paths.shipped_models_dir().resolve()
    return path.resolve().is_relative_to(root)


def check_pinned_model(folder: Path, card: ModelCard) -> None:
    """Compare a shipped model's card with the manifest; nothing for other models.

    This compares the digest of the weights that the card names; loading the weights
    compares their bytes with the card.

    Raises:
        ModelError: Card, weights or evidence map are not those that were shipped.
    """
    pinned = _pinned(folder)
    if pinned is None:
        return
    check_pinned_file(folder / CARD_FILE)
    weights = pinned.get(_name(folder / WEIGHTS_FILE))
    if weights != card.weights_sha256:
        raise ModelError(
            f"the weights of {card.name} are not those that were shipped: the manifest "
            f"has SHA-256 {str(weights)[:12]}…, the card {card.weights_sha256[:12]}…",
            hint=_HINT,
            code="not_shipped",
        )
    if card.evidence_sha256 is not UNSET:
        for name in (EVIDENCE_CARD_FILE, WEIGHTS_FILE):
            check_pinned_file(folder / EVIDENCE_DIR / name)


def check_pinned_file(path: Path) -> None:
    """Compare a shipped file with the manifest; nothing for other files.

    Raises:
        ModelError: It is not listed, has another digest or cannot be read.
    """
    pinned = _pinned(path)
    if pinned is None:
        return
    wanted = pinned.get(_name(path))
    if wanted is None:
        raise ModelError(
            f"{path} lies among the shipped models but did not come with the program",
            hint=f"put models and profiles of your own into {paths.data_dir()}",
            code="not_shipped",
        )
    if not path.is_file():
        raise ModelError(f"{path} is not a file", hint=_HINT, code="not_shipped")
    try:
        found, _ = file_digest(path)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror}", code="not_shipped"
        ) from error
    if found != wanted:
        raise ModelError(
            f"{path} is not the file that was shipped: SHA-256 {found[:12]}…, the "
            f"manifest has {wanted[:12]}…",
            hint=_HINT,
            code="not_shipped",
        )


def _name(path: Path) -> str:
    root = paths.shipped_models_dir().resolve()
    return path.resolve().relative_to(root).as_posix()


def _pinned(path: Path) -> dict[str, str] | None:
    """Digests by name where `path` is shipped, else None.

    A folder given by `BTD_MODELS_DIR` is pinned only if it holds a manifest.
    """
    if not is_shipped(path):
        return None
    manifest = paths.shipped_models_dir() / MANIFEST_FILE
    if not manifest.is_file():
        if os.environ.get("BTD_MODELS_DIR"):
            return None
        raise ModelError(
            f"{manifest} is missing: the shipped models cannot be checked",
            hint=_HINT,
            code="manifest",
        )
    return _read(manifest)


def _read(manifest: Path) -> dict[str, str]:
    try:
        if manifest.stat().st_size > _MAX_BYTES:
            raise ModelError(f"{manifest} is too large for a manifest", code="manifest")
        found = convert(json.loads(manifest.read_text(encoding="utf-8")), _Manifest)
        if found.format != _FORMAT:
            raise ModelError(
                f"{manifest} has format {found.format}; this program reads {_FORMAT}",
                hint="use a newer version of the program",
                code="manifest",
            )
        return {name: file.sha256 for name, file in found.files.items()}
    except OSError as error:
        raise ModelError(
            f"{manifest} cannot be read: {error.strerror}", code="manifest"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{manifest} is not a manifest of models: {error}", code="manifest"
        ) from error
