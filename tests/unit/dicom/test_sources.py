"""What was listed is what is read: nothing outside it, whatever happens in between."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from btd_desktop import handles
from btd_desktop.dicom.archive import open_archive
from btd_desktop.dicom.series import Fate
from btd_desktop.dicom.sources import list_sources, receive
from btd_desktop.workflow.custody import digest_now
from tests.unit.dicom.samples import ONE_WORKER, ct_slice, file_bytes, save

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links")


def _zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.dcm", data)
    return buffer.getvalue()


def _swap_for_link(folder: Path, target: Path) -> None:
    folder.rename(folder.with_name("moved"))
    folder.symlink_to(target)


@pytest.mark.parametrize("packed", [False, True])
def test_folder_swapped_for_a_link_after_listing_lets_nothing_outside_be_read(
    tmp_path: Path, packed: bool
) -> None:
    inside, outside = ct_slice(0, 1), ct_slice(0, 2)
    name = "study/a.zip" if packed else "study/a.dcm"
    for root, dataset in (("root", inside), ("outside", outside)):
        data = file_bytes(dataset)
        save(tmp_path, f"{root}/{name}", _zipped(data) if packed else data)
    (source,) = list_sources([tmp_path / "root"], ONE_WORKER)
    _swap_for_link(tmp_path / "root" / "study", tmp_path / "outside" / "study")
    received = receive(source, ONE_WORKER)
    assert received.fate is Fate.REFUSED
    assert received.sha256 == ""
    assert "links are not followed" in received.reason
    if packed:
        with pytest.raises(OSError, match="links are not followed"):
            open_archive(source, ONE_WORKER)
    assert digest_now(source.path) == ""


def test_folder_swapped_for_a_link_while_listing_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("root/a.dcm", "root/study/b.dcm", "outside/secret.dcm"):
        save(tmp_path, name, ct_slice())
    opening = handles.open_folder

    def swap_first(path: str | Path, **options: Any) -> int | str:
        if Path(path).name == "study" and not (tmp_path / "root" / "moved").exists():
            _swap_for_link(tmp_path / "root" / "study", tmp_path / "outside")
        return opening(path, **options)

    monkeypatch.setattr("btd_desktop.dicom.sources.open_folder", swap_first)
    listed = {s.name: s for s in list_sources([tmp_path / "root"], ONE_WORKER)}
    assert set(listed) == {"a.dcm", "study"}
    assert listed["study"].fate is Fate.REFUSED
    assert "links are not followed" in listed["study"].reason
