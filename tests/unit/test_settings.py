"""Settings survive the round trip; a bad file never stops the start."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from btd_desktop import settings as settings_module
from btd_desktop.errors import SettingsError
from btd_desktop.settings import (
    _RULES,
    Settings,
    changed_settings,
    load_settings,
    save_settings,
    settings_path,
)

_LINES = st.text(max_size=40).filter(str.isprintable)
_SETTINGS = st.builds(
    Settings,
    device=st.sampled_from(["auto", "cpu", "cuda", "cuda:1", "mps"]),
    dtype=st.sampled_from(["auto", "float32", "bfloat16"]),
    examiner=_LINES,
    organisation=_LINES,
    default_fpr=st.floats(1e-12, 0.999),
    theme=st.sampled_from(["system", "light", "dark"]),
    recent_cases_limit=st.integers(0, 50),
    paper_size=st.sampled_from(["A4", "Letter"]),
    signing_certificate=_LINES,
    log_level=st.sampled_from(["DEBUG", "INFO", "WARNING", "ERROR"]),
)


def _written(folder: Path, text: str | bytes) -> Path:
    path = folder / "settings.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@given(value=_SETTINGS)
@hypothesis_settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_saved_settings_are_read_back_equal(tmp_path, value):
    path = tmp_path / "settings.toml"
    save_settings(value, path)
    loaded = load_settings(path)
    assert loaded.settings == value
    assert loaded.problems == ()


@given(raw=st.binary(max_size=200))
@hypothesis_settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_load_without_raising(tmp_path, raw):
    loaded = load_settings(_written(tmp_path, raw))
    assert isinstance(loaded.settings, Settings)


def test_every_setting_has_a_rule_and_is_documented():
    names = [f.name for f in fields(Settings)]
    assert names == list(_RULES)
    assert all(f"        {name}:" in (Settings.__doc__ or "") for name in names)


def test_missing_file_gives_defaults_without_a_problem(tmp_path):
    loaded = load_settings(tmp_path / "none.toml")
    assert loaded.settings == Settings()
    assert loaded.problems == ()


def test_bad_and_unknown_keys_are_skipped_and_named_others_kept(tmp_path):
    path = _written(
        tmp_path,
        'theme = "dark"\ndefault_fpr = 2.0\ncolour = "red"\nrecent_cases_limit = true\n'
        'device = "cuda:x"\n',
    )
    loaded = load_settings(path)
    assert loaded.settings == Settings(theme="dark")
    assert [p.key for p in loaded.problems] == [
        "default_fpr",
        "colour",
        "recent_cases_limit",
        "device",
    ]
    assert str(loaded.problems[1]) == (
        "the setting 'colour' is not known to this version"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"theme = ", "not valid TOML"),
        (b"\xff\xfe\x00", "not valid TOML"),
        (b"x = " + b"[" * 100_000, "not valid TOML"),
        (b"#" * ((1 << 20) + 1), "larger than"),
    ],
    ids=["syntax", "encoding", "depth", "size"],
)
def test_unusable_file_gives_defaults_and_one_problem(tmp_path, content, reason):
    loaded = load_settings(_written(tmp_path, content))
    assert loaded.settings == Settings()
    assert len(loaded.problems) == 1
    assert reason in str(loaded.problems[0])


def test_folder_in_place_of_the_file_gives_defaults_and_one_problem(tmp_path):
    (tmp_path / "settings.toml").mkdir()
    loaded = load_settings(tmp_path / "settings.toml")
    assert loaded.settings == Settings()
    assert "cannot be read" in str(loaded.problems[0])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("device", "tpu"),
        ("device", "cpu:0"),
        ("device", "cuda:"),
        ("dtype", "float16"),
        ("examiner", "two\nlines"),
        ("examiner", "reversed \u202e name"),
        ("organisation", "\ud800"),
        ("organisation", "x" * 501),
        ("default_fpr", 0.0),
        ("default_fpr", 1.0),
        ("default_fpr", float("nan")),
        ("default_fpr", True),
        ("default_fpr", "0.01"),
        ("theme", "pink"),
        ("recent_cases_limit", -1),
        ("recent_cases_limit", 51),
        ("recent_cases_limit", 3.0),
        ("log_level", "info"),
    ],
)
def test_value_outside_its_rule_is_refused_by_name(key, value):
    with pytest.raises(SettingsError, match=key):
        Settings(**{key: value})


def test_changed_settings_changes_only_what_is_named():
    changed = changed_settings(Settings(examiner="A. Turing"), theme="light")
    assert changed == Settings(examiner="A. Turing", theme="light")


def test_changed_settings_with_unknown_key_names_the_known_ones():
    with pytest.raises(SettingsError, match="colour") as caught:
        changed_settings(Settings(), colour="red")
    assert "theme" in caught.value.hint


def test_saving_over_a_damaged_file_keeps_it_beside(tmp_path):
    path = _written(tmp_path, "my own notes\n")
    save_settings(Settings(), path)
    assert load_settings(path).problems == ()
    backup = tmp_path / "settings.toml.bak"
    assert backup.read_text(encoding="utf-8") == "my own notes\n"


def test_saving_leaves_no_temporary_file(tmp_path):
    save_settings(Settings(), tmp_path / "deep" / "settings.toml")
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["settings.toml"]


def test_saving_where_it_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SettingsError, match="could not be saved"):
        save_settings(Settings(), tmp_path / "file" / "settings.toml")


def test_default_path_lies_under_btd_home(tmp_path, monkeypatch):
    monkeypatch.setenv("BTD_HOME", str(tmp_path))
    save_settings(Settings(theme="dark"))
    assert settings_path() == tmp_path / "config" / "settings.toml"
    assert load_settings().settings.theme == "dark"


def test_no_part_below_the_workflow_reads_a_setting():
    package = Path(settings_module.__file__).parent
    readers = {
        path.relative_to(package).parts[0]
        for path in package.rglob("*.py")
        if re.search(
            r"btd_desktop\.settings\b|btd_desktop import .*\bsettings\b",
            path.read_text(encoding="utf-8"),
        )
    }
    assert "workflow" in readers
    assert readers <= {"workflow", "cli", "gui"}


def test_paragraphs_of_the_examiner_survive_and_controls_are_refused(tmp_path):
    path = tmp_path / "settings.toml"
    text = 'Line "one"\nline \\ two'
    save_settings(Settings(examiner_qualification=text), path)
    loaded = load_settings(path)
    assert loaded.problems == ()
    assert loaded.settings.examiner_qualification == text
    for bad in ("a\u202eb", "a\x00", "x" * 4001):
        with pytest.raises(SettingsError, match="examiner_qualification"):
            Settings(examiner_qualification=bad)
    with pytest.raises(SettingsError, match="examiner_role"):
        Settings(examiner_role="two\nlines")
