"""Identifiers of searches in an archive (PS3.4 C.2.2): made, and read without trust."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset

from btd_desktop.dicom.safe_dataset import SafeDataset


def identifier_from(keys: Mapping[str, str]) -> Dataset:
    """An identifier of keywords and values; an empty value asks for it."""
    identifier = Dataset()
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return identifier


def texts_of(identifier: Dataset, keywords: Iterable[str]) -> dict[str, str]:
    """What an answer says under keywords, as text; what it does not say is missing."""
    safe = SafeDataset(identifier)
    with no_quoting_warnings():
        found = {keyword: safe.text(keyword) for keyword in keywords}
    return {keyword: text for keyword, text in found.items() if text}


def no_quoting_warnings() -> contextlib.AbstractContextManager[None]:
    """Let pydicom say nothing of odd values: it would quote them. We check them."""
    return disable_value_validation()


def status_of(answer: Dataset) -> int | None:
    """Status of a response (PS3.7 C); None where none arrived."""
    number = SafeDataset(answer).integer("Status")
    return None if number is None else int(number)
