"""The bootstrap stops with one sentence, repeats nothing and hides no failure."""

from __future__ import annotations

import ast
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from btd_desktop import native_libraries

SOURCE = Path(__file__).resolve().parents[2] / "bootstrap.py"


@pytest.fixture
def bootstrap(tmp_path: Path) -> ModuleType:
    """The bootstrap as a module, its root an empty project."""
    copy = shutil.copy(SOURCE, tmp_path / "bootstrap.py")
    spec = importlib.util.spec_from_file_location("bootstrap", copy)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    for name in (
        "pyproject.toml",
        "requirements/lock.txt",
        "requirements/lock-dev.txt",
    ):
        (tmp_path / name).write_text("", encoding="utf-8")
    return module


@pytest.fixture
def commands(bootstrap, monkeypatch):
    """Commands that would have been run; each ends with the next of `statuses`."""
    log = SimpleNamespace(calls=[], statuses=[])

    def run(*command: object, env: object = None) -> int:
        log.calls.append([str(part) for part in command])
        return log.statuses.pop(0) if log.statuses else 0

    monkeypatch.setattr(bootstrap, "run", run)
    return log


def test_source_is_readable_by_pythons_it_refuses():
    ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 7))


@pytest.mark.parametrize(
    ("source", "ours"),
    [
        (SOURCE, {"btd_desktop"}),
        (SOURCE.with_name("btd_desktop") / "__init__.py", set()),
        (Path(native_libraries.__file__), set()),
    ],
    ids=["bootstrap", "package", "libraries"],
)
def test_source_needs_the_standard_library_only(source, ours):
    tree = ast.parse(source.read_text(encoding="utf-8"))
    names = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names <= sys.stdlib_module_names | ours
    from_us = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    taken = {a.name for n in from_us if n.module == "btd_desktop" for a in n.names}
    assert taken == ({"native_libraries"} if ours else set())


def test_old_python_is_refused_with_both_versions(bootstrap, monkeypatch):
    old = (3, 9, 2)
    monkeypatch.setattr(
        bootstrap,
        "sys",
        SimpleNamespace(version_info=old, version="3.9.2", stderr=None),
    )
    with pytest.raises(bootstrap.Stop, match=r"3\.11 or newer.*3\.9\.2"):
        bootstrap.check_python()


def test_full_disk_is_refused_before_anything_is_made(bootstrap, monkeypatch):
    usage = SimpleNamespace(free=3 * 1024**3)
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda _: usage)
    assert bootstrap.main(["install"]) == 1
    assert not bootstrap.VENV.exists()


def test_missing_venv_module_names_its_package(bootstrap, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert bootstrap.main(["install"]) == 1
    assert "python3-venv" in capsys.readouterr().err


def _pretend_installed(bootstrap, monkeypatch) -> None:
    monkeypatch.setattr(bootstrap, "make_venv", lambda: bootstrap.VENV.mkdir())
    monkeypatch.setattr(bootstrap, "venv_is_usable", lambda: bootstrap.VENV.is_dir())


def test_second_install_runs_nothing_until_a_pin_changes(
    bootstrap, commands, monkeypatch
):
    _pretend_installed(bootstrap, monkeypatch)
    bootstrap.install("runtime")
    assert len(commands.calls) == 2
    assert any(c.endswith("lock.txt") for c in commands.calls[0])
    bootstrap.install("runtime")
    assert len(commands.calls) == 2
    bootstrap.LOCKS["runtime"].write_text("numpy==2.4.6\n", encoding="utf-8")
    monkeypatch.setattr(bootstrap, "make_venv", lambda: None)
    bootstrap.install("runtime")
    assert len(commands.calls) == 4


def test_install_for_tests_counts_for_the_program_too(bootstrap, commands, monkeypatch):
    _pretend_installed(bootstrap, monkeypatch)
    bootstrap.install("dev")
    bootstrap.install("runtime")
    assert len(commands.calls) == 2
    assert json.loads(bootstrap.STAMP.read_text("utf-8")).keys() == {"dev", "runtime"}


def test_failed_pip_leaves_no_stamp(bootstrap, commands, monkeypatch, capsys):
    _pretend_installed(bootstrap, monkeypatch)
    commands.statuses = [1]
    assert bootstrap.main(["install"]) == 1
    assert not bootstrap.STAMP.exists()
    assert "pip could not install" in capsys.readouterr().err


def test_damaged_stamp_counts_as_none(bootstrap):
    bootstrap.VENV.mkdir()
    bootstrap.STAMP.write_text("{", encoding="utf-8")
    assert bootstrap.read_stamp() == {}


def test_environment_of_a_broken_interpreter_is_not_usable(bootstrap):
    python = bootstrap.venv_python()
    python.parent.mkdir(parents=True)
    python.write_text("not a program", encoding="utf-8")
    assert not bootstrap.venv_is_usable()


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [([0, 0], 0), ([0, 5], 0), ([5, 0], 0), ([5, 5], 5), ([1, 0], 1), ([0, 2], 2)],
)
def test_status_of_the_two_groups_is_that_of_the_worse(
    bootstrap, commands, statuses, expected
):
    commands.statuses = list(statuses)
    assert bootstrap.run_tests(["-q"]) == expected
    markers = [call[call.index("-m", 2) + 1] for call in commands.calls]
    assert markers == ["not realdata", "realdata"]
    assert all(call[-1] == "-q" for call in commands.calls)


