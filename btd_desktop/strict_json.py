"""Records of JSON values, read exactly as they were written (decision 23)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Annotated, Any, NotRequired, TypedDict, TypeVar, get_args, get_origin

import msgspec
import numpy as np
from msgspec import UNSET, Meta

Real = Annotated[float, Meta(gt=-1e300, lt=1e300)]
"""A finite number."""

Rate = Annotated[float, Meta(ge=0.0, le=1.0)]
"""A share of something."""

Count = Annotated[int, Meta(ge=0, le=(1 << 53))]
"""A whole number that JSON carries exactly."""

_Record = TypeVar("_Record")


def record_from_json(kind: type[_Record], value: Mapping[str, Any]) -> _Record:
    """A frozen dataclass out of a JSON object, by its annotations.

    Raises:
        ValueError: A field is missing, of another kind, out of range or not known; the
            text names it where it can.
    """
    read = msgspec.convert(value, kind, dec_hook=_array)
    # msgspec drops keys that it does not know and makes a whole number a real one.
    again = plain_json(read)
    odd = [
        key
        for key in sorted(value.keys() | again.keys())
        if _text(again.get(key, UNSET)) != _text(value.get(key, UNSET))
    ]
    if odd:
        raise ValueError(f"the program never writes such {', '.join(odd)}")
    return read


class _Head(TypedDict):
    format: int
    digest: NotRequired[str]


def split_head(value: object) -> tuple[int, str | None, dict[str, Any]]:
    """Format and digest that a file's JSON object begins with, and the record.

    Raises:
        ValueError: It is no object, or they are missing or of another kind; the digest
            alone may be missing, and is None then.
    """
    head = msgspec.convert(value, _Head)
    rest = {k: v for k, v in msgspec.convert(value, dict).items() if k not in head}
    return head["format"], head.get("digest"), rest


def plain_json(record: object) -> dict[str, Any]:
    """A record as a JSON object; fields that are not set are left out."""
    plain: dict[str, Any] = _listed(msgspec.to_builtins(record, enc_hook=_builtin))
    return plain


def printed_json(value: object) -> str:
    """Records and values as JSON for programs; NaN and infinities become null."""
    plain = msgspec.to_builtins(value, enc_hook=_builtin, str_keys=True)
    told = _listed(plain, lambda leaf: None if _is_no_number(leaf) else leaf)
    return json.dumps(told, indent=2, allow_nan=False) + "\n"


def _is_no_number(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _listed(value: Any, leaf: Callable[[Any], Any] | None = None) -> Any:  # noqa: ANN401 - any JSON value
    """A value with lists for tuples, as it is when it was written and read again."""
    if isinstance(value, dict):
        return {key: _listed(item, leaf) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_listed(item, leaf) for item in value]
    return value if leaf is None else leaf(value)


def _array(kind: type, value: object) -> object:
    """A numpy array of the annotated number format; whatever else JSON has no word for.

    Texts and fractions that numpy would bend to fit are noticed when it is written.
    """
    if get_origin(kind) is not np.ndarray:
        raise NotImplementedError(f"{kind} is no field of a record")
    (dtype,) = get_args(get_args(kind)[1])
    try:
        return np.array(value, dtype)
    except OverflowError as error:
        raise ValueError(str(error)) from error


def _builtin(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, PurePath):
        return str(value)
    # numpy's real numbers and torch's version are kinds of float and str.
    for kind in (float, str):
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _text(value: object) -> str:
    return "" if value is UNSET else json.dumps(value, sort_keys=True)
