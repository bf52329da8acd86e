"""Every folder is found in a checkout, a wheel and a bundle, and can be moved."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from btd_desktop import paths

ROOT = Path(__file__).resolve().parents[2]


def test_checkout_keeps_assets_and_models_at_its_root(monkeypatch):
    monkeypatch.delenv("BTD_MODELS_DIR", raising=False)
    assert paths.assets_dir() == ROOT / "assets"
    assert paths.shipped_models_dir() == ROOT / "models"


def test_wheel_keeps_them_inside_the_package(tmp_path, monkeypatch):
    shipped = tmp_path / "btd_desktop" / "_shipped"
    shipped.mkdir(parents=True)
    module = tmp_path / "btd_desktop" / "paths.py"
    monkeypatch.setattr(paths, "__file__", str(module))
    assert paths.assets_dir() == shipped.resolve() / "assets"


def test_bundle_keeps_them_beside_the_program(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert paths.assets_dir() == tmp_path / "assets"


def test_models_variable_overrides_the_shipped_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BTD_MODELS_DIR", str(tmp_path))
    assert paths.shipped_models_dir() == tmp_path
    assert paths.model_dirs()[0] == tmp_path


@pytest.mark.parametrize(
    ("function", "inside"),
    [
        (paths.data_dir, "data"),
        (paths.config_dir, "config"),
        (paths.log_dir, "logs"),
        (paths.user_models_dir, "data/models"),
        (paths.user_profiles_dir, "data/profiles"),
    ],
)
def test_home_variable_moves_every_user_folder(tmp_path, monkeypatch, function, inside):
    monkeypatch.setenv("BTD_HOME", str(tmp_path))
    assert function() == tmp_path / inside
    assert list(tmp_path.iterdir()) == []


def test_without_home_variable_the_folders_are_the_platform_own(monkeypatch):
    monkeypatch.delenv("BTD_HOME")
    for folder in (paths.data_dir(), paths.config_dir(), paths.log_dir()):
        assert folder.is_absolute()
        assert "BTD Desktop" in folder.parts


def test_tests_never_touch_the_user_own_folders(btd_home):
    assert paths.data_dir().is_relative_to(btd_home)
    assert paths.config_dir().is_relative_to(btd_home)
