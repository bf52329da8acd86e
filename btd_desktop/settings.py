"""What the examiner prefers, kept in one small TOML file.

Settings never alter a result: whatever does is an argument that the run's manifest
records. A setting is only the value that a form or a command starts with. Window
geometry is not here either; Qt keeps that by itself.

A file that is missing, damaged or written by another version never stops the start:
each usable key is taken, each other one is reported and left at its default.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import msgspec

from btd_desktop.errors import SettingsError
from btd_desktop.paths import config_dir

_MAX_FILE_BYTES = 1 << 20
_MAX_TEXT = 500
_MAX_PARAGRAPH = 4000
_HEADER = "# BTD Desktop settings; see docs/install.md. None of them alters a score.\n"

_Rule = Callable[[object], str | None]


def _one_of(*allowed: str) -> _Rule:
    def complaint(value: object) -> str | None:
        if isinstance(value, str) and value in allowed:
            return None
        return f"must be one of {', '.join(allowed)}"

    return complaint


def _line_of_text(value: object) -> str | None:
    if not isinstance(value, str):
        return "must be text"
    if len(value) > _MAX_TEXT:
        return f"must have at most {_MAX_TEXT} characters"
    # Also refuses lone surrogates and bidi controls, which could make a signed name
    # read differently from what it is.
    return None if value.isprintable() or not value else "must be one printable line"


def _paragraph(value: object) -> str | None:
    if not isinstance(value, str):
        return "must be text"
    if len(value) > _MAX_PARAGRAPH:
        return f"must have at most {_MAX_PARAGRAPH} characters"
    is_clean = all(line.isprintable() for line in value.split("\n"))
    return None if is_clean else "must be printable lines"


def _device(value: object) -> str | None:
    if isinstance(value, str):
        kind, colon, number = value.partition(":")
        plain = kind in ("auto", "cpu", "cuda", "mps") and not colon
        if plain or (kind == "cuda" and number.isascii() and number.isdigit()):
            return None
    return "must be auto, cpu, cuda, cuda:N or mps"


def _rate(value: object) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0.0 < float(value) < 1.0:  # type: ignore[arg-type]
        return None
    return "must be a number between 0 and 1, both excluded"


def _count(low: int, high: int) -> _Rule:
    def complaint(value: object) -> str | None:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if is_whole and low <= value <= high:  # type: ignore[operator]
            return None
        return f"must be a whole number from {low} to {high}"

    return complaint


@dataclass(frozen=True, slots=True)
class Settings:
    """Preferences of one user on one machine.

    Attributes:
        device: Where scoring starts: "auto", "cpu", "cuda", "cuda:N" or "mps".
        dtype: Number format of the network: "auto", "float32" or "bfloat16".
        examiner: Name proposed for new cases and reports; may be empty.
        examiner_role: Role of that examiner, proposed for reports; may be empty.
        examiner_qualification: Training and experience, likewise.
        examiner_independence: Ties to the parties, likewise.
        organisation: Organisation proposed for reports; may be empty.
        default_fpr: False-positive rate that a calibration starts with, in (0, 1).
        theme: "system", "light" or "dark".
        recent_cases_limit: Cases kept in the recent list, 0 to 50.
        paper_size: Page of the report: "A4" or "Letter".
        signing_certificate: PKCS#12 file proposed for signing; empty: a key made on
            first use.
        log_level: "DEBUG", "INFO", "WARNING" or "ERROR".

    Raises:
        SettingsError: A value is outside what is said here.
    """

    device: str = "auto"
    dtype: str = "auto"
    examiner: str = ""
    examiner_role: str = ""
    examiner_qualification: str = ""
    examiner_independence: str = ""
    organisation: str = ""
    default_fpr: float = 0.01
    theme: str = "system"
    recent_cases_limit: int = 10
    paper_size: str = "A4"
    signing_certificate: str = ""
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        for key, rule in _RULES.items():
            complaint = rule(getattr(self, key))
            if complaint is not None:
                raise SettingsError(
                    f"the setting {key} {complaint}", code="bad-setting"
                )


_RULES: dict[str, _Rule] = {
    "device": _device,
    "dtype": _one_of("auto", "float32", "bfloat16"),
    "examiner": _line_of_text,
    "examiner_role": _line_of_text,
    "examiner_qualification": _paragraph,
    "examiner_independence": _paragraph,
    "organisation": _line_of_text,
    "default_fpr": _rate,
    "theme": _one_of("system", "light", "dark"),
    "recent_cases_limit": _count(0, 50),
    "paper_size": _one_of("A4", "Letter"),
    "signing_certificate": _line_of_text,
    "log_level": _one_of("DEBUG", "INFO", "WARNING", "ERROR"),
}


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One key, or the whole file, that could not be used.

    Attributes:
        key: The key as written; empty when the file as a whole is meant.
        reason: What is wrong with it, as the end of a sentence.
    """

    key: str
    reason: str

    def __str__(self) -> str:
        subject = f"the setting {self.key!r}" if self.key else "the settings file"
        return f"{subject} {self.reason}"


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings as far as they could be read, and what could not.

    Attributes:
        settings: Values from the file, defaults elsewhere.
        problems: What was skipped, in the file's order.
    """

    settings: Settings
    problems: tuple[SettingProblem, ...] = ()


def settings_path() -> Path:
    """Path of this user's settings file; it need not exist."""
    return config_dir() / "settings.toml"


