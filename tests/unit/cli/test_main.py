"""Exit codes, streams and the one broad handler of the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from btd_desktop import __version__
from btd_desktop.__main__ import main
from btd_desktop.cli import main as cli_main
from btd_desktop.cli.commands import COMMANDS
from btd_desktop.cli.main import EXIT_BUG, EXIT_USAGE, run
from btd_desktop.dicom.sandbox import WORKER_FLAG
from btd_desktop.errors import CaseError


def test_version_is_printed_alone(btd):
    result = btd("--version")
    assert (result.status, result.out, result.err) == (0, f"btd {__version__}\n", "")


def test_help_names_every_command(btd):
    result = btd("--help")
    assert result.status == 0
    listed = {line.split()[0] for line in result.out.splitlines() if line[:2] == "  "}
    assert set(COMMANDS) <= listed


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_of_each_command_says_what_it_does(btd, name):
    result = btd(name, "--help")
    assert result.status == 0
    assert f"btd {name}" in result.out
    assert (COMMANDS[name].__doc__ or "").split(".")[0].split(",")[0][:30] in result.out


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("examine",),
        ("score", "case", "--at", "1,2"),
        ("score", "case", "--at", "1,2,3", "--mode", "sideways"),
        ("score", "case", "--keep"),
        ("train", "x", "--preset", "ct96", "--out", "m", "--steps", "0"),
    ],
)
def test_words_that_make_no_sense_end_with_status_2(btd, words):
    result = btd(*words)
    assert result.status == EXIT_USAGE
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert "--help" in result.err


def test_usage_error_for_a_script_is_one_object(btd):
    result = btd("examine", "--json")
    assert result.status == EXIT_USAGE
    assert result.json["error"]["code"] == "usage"


def test_situation_of_the_examiner_is_a_sentence_and_its_own_status(btd, tmp_path):
    result = btd("score", tmp_path / "nowhere")
    assert result.status == CaseError.exit_code
    assert result.err.count("error:") == 1
    assert "is not a case" in result.err
    assert "Traceback" not in result.err


def test_error_for_a_script_has_code_detail_and_hint(btd, tmp_path):
    result = btd("score", tmp_path / "nowhere", "--json")
    assert set(result.json) == {"error"}
    assert result.json["error"]["code"] == "not-a-case"
    assert set(result.json["error"]) == {"code", "detail", "hint"}


def _break(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the bug of this test")

    monkeypatch.setattr("btd_desktop.paths.model_dirs", fail)


def test_bug_ends_with_status_70_and_its_trace_in_the_log(btd, tmp_path, monkeypatch):
    _break(monkeypatch)
    result = btd("models")
    assert result.status == EXIT_BUG
    assert "Traceback" not in result.err + result.out
    assert len(result.err.splitlines()) == 1
    log = (tmp_path / "home" / "logs" / "btd.log").read_text(encoding="utf-8")
    assert "ZeroDivisionError: the bug of this test" in log
    assert "Traceback" in log


def test_bug_for_a_script_is_one_object(btd, monkeypatch):
    _break(monkeypatch)
    assert btd("models", "--json").json["error"]["code"] == "bug"


def test_interrupt_outside_of_long_work_ends_with_status_130(btd, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("btd_desktop.paths.model_dirs", interrupt)
    assert btd("models").status == 130


def test_command_works_where_no_log_can_be_kept(btd, tmp_path):
    (tmp_path / "home").write_text("a file where the folder should be")
    result = btd("models")
    assert result.status == 0
    assert "no log is kept" in result.err


def test_settings_that_cannot_be_used_are_told_and_skipped(btd, tmp_path):
    config = tmp_path / "home" / "config"
    config.mkdir(parents=True)
    (config / "settings.toml").write_text('device = "abacus"\n')
    result = btd("models")
    assert result.status == 0
    assert "'device'" in result.err


def test_no_words_open_the_window():
    opened: list[Path | None] = []

    def open_window(path: Path | None) -> int:
        opened.append(path)
        return 0

    assert run(["gui"], open_window) == 0
    assert run(["gui", "a case"], open_window) == 0
    assert opened == [None, Path("a case")]


def test_main_without_arguments_asks_for_the_window(monkeypatch):
    seen: list[list[str]] = []

    def remember(argv: list[str], _: object) -> int:
        seen.append(argv)
        return 0

    monkeypatch.setattr(cli_main, "run", remember)
    assert main([]) == 0
    assert seen == [["gui"]]


def test_window_that_cannot_be_imported_is_a_sentence(btd, monkeypatch):
    monkeypatch.setitem(sys.modules, "btd_desktop.gui.app", None)
    result = btd("gui")
    assert result.status == 1
    assert "the window cannot be opened" in result.err
    assert "Traceback" not in result.err


def test_frozen_program_starts_its_parsing_process_by_flag(monkeypatch):
    monkeypatch.setattr("btd_desktop.dicom.worker.main", lambda: 42)
    assert main([WORKER_FLAG, "{}"]) == 42


def test_frozen_program_starts_its_checkpoint_reader_by_flag(monkeypatch):
    from btd_desktop.diffusion.published import READER_FLAG

    monkeypatch.setattr(
        "btd_desktop.diffusion.published_reader.main", lambda words: len(words)
    )
    assert main([READER_FLAG, "a", "b"]) == 2


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["train", "--help"]])
def test_help_loads_nothing_heavy(words):
    code = (
        "import json, sys\n"
        "from btd_desktop.__main__ import main\n"
        f"status = main({words!r})\n"
        "print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    status, loaded = json.loads(done.stderr)
    assert status == 0
    heavy = {"torch", "PySide6", "pydicom", "SimpleITK", "reportlab", "sqlite3"}
    assert not heavy & set(loaded)


def test_reader_of_the_output_that_goes_away_is_no_bug():
    code = (
        "import sys, time\n"
        "from btd_desktop.__main__ import main\n"
        "time.sleep(0.3)\n"
        "sys.exit(main(['doctor']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=120) == 141
    assert told == b""
