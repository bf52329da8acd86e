"""`btd doctor --selftest`: a line for each check, and an exit status that tells."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from btd_desktop.workflow.selftest.steps import Check

OK = Check("packages", "ok", "16 load")
LEFT = Check("score", "not tried", "torch is not installed")
BAD = Check("report", "not", "cannot be signed")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch):
    """Lets the self-test find what is given."""

    def give(*checks: Check) -> None:
        def run(on_check):
            for check in checks:
                on_check(check)
            return checks

        monkeypatch.setattr("btd_desktop.workflow.selftest.steps.run_selftest", run)

    return give


def test_all_that_was_tried_passed_is_status_zero(btd, found):
    found(OK, LEFT)
    result = btd("doctor", "--selftest")
    assert result.status == 0
    assert result.out.splitlines() == [
        "ok         packages: 16 load",
        "not tried  score: torch is not installed",
        "All that was tried passed (1 not tried).",
    ]


def test_one_failure_is_status_one(btd, found):
    found(OK, BAD, LEFT)
    result = btd("doctor", "--selftest")
    assert result.status == 1
    assert "not        report: cannot be signed" in result.out
    assert result.out.splitlines()[-1] == "Something does not work."
    told = btd("doctor", "--selftest", "--json")
    assert told.status == 1
    assert told.json["ok"] is False
    assert told.json["checks"][1] == {
        "name": "report",
        "state": "not",
        "words": "cannot be signed",
    }


def test_components_and_selftest_exclude_each_other(btd):
    assert btd("doctor", "--selftest", "--components").status == 2


@pytest.mark.skipif(sys.platform != "linux", reason="displays of Linux")
@pytest.mark.parametrize("words", [[], ["gui"]])
def test_window_without_a_display_is_a_sentence_and_no_abort(tmp_path, words):
    environment = os.environ | {"BTD_HOME": str(tmp_path)}
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-m", "btd_desktop", *words],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "error: the window cannot be opened: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "platform plugin" not in done.stderr


def test_qt_that_does_not_load_names_its_library(btd, monkeypatch):
    said = "libEGL.so.1: cannot open shared object file: No such file or directory"

    def load(name: str):
        raise ImportError(said)

    monkeypatch.setattr("btd_desktop.__main__.importlib.import_module", load)
    result = btd("gui")
    assert result.status == 1
    assert "libegl1" in result.err
