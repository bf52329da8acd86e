"""The lock pins everything that the project needs; its maker reads markers right."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def make_lock() -> ModuleType:
    path = ROOT / "requirements" / "make_lock.py"
    spec = importlib.util.spec_from_file_location("make_lock", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_lock"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)$", text, re.MULTILINE))


def test_every_declared_dependency_is_pinned_in_its_file(make_lock):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    name_of = re.compile(r"[A-Za-z0-9._-]+")
    for requirements, pins in (
        (project["dependencies"], _pins("lock.txt")),
        (project["optional-dependencies"]["score"], _pins("lock.txt")),
        (project["optional-dependencies"]["dev"], _pins("lock-dev.txt")),
    ):
        for requirement in requirements:
            match = name_of.match(requirement)
            assert match is not None
            assert make_lock.normalised(match.group()) in pins


def test_closure_here_is_pinned_with_the_versions_installed_here(make_lock):
    runtime, dev = make_lock.lock_texts(ROOT / "pyproject.toml")
    pins = _pins("lock.txt") | _pins("lock-dev.txt")
    needed = dict(re.findall(r"^([a-z0-9-]+)==(\S+)$", runtime + dev, re.MULTILINE))
    assert needed.keys() <= pins.keys()
    assert {name: pins[name] for name in needed} == needed


def test_lock_brings_no_cuda_and_no_gpl_decoder():
    pins = _pins("lock.txt")
    assert not [n for n in pins if n.startswith(("nvidia", "cuda", "triton"))]
    assert not pins.keys() & {"pylibjpeg-libjpeg", "python-gdcm", "pymupdf"}


def test_parts_of_a_cuda_build_are_neither_needed_nor_pinned(make_lock):
    # Whoever has a CUDA build of torch checks the same lock.
    brought = ["nvidia-cublas==13.0; platform_system == 'Linux'", "cuda-toolkit"]
    found = make_lock.closure([*brought, "triton==3.7; platform_system == 'Linux'"])
    assert found.pins == {}
    with pytest.raises(metadata.PackageNotFoundError):
        make_lock.closure(["tritonclient-that-nobody-has"])


def test_torch_is_an_extra_that_the_bootstrap_s_lock_brings():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert not [d for d in project["dependencies"] if d.startswith("torch")]
    (torch,) = project["optional-dependencies"]["score"]
    assert torch == f"torch=={_pins('lock.txt')['torch']}"


def test_no_package_is_pinned_twice():
    assert not _pins("lock.txt").keys() & _pins("lock-dev.txt").keys()


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ('python_version >= "3.9"', True),
        ('python_version < "3.9"', False),
        ('python_version < "3.100"', True),
        ('"3.9" <= python_version', True),
        ('sys_platform == "linux" and extra == "x"', True),
        ('sys_platform == "win32" or (extra == "x" and os_name != "nt")', True),
        ('extra == "y"', False),
        ('platform_machine in "x86_64 aarch64"', True),
        ('platform_machine not in "x86_64 aarch64"', False),
    ],
)
def test_marker_is_evaluated_as_pip_does(make_lock, marker, holds):
    environment = make_lock.marker_environment() | {
        "python_version": "3.11",
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "extra": "x",
    }
    assert make_lock.marker_holds(marker, environment) is holds


@pytest.mark.parametrize("marker", ['python_version ~= "3.9"', "os_name", 'x == "y"'])
def test_marker_that_cannot_be_read_is_refused(make_lock, marker):
    with pytest.raises(ValueError, match="marker"):
        make_lock.marker_holds(marker, make_lock.marker_environment())


def test_requirement_that_is_not_installed_is_named(make_lock):
    with pytest.raises(metadata.PackageNotFoundError, match="no-such-package-here"):
        make_lock.closure(["no-such-package-here>=1"])
