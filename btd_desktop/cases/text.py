"""Text and JSON as a case stores them: one string for one value, always encodable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from btd_desktop.digest import canonical_json
from btd_desktop.errors import CaseError

_Kind = TypeVar("_Kind", dict[str, Any], list[Any])
# No value of this program nests deeper than 10; code that shows or writes a value
# recurses level by level.
_DEEPEST = 32


def altered(detail: str, code: str = "case-damaged") -> CaseError:
    """Error: the case holds what this program never wrote."""
    hint = "Verify the case and go back to an unaltered copy."
    return CaseError(detail, hint=hint, code=code)


def no_such(folder: Path, what: str, key: object) -> CaseError:
    """Error: the case has no such record."""
    return CaseError(f"the case {folder} has no {what} {key}", code="not-found")


def damaged(folder: Path, why: str) -> CaseError:
    """Error: the database is damaged."""
    return CaseError(
        f"the case {folder} is damaged: {why}",
        hint="Go back to an unaltered copy of the case folder.",
        code="case-damaged",
    )


def storable_text(text: str) -> str:
    """Text with bytes that are no UTF-8 (file names, old tags) as visible escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def json_text(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """Canonical JSON of a value, with its texts made storable.

    Raises:
        ValueError: It holds NaN or an infinity; the caller must say null instead.
        TypeError: It holds a value that JSON does not have.
    """
    return canonical_json(_storable(value)).decode("utf-8")


def dict_from_json(text: object) -> dict[str, Any]:
    """The JSON object in a database column.

    Raises:
        CaseError: The column holds something else: the case was altered.
    """
    return _parsed(text, dict)


def list_from_json(text: object) -> list[Any]:
    """The JSON array in a database column.

    Raises:
        CaseError: The column holds something else: the case was altered.
    """
    return _parsed(text, list)


def _storable(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, Mapping):
        return {storable_text(str(k)): _storable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return value


def _parsed(text: object, kind: type[_Kind]) -> _Kind:
    if not isinstance(text, str):
        raise _not_json(text)
    try:
        value: _Kind = msgspec.json.decode(text, type=kind)
    except (ValueError, RecursionError) as error:
        raise _not_json(text) from error
    if _is_deeper(value, _DEEPEST):
        raise _not_json(text)
    return value


def _is_deeper(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return False
    return levels == 0 or any(_is_deeper(item, levels - 1) for item in value)


def _not_json(text: object) -> CaseError:
    return altered(
        f"the case database holds damaged data: {str(text)[:60]!r} is not the JSON"
        " that belongs there"
    )
