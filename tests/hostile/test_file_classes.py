"""Every class of malformed or misleading file ends in one fate, with its reason.

All of them lie in one folder and go through the import at once, so that none may
disturb another; each class is then judged on its own.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.series import Fate, Import
from tests.hostile.campaign_evidence import import_violations
from tests.hostile.file_classes import FILE_CLASSES
from tests.unit.dicom.samples import load, save

MIB = 1 << 20
LIMITS = replace(DEFAULT_LIMITS, workers=1, max_inflated_bytes=64 * MIB)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Import:
    folder = tmp_path_factory.mktemp("classes")
    for name, kind in FILE_CLASSES.items():
        save(folder, f"{name}.dcm", kind.make(name))
    return load(folder, limits=LIMITS)


def test_every_file_is_listed_once(imported: Import) -> None:
    names = sorted(record.name for record in imported.files)
    assert names == sorted(f"{name}.dcm" for name in FILE_CLASSES)
    assert import_violations(imported) == []
    assert all(len(record.sha256) == 64 for record in imported.files)


@pytest.mark.parametrize("name", FILE_CLASSES)
def test_class_of_file_ends_in_its_fate(name: str, imported: Import) -> None:
    kind = FILE_CLASSES[name]
    (record,) = [r for r in imported.files if r.name == f"{name}.dcm"]
    assert record.fate is kind.fate, record.reason
    assert bool(record.reason) == (kind.fate is not Fate.ACCEPTED)
    if kind.fate is not Fate.ACCEPTED:
        assert kind.words in record.reason
        assert record.reason.endswith(".")
        assert record.reason.isprintable()
        return
    (series,) = [s for s in imported.series if record.name in s.record_names]
    codes = {finding.code for finding in series.findings}
    assert not kind.words or kind.words in codes, sorted(codes)
