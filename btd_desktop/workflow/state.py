"""Put what the examiner states into a case, from files and from the settings."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from btd_desktop.cases import audit
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import SettingsError
from btd_desktop.examination.statement import (
    Examiner,
    Statement,
    details_of,
    statement_in,
    statement_with,
    without_info,
)
from btd_desktop.settings import (
    Settings,
    changed_settings,
    load_settings,
    save_settings,
)
from btd_desktop.workflow.services import Services

_LARGEST_FILE: Final = 1 << 20


def state(store: CaseStore, statement: Statement, services: Services) -> Statement:
    """Keep a statement in the case, where it is not the one kept already.

    Args:
        store: Case open for writing, and authenticated.
        statement: All that is stated; what it leaves empty becomes empty.
        services: Clock.

    Returns:
        What is stated from now on; a demonstration stays one.

    Raises:
        SettingsError: A text is too long.
    """
    before = statement_in(store)
    demonstration = before.is_demonstration or statement.is_demonstration
    statement = replace(statement, is_demonstration=demonstration)
    if statement == before:
        return before
    # What is stored must be read again; texts of the case itself have no limit.
    statement_with(without_info(statement), {}, "what is stated")
    mandate = statement.mandate
    store.update_info(
        now=services.now(),
        case_number=mandate.case_number,
        client=mandate.client,
        examiner=statement.examiner.name,
        question=mandate.question,
    )
    if details_of(statement) != details_of(before):
        store.append_audit(
            audit.STATED, details_of(statement), store.actor, services.now()
        )
    return statement_in(store)


@dataclass(frozen=True, slots=True)
class StatementFile:
    """What a statement file holds, checked.

    Attributes:
        name: Of the file, for errors.
        tables: Tables of fields.
    """

    name: str
    tables: Mapping[str, Any] = field(repr=False)


def read_statement(path: Path) -> StatementFile:
    """A statement file, TOML or, named so, JSON.

    Raises:
        SettingsError: It cannot be read, or holds something else.
    """
    tables = _tables(path)
    statement_with(Statement(), tables, path.name)
    return StatementFile(path.name, tables)


def state_from_files(
    store: CaseStore, files: Sequence[StatementFile], services: Services
) -> Statement:
    """Keep what statement files say; what they leave out stays as it is in the case.

    Of several files the later ones prevail. What neither they nor the case say of the
    examiner is taken from the settings, where they are the same examiner's.

    Raises:
        SettingsError: A text of the case does not fit a statement.
    """
    stated = statement_in(store)
    for file in files:
        stated = statement_with(stated, file.tables, file.name)
    return state(store, with_profile(stated, services.settings), services)


def profile_in(settings: Settings) -> Examiner:
    """The examiner's profile as the settings keep it."""
    return Examiner(
        settings.examiner,
        settings.examiner_role,
        settings.examiner_qualification,
        settings.examiner_independence,
    )


def with_profile(statement: Statement, settings: Settings) -> Statement:
    """The statement with what the settings know of its examiner and it leaves out."""
    kept, stated = profile_in(settings), statement.examiner
    if stated.name not in ("", kept.name):
        return statement
    examiner = Examiner(
        stated.name or kept.name,
        stated.role or kept.role,
        stated.qualification or kept.qualification,
        stated.independence or kept.independence,
        stated.reviewer,
    )
    return replace(statement, examiner=examiner)


def keep_profile_of(examiner: Examiner) -> Settings:
    """Keep an examiner's profile in the user's settings, for the next report.

    Returns:
        The settings as they are now.

    Raises:
        SettingsError: They cannot be written.
    """
    before = load_settings().settings
    after = changed_settings(
        before,
        examiner=examiner.name,
        examiner_role=examiner.role,
        examiner_qualification=examiner.qualification,
        examiner_independence=examiner.independence,
    )
    if after != before:
        save_settings(after)
    return after


def _tables(path: Path) -> dict[str, Any]:
    """What a TOML or JSON file holds."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from error
    if len(raw) > _LARGEST_FILE:
        raise _unreadable(path, "is larger than 1 MiB")
    is_json = path.suffix.lower() == ".json"
    try:
        text = raw.decode("utf-8-sig")
        tables = json.loads(text) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        kind = "JSON" if is_json else "TOML"
        raise _unreadable(path, f"is no valid {kind} ({error})") from error
    if not isinstance(tables, dict):
        raise _unreadable(path, "holds no tables")
    return tables


def _unreadable(path: Path, why: str) -> SettingsError:
    return SettingsError(
        f"the statement {path} {why}",
        hint="see “Statements” in docs/cli.md",
        code="statement",
    )