def test_modules_are_spread_over_the_cores_unless_told_otherwise(bootstrap, commands):
    bootstrap.run_tests(["-q"])
    assert all("--numprocesses=auto" in call for call in commands.calls)
    commands.calls.clear()
    bootstrap.run_tests(["-n0"])
    assert not any("--numprocesses=auto" in call for call in commands.calls)


def test_own_marker_replaces_the_groups_by_one_run(bootstrap, commands):
    commands.statuses = [1]
    assert bootstrap.run_tests(["-m", "gui"]) == 1
    assert len(commands.calls) == 1


def test_failed_check_fails_the_whole_although_the_tests_pass(
    bootstrap, commands, monkeypatch, capsys
):
    monkeypatch.chdir(bootstrap.ROOT)
    monkeypatch.setattr(bootstrap, "install", lambda kind: None)
    monkeypatch.setattr(bootstrap, "qt_complaint", lambda *, window: "")
    commands.statuses = [0, 0, 1, 0, 0, 0]
    assert bootstrap.main(["test"]) == 1
    assert "failed: mypy;" in capsys.readouterr().err
    assert len(commands.calls) == 6


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["--out", "demo-case"]),
        (["--json"], ["--out", "demo-case", "--json"]),
        (["--out", "x"], ["--out", "x"]),
        (["--out=x"], ["--out=x"]),
    ],
)
def test_demo_goes_on_without_qt_and_passes_its_arguments(
    bootstrap, commands, monkeypatch, arguments, expected
):
    monkeypatch.setattr(bootstrap, "install", lambda kind: None)
    monkeypatch.setattr(bootstrap, "qt_complaint", lambda *, window: "Qt needs a, b")
    assert bootstrap.demo(arguments) == 0
    assert commands.calls[0][1:] == ["-m", "btd_desktop", "demo", *expected]


def _loading_qt_ends(bootstrap, monkeypatch, returncode: int, stderr: str) -> None:
    done = subprocess.CompletedProcess([], returncode, "", stderr)
    monkeypatch.setattr(bootstrap.subprocess, "run", lambda *_, **__: done)


def test_library_that_qt_misses_is_named_with_its_packages(bootstrap, monkeypatch):
    _loading_qt_ends(
        bootstrap,
        monkeypatch,
        1,
        "ImportError: libEGL.so.1: cannot open shared object file: No such file",
    )
    monkeypatch.setattr(native_libraries, "missing_libraries", lambda _: [])
    complaint = bootstrap.qt_complaint(window=False)
    assert "libEGL.so.1" in complaint
    assert "libegl1" in complaint
    assert "libglvnd-egl" in complaint


def test_library_of_the_window_is_asked_for_only_with_a_window(bootstrap, monkeypatch):
    _loading_qt_ends(bootstrap, monkeypatch, 0, "")
    monkeypatch.setattr(
        native_libraries,
        "missing_libraries",
        lambda known: [n for n in known if n == "libxcb-cursor.so.0"],
    )
    assert bootstrap.qt_complaint(window=False) == ""
    assert "xcb-util-cursor" in bootstrap.qt_complaint(window=True)


def test_unknown_command_shows_the_usage(bootstrap, capsys):
    assert bootstrap.main(["fly"]) == 2
    assert bootstrap.main(["--help"]) == 0
    assert "bootstrap.py demo" in capsys.readouterr().err
