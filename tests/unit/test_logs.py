"""What must not reach a log does not reach it; what happened does."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from btd_desktop import logs
from btd_desktop.errors import SettingsError
from btd_desktop.logs import Redactor, close_logging, configure_logging

LOG = logging.getLogger("btd_desktop.tests")


@pytest.fixture
def log_folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "logs"
    close_logging()


class _Collector(logging.Handler):
    def __init__(self, seen: list[logging.LogRecord]) -> None:
        super().__init__()
        self._seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        self._seen.append(record)


def _text(folder: Path) -> str:
    return (folder / "btd.log").read_text(encoding="utf-8")


def test_message_at_or_above_level_is_written_with_utc_time(log_folder):
    configure_logging(log_folder, level="INFO")
    LOG.info("scored %d slices", 12)
    LOG.debug("too fine")
    text = _text(log_folder)
    assert text.rstrip().endswith("INFO btd_desktop.tests: scored 12 slices")
    assert text[10] == "T"
    assert text[19] == "Z"
    assert "too fine" not in text


def test_registered_patient_name_is_replaced_in_any_order_and_case(log_folder):
    redactor = configure_logging(log_folder)
    alias = redactor.register("Doering^Annegret", "patient")
    LOG.info("opened the study of annegret DOERING, id %s", "Doering^Annegret")
    text = _text(log_folder)
    assert "oering" not in text.casefold()
    assert "annegret" not in text.casefold()
    assert f"opened the study of {alias} {alias}, id {alias}" in text


def test_same_text_keeps_its_id_and_another_gets_the_next(log_folder):
    redactor = configure_logging(log_folder)
    assert redactor.register("4711-A", "patient") == "patient-1"
    assert redactor.register("4711-a", "patient") == "patient-1"
    assert redactor.register("4712-B", "patient") == "patient-2"


def test_text_inside_a_longer_word_is_left_alone():
    redactor = Redactor()
    redactor.register("Lee", "patient")
    assert redactor.redact("sleeping Lee, lee.") == "sleeping patient-1, patient-1."


def test_longer_registered_text_wins_over_its_part():
    redactor = Redactor()
    redactor.register("Berg", "patient")
    redactor.register("Berg 7", "room")
    assert redactor.redact("in Berg 7 now") == "in room-1 now"


def test_text_shorter_than_the_minimum_is_not_searched_for():
    redactor = Redactor()
    assert redactor.register("12", "patient") == "patient-1"
    assert redactor.redact("slice 12 of 120") == "slice 12 of 120"


def test_nothing_registered_leaves_text_as_it_is():
    assert Redactor().redact("plain") == "plain"


def test_path_arguments_become_ids_and_stay_the_same_ids(log_folder):
    configure_logging(log_folder)
    evidence = Path("/evidence/Doering Annegret/IM 1")
    LOG.info("reading %s", evidence)
    LOG.info("read %(file)s", {"file": evidence})
    text = _text(log_folder)
    assert "Doering" not in text
    assert "reading path-1" in text
    assert "read path-1" in text


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("cannot open '/mnt/x y/DOE/1.dcm' now", "cannot open path-1 now"),
        ("cannot open /mnt/DOE/1.dcm: denied", "cannot open path-1: denied"),
        (r"cannot open C:\cases\DOE\1.dcm", "cannot open path-1"),
        ("rate 3/4, type image/png, s/mm", "rate 3/4, type image/png, s/mm"),
    ],
)
def test_absolute_path_in_words_becomes_an_id(log_folder, message, expected):
    configure_logging(log_folder)
    LOG.warning(message)
    assert _text(log_folder).rstrip().endswith(expected)


def test_sensitive_extra_becomes_an_id_once_for_all_handlers(log_folder):
    console = io.StringIO()
    configure_logging(log_folder, console=console)
    seen: list[logging.LogRecord] = []
    logger = logging.getLogger(logs.LOGGER_NAME)
    logger.addHandler(_Collector(seen))
    logger.warning("import of Doering", extra={"patient_name": "Doering"})
    assert seen[0].__dict__["patient_name"] == "patient-1"
    assert "import of patient-1" in _text(log_folder)
    assert "import of patient-1" in console.getvalue()


def test_trace_is_indented_and_carries_no_registered_text_or_path(log_folder):
    redactor = configure_logging(log_folder)
    redactor.register("Doering", "patient")
    missing = Path("/no/such/folder/Doering.dcm")
    try:
        missing.open("rb")
    except FileNotFoundError:
        LOG.exception("import failed for Doering")
    text = _text(log_folder)
    first, *trace = text.rstrip().split("\n")
    assert first.endswith("import failed for patient-1")
    assert all(line.startswith("    ") for line in trace)
    assert "test_logs.py" in text
    assert "FileNotFoundError" in trace[-1]
    assert "Doering" not in trace[-1]
    assert "such/folder" not in trace[-1]


def test_trace_cached_by_another_handler_is_redacted_all_the_same(log_folder):
    redactor = configure_logging(log_folder)
    redactor.register("Doering", "patient")
    other = logging.StreamHandler(io.StringIO())
    logger = logging.getLogger(logs.LOGGER_NAME)
    logger.handlers.insert(0, other)
    try:
        int("Doering")
    except ValueError:
        LOG.exception("failed")
    assert "literal for int() with base 10: '…'" in _text(log_folder)
    assert "literal for int() with base 10: 'Doering'" in other.stream.getvalue()


def test_control_and_bidi_characters_cannot_forge_a_line(log_folder):
    configure_logging(log_folder)
    LOG.info("series %s", "a\n2026-01-01T00:00:00Z ERROR forged\u202e\x1b[31m")
    lines = _text(log_folder).rstrip().split("\n")
    assert len(lines) == 1
    assert "\\n2026" in lines[0]
    assert "\\u202e\\x1b[31m" in lines[0]


def test_console_gets_warnings_only(log_folder):
    console = io.StringIO()
    configure_logging(log_folder, console=console)
    LOG.info("quiet")
    LOG.warning("loud")
    assert "loud" in console.getvalue()
    assert "quiet" not in console.getvalue()


def test_file_rotates_and_old_files_are_bounded(log_folder, monkeypatch):
    monkeypatch.setattr(logs, "_MAX_BYTES", 300)
    configure_logging(log_folder)
    for number in range(60):
        LOG.info("line %d", number)
    files = sorted(p.name for p in log_folder.iterdir())
    assert files == ["btd.log", *(f"btd.log.{n}" for n in range(1, 5))]
    assert all(p.stat().st_size <= 300 for p in log_folder.iterdir())
    assert "line 59" in _text(log_folder)


def test_second_configuration_replaces_the_first(log_folder, tmp_path):
    configure_logging(log_folder)
    configure_logging(tmp_path / "second")
    LOG.info("once")
    assert "once" not in _text(log_folder)
    assert _text(tmp_path / "second").count("once") == 1


def test_close_restores_propagation_and_leaves_no_handler(log_folder):
    configure_logging(log_folder)
    close_logging()
    logger = logging.getLogger(logs.LOGGER_NAME)
    assert logger.handlers == []
    assert logger.propagate


def test_unknown_level_is_refused(log_folder):
    with pytest.raises(SettingsError, match="LOUD"):
        configure_logging(log_folder, level="LOUD")


def test_folder_that_is_a_file_is_refused_with_a_reason(tmp_path):
    blocked = tmp_path / "logs"
    blocked.write_text("a file", encoding="utf-8")
    with pytest.raises(SettingsError, match="cannot be opened") as caught:
        configure_logging(blocked)
    assert caught.value.code == "log-not-writable"
