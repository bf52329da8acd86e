"""All that the pages of a report are drawn from, attached to it as "pages.json".

The twin has the values, and neither the words between them nor the arrays of figures.
This file has the whole document as printed, so that anybody can draw the pages again
and compare (decision 39). Marks of redaction and what stands behind a pseudonym are
left out: nothing is in it that is not on the pages or in the twin.
"""

from __future__ import annotations

import base64
import importlib.metadata
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.calibration.ecdf import Ecdf
from btd_desktop.digest import array_digest, canonical_json
from btd_desktop.errors import ReportError
from btd_desktop.report import document as nodes
from btd_desktop.report import pictures
from btd_desktop.report.document import AS_PRINTED, Cell, Document, Reference, Run

PAGES_NAME: Final = "pages.json"
_FORMAT: Final = "btd-pages"
_VERSION: Final = 1
_LIBRARIES: Final = ("reportlab", "pillow", "pyhanko")
_NARROW: Final = ("<i2", "<f2", "<i4", "<f4")
_KINDS: Final = {
    name: kind
    for name, kind in {**vars(nodes), **vars(pictures), "Ecdf": Ecdf}.items()
    if isinstance(kind, type) and is_dataclass(kind)
}
"""Every kind of node and picture, by name."""

Arrays = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class PageData:
    """What "pages.json" holds.

    Attributes:
        document: The report's document, without marks and without its other files.
        libraries: Versions of the libraries that drew it, by name.
    """

    document: Document
    libraries: Mapping[str, str]


def page_data_bytes(document: Document) -> bytes:
    """Canonical bytes of "pages.json".

    Raises:
        ReportError: The document holds something that cannot be written down.
    """
    arrays: Arrays = {}
    return canonical_json(
        {
            "format": _FORMAT,
            "version": _VERSION,
            "libraries": library_versions(),
            "document": _written(document, arrays),
            "arrays": arrays,
        }
    )


def page_data_from(data: bytes) -> PageData:
    """The document that "pages.json" holds.

    Raises:
        ReportError: It is damaged, or of another format.
    """
    try:
        value = json.loads(data)
        if (value["format"], value["version"]) != (_FORMAT, _VERSION):
            raise ValueError("format")  # noqa: TRY301 - one answer for all damage
        arrays = {key: _array(item) for key, item in value["arrays"].items()}
        read = _read(value["document"], arrays)
        libraries = {str(k): str(v) for k, v in value["libraries"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ReportError(f"{PAGES_NAME} is damaged") from error
    if not isinstance(read, Document):
        raise ReportError(f"{PAGES_NAME} holds no report")
    return PageData(read, libraries)


def library_versions() -> dict[str, str]:
    """Versions of the libraries that draw pages here."""
    return {name: importlib.metadata.version(name) for name in _LIBRARIES}


def _written(value: Any, arrays: Arrays) -> Any:  # noqa: ANN401 - JSON value
    """A node as JSON; what has its default is left out."""
    match value:
        case Cell():
            return _written_cell(value)
        case datetime():
            return {"time": value.isoformat()}
        case tuple() | list():
            return [_written(part, arrays) for part in value]
        case np.ndarray():
            digest = array_digest(value)
            arrays.setdefault(digest, _written_array(value))
            return {"array": digest}
        case bool() | int() | float() | str() | None:
            return value.item() if isinstance(value, np.generic) else value
    kind = type(value).__name__
    if _KINDS.get(kind) is not type(value):
        raise ReportError(f"{PAGES_NAME} cannot hold a {kind}")
    return {"is": kind} | {
        item.name: _written(part, arrays)
        for item in fields(value)
        if item.init and not (isinstance(value, Document) and item.name == "files")
        for part in (getattr(value, item.name),)
        if isinstance(part, np.ndarray) or part != item.default
    }


def _written_cell(cell: Cell) -> dict[str, Any]:
    texts: list[Any] = []
    for run in cell.runs:
        if isinstance(run, Reference):
            texts.append({"to": run.key})
        elif texts and isinstance(texts[-1], str):
            texts[-1] += _utf8(run.text)
        else:
            texts.append(_utf8(run.text))
    if cell.value is AS_PRINTED:
        return {"text": texts}
    return {"text": texts, "value": _plain_value(cell.value)}


def _utf8(text: str) -> str:
    # As in the twin: a lone surrogate has no UTF-8 form.
    return text.encode("utf-8", "backslashreplace").decode()


def _plain_value(value: Any) -> Any:  # noqa: ANN401 - JSON value
    match value:
        case np.generic():
            return value.item()
        case dict():
            return {key: _plain_value(part) for key, part in value.items()}
        case list() | tuple():
            return [_plain_value(part) for part in value]
        case str():
            return _utf8(value)
    return value


def _written_array(array: NDArray[Any]) -> dict[str, Any]:
    """Shape, type and values, in the narrowest type that loses nothing."""
    kind = array.dtype.newbyteorder("<")
    kept = array.astype(kind)
    for narrow in _NARROW:
        if np.dtype(narrow).itemsize >= kind.itemsize:
            continue
        with np.errstate(invalid="ignore", over="ignore"):
            smaller = array.astype(narrow)
            if np.array_equal(smaller.astype(kind), array, equal_nan=kind.kind == "f"):
                kept = smaller
                break
    return {
        "type": kind.str,
        "kept_as": kept.dtype.newbyteorder("<").str,
        "shape": list(array.shape),
        "base64": base64.b64encode(np.ascontiguousarray(kept).tobytes()).decode(),
    }


def _array(item: Mapping[str, Any]) -> NDArray[Any]:
    data = base64.b64decode(item["base64"], validate=True)
    kinds = [np.dtype(str(item[key])) for key in ("kept_as", "type")]
    if any(kind.kind not in "biuf" for kind in kinds):
        raise ValueError("type")
    return np.frombuffer(data, kinds[0]).reshape(item["shape"]).astype(kinds[1])


def _read(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:  # noqa: ANN401 - JSON value
    if isinstance(value, list):
        return tuple(_read(part, arrays) for part in value)
    if not isinstance(value, dict):
        return value
    special: dict[str, Callable[[], Any]] = {
        "text": lambda: _read_cell(value),
        "time": lambda: datetime.fromisoformat(value["time"]),
        "array": lambda: arrays[value["array"]],
    }
    for key, read in special.items():
        if "is" not in value and key in value:
            return read()
    parts = {k: _read(part, arrays) for k, part in value.items() if k != "is"}
    return _KINDS[value["is"]](**parts)


def _read_cell(value: Mapping[str, Any]) -> Cell:
    runs = tuple(
        Run(part) if isinstance(part, str) else Reference(str(part["to"]))
        for part in value["text"]
    )
    return Cell(runs, value.get("value", AS_PRINTED))
