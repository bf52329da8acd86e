"""Where things are: per-user folders, assets and models, installed or not.

The only module that knows. `assets/`, `models/` and the built `handbook/` lie outside
the package: in a frozen bundle beside the program, in a wheel under
`btd_desktop/_shipped`, in a checkout at the repository's root. Two variables override:
`BTD_MODELS_DIR` and `BTD_HOME` (settings, keys, user models and profiles; tests point
it to a temporary folder).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import platformdirs

_APP = "BTD Desktop"


def _shipped_root() -> Path:
    bundle = getattr(sys, "_MEIPASS", None)
    if bundle is not None:
        return Path(bundle)
    package = Path(__file__).resolve().parent
    inside_wheel = package / "_shipped"
    return inside_wheel if inside_wheel.is_dir() else package.parent


def assets_dir() -> Path:
    """Folder of icons, fonts, themes and report parts."""
    return _shipped_root() / "assets"


def sbom_path() -> Path:
    """The bill of materials that came with the program (CycloneDX, JSON)."""
    return _shipped_root() / "requirements" / "sbom.json"


def handbook_page() -> Path:
    """First page of the built handbook; missing where nobody has built it."""
    return _shipped_root() / "handbook" / "index.html"


def shipped_models_dir() -> Path:
    """Folder of the models that came with the program, or `BTD_MODELS_DIR`."""
    override = os.environ.get("BTD_MODELS_DIR")
    return Path(override) if override else _shipped_root() / "models"


def _home_override() -> Path | None:
    home = os.environ.get("BTD_HOME")
    return Path(home) if home else None


def data_dir() -> Path:
    """Per-user folder for models, profiles and keys; not created here."""
    home = _home_override()
    return home / "data" if home else Path(platformdirs.user_data_dir(_APP, False))


def config_dir() -> Path:
    """Per-user folder for settings; not created here."""
    home = _home_override()
    return home / "config" if home else Path(platformdirs.user_config_dir(_APP, False))


def log_dir() -> Path:
    """Per-user folder for logs; not created here."""
    home = _home_override()
    return home / "logs" if home else Path(platformdirs.user_log_dir(_APP, False))


def user_models_dir() -> Path:
    """Folder of models that this user trained or imported."""
    return data_dir() / "models"


def user_profiles_dir() -> Path:
    """Folder of calibration profiles that this user fitted."""
    return data_dir() / "profiles"


def model_dirs() -> tuple[Path, ...]:
    """Folders searched for models, shipped ones first."""
    return (shipped_models_dir(), user_models_dir())
