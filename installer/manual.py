"""The manual page, written from the commands that the program has."""

from __future__ import annotations

from typing import Any, Final

import typer.main

from installer.shipped import project, version

_STATUSES: Final = (
    ("0", "done"),
    ("1", "the command's answer is no, or an error of no other kind"),
    ("2", "the command cannot be understood"),
    ("3–10", "evidence, model, calibration, case, report, setting, a case that is not "
     "authenticated, a part that is not installed"),
    ("70", "an error in the program; its trace is in the log"),
    ("130", "stopped by the user"),
)  # fmt: skip


def manual_page() -> str:
    """btd(1) in the language of man."""
    from btd_desktop.cli.main import _make_app

    app: Any = typer.main.get_command(_make_app())
    lines = [
        f'.TH BTD 1 "" "BTD Desktop {version()}" "User commands"',
        ".SH NAME",
        "btd \\- examine CT and MR scans for tampering",
        ".SH SYNOPSIS",
        ".B btd",
        "[\\fICOMMAND\\fR [\\fIARGUMENT\\fR ...]]",
        ".SH DESCRIPTION",
        _plain(project()["description"]),
        "Without a command the window opens.",
        ".B btd \\fICOMMAND\\fB \\-\\-help",
        "lists the options of a command.",
        ".SH COMMANDS",
    ]
    for name, command in sorted(app.commands.items()):
        lines += [".TP", f".B {_plain(name)}", _plain(_first_sentence(command.help))]
        for inner, part in sorted(getattr(command, "commands", {}).items()):
            told = _plain(_first_sentence(part.help))
            lines += [".TP", f".B {_plain(name)} {_plain(inner)}", told]
    lines.append(".SH EXIT STATUS")
    for status, meaning in _STATUSES:
        lines += [".TP", f".B {_plain(status)}", _plain(meaning)]
    lines += [
        ".SH ENVIRONMENT",
        ".TP",
        ".B BTD_HOME",
        "one folder for settings, keys, own models and logs",
        ".TP",
        ".B BTD_MODELS_DIR",
        "replaces the folder of shipped models",
        ".SH FILES",
        "Cases lie where they were put. Settings and keys lie in the folders that",
        ".B btd doctor",
        "prints.",
    ]
    return "\n".join(lines) + "\n"


def _first_sentence(text: str | None) -> str:
    words = " ".join((text or "").split("\n\n")[0].split())
    return words.partition(". ")[0].rstrip(".")


def _plain(text: str) -> str:
    """Text that troff takes as it is."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