def load_settings(path: Path | None = None) -> LoadedSettings:
    """Read settings; whatever is wrong with the file ends in `problems`.

    Args:
        path: The file; by default this user's own.
    """
    source = settings_path() if path is None else path
    try:
        with source.open("rb") as stream:
            raw = stream.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return LoadedSettings(Settings())
    except OSError as error:
        return _whole_file(f"cannot be read ({error.strerror or error})")
    if len(raw) > _MAX_FILE_BYTES:
        return _whole_file(f"is larger than {_MAX_FILE_BYTES} bytes")
    try:
        table = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        return _whole_file(f"is not valid TOML ({error})")
    return _settings_from_table(table)


def _whole_file(reason: str) -> LoadedSettings:
    return LoadedSettings(Settings(), (SettingProblem("", reason),))


def _settings_from_table(table: dict[str, object]) -> LoadedSettings:
    usable: dict[str, object] = {}
    problems: list[SettingProblem] = []
    for key, value in table.items():
        rule = _RULES.get(key)
        complaint = "is not known to this version" if rule is None else rule(value)
        if complaint is None:
            usable[key] = value
        else:
            problems.append(SettingProblem(key, complaint))
    return LoadedSettings(msgspec.convert(usable, Settings), tuple(problems))


def changed_settings(settings: Settings, **changes: object) -> Settings:
    """A copy with some values changed.

    Raises:
        SettingsError: A key is not known or a value is not usable.
    """
    for key in changes:
        if key not in _RULES:
            raise SettingsError(
                f"there is no setting {key!r}",
                hint=f"known settings: {', '.join(_RULES)}",
                code="unknown-setting",
            )
    return replace(settings, **changes)  # type: ignore[arg-type]


def save_settings(settings: Settings, path: Path | None = None) -> None:
    """Write settings in one step: a reader sees the old file or the new one.

    A present file that could not be used in full is kept beside as `*.bak`, so that
    no hand-written line is lost.

    Raises:
        SettingsError: The file cannot be written.
    """
    target = settings_path() if path is None else path
    lines = [f"{f.name} = {_toml(getattr(settings, f.name))}" for f in fields(settings)]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if load_settings(target).problems and target.is_file():
            target.replace(target.with_name(target.name + ".bak"))
        _write_atomically(target, _HEADER + "\n".join(lines) + "\n")
    except OSError as error:
        raise SettingsError(
            f"the settings could not be saved to {target} ({error.strerror or error})",
            hint="check the folder's permissions and the free space",
            code="settings-not-saved",
        ) from error


def _write_atomically(target: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=".settings-", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _toml(value: str | float) -> str:
    # Texts are printable lines (see `_paragraph`), so a basic string needs only these
    # three escapes; a bool cannot occur.
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + escaped.replace("\n", "\\n") + '"'
    return repr(value)
