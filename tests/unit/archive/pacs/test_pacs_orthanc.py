"""Series listed, fetched and stored through a real archive, over both protocols.

Orthanc on loopback holds the scan. What comes back is compared with the files that were
put in: over DICOMweb byte for byte, over the message exchange by its data set, since
that protocol sends no file header.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

from btd_desktop.archive.pacs.exchange import SeriesEntry, SeriesFilter
from btd_desktop.archive.pacs.opening import OpenArchive, open_archive
from btd_desktop.archive.pacs.receiving import RECORD
from btd_desktop.archive.pacs.storing import store_results
from btd_desktop.errors import ArchiveError
from btd_desktop.progress import TaskContext
from tests.factories import make_series_folder
from tests.orthanc_server import (
    Archive,
    allow_loopback,
    dicomweb_plugin,
    free_port,
    running_orthanc,
)

pytest.importorskip("pynetdicom")
pytest.importorskip("dicomweb_client")

pytestmark = pytest.mark.slow

PROTOCOLS = ["dicomweb", "get", "move"]


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_series_folder(tmp_path_factory.mktemp("scan") / "files")


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory, scan: Path) -> Iterator[Archive]:
    with running_orthanc(
        tmp_path_factory.mktemp("orthanc"), **dicomweb_plugin()
    ) as found:
        for path in scan.iterdir():
            found.add(path)
        yield found


@pytest.fixture(params=PROTOCOLS)
def opened(
    request: pytest.FixtureRequest,
    no_network: None,
    orthanc: Archive,
    tmp_path: Path,
) -> Iterator[OpenArchive]:
    allow_loopback()
    with open_archive(
        source_of(orthanc, request.param),
        connection_file(orthanc, request.param, tmp_path),
    ) as found:
        yield found


def source_of(orthanc: Archive, protocol: str) -> str:
    if protocol == "dicomweb":
        return f"dicomweb+http://127.0.0.1:{orthanc.http}/dicom-web"
    return f"dimse://TEST@127.0.0.1:{orthanc.dicom}"


def connection_file(orthanc: Archive, protocol: str, folder: Path) -> Path:
    path = folder / "connection.toml"
    path.write_text(
        f'retrieve = "{"move" if protocol == "move" else "get"}"\n'
        f'listen = "127.0.0.1:{orthanc.calls_back}"\ntimeout_s = 20\n'
    )
    path.chmod(0o600)
    return path


def listed(opened: OpenArchive, **wanted: object) -> list[SeriesEntry]:
    refused: list[str] = []
    found = list(opened.series(SeriesFilter(**wanted), refused.append))  # type: ignore[arg-type]
    assert refused == []
    return found


def data_set(data: bytes) -> bytes:
    group = int.from_bytes(data[140:144], "little")
    return data[144 + group :]


def test_series_comes_back_as_it_was_put_in(opened, scan, tmp_path):
    (entry,) = listed(opened)
    done = opened.fetch(entry, tmp_path / "series", TaskContext())
    assert done.is_complete, done.words
    sent = {
        str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID): path
        for path in scan.iterdir()
    }
    assert {one.uid for one in done.objects} == set(sent)
    is_web = opened.address.protocol == "dicomweb"
    for one in done.objects:
        data = (tmp_path / "series" / "objects" / one.name).read_bytes()
        original = sent[one.uid].read_bytes()
        if is_web:
            assert data == original
        assert data_set(data) == data_set(original)


@pytest.mark.parametrize("opened", PROTOCOLS[:2], indirect=True)
def test_complete_delivery_is_not_fetched_again(opened, tmp_path):
    (entry,) = listed(opened)
    first = opened.fetch(entry, tmp_path / "series", TaskContext())

    def retrieve(*_words: object, **_more: object) -> None:
        raise AssertionError("fetched again")

    opened.pacs.retrieve = retrieve
    assert opened.fetch(entry, tmp_path / "series", TaskContext()) == first
    (tmp_path / "series" / "objects" / first.objects[0].name).write_bytes(b"changed")
    with pytest.raises(AssertionError, match="again"):
        opened.fetch(entry, tmp_path / "series", TaskContext())


@pytest.mark.parametrize(
    ("wanted", "n_found"),
    [
        ({"modalities": ("MR",)}, 0),
        ({"date_from": "19000101", "date_to": "19000102"}, 0),
        ({"study_uid": "1.2.3"}, 0),
        ({"modalities": ("CT",)}, 1),
    ],
)
def test_filters_are_kept(opened, wanted, n_found):
    assert len(listed(opened, **wanted)) == n_found


@pytest.mark.parametrize("opened", PROTOCOLS[:2], indirect=True)
def test_results_are_stored_and_listed(opened, orthanc, tmp_path):
    results = make_series_folder(tmp_path / "results")
    sent = store_results(opened, sorted(results.iterdir()), TaskContext())
    assert [one.problem for one in sent] == [""] * len(sent)
    entries = listed(opened)
    uid = str(pydicom.dcmread(next(results.iterdir())).SeriesInstanceUID)
    (entry,) = [e for e in entries if e.series_uid == uid]
    done = opened.fetch(entry, tmp_path / "again", TaskContext())
    assert len(done.objects) == len(sent)
    for one in done.objects:
        assert (tmp_path / "again" / "objects" / one.name).is_file()
    assert (tmp_path / "again" / RECORD).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("protocol", PROTOCOLS[:2])
def test_silent_archive_is_one_sentence(no_network, orthanc, tmp_path, protocol):
    allow_loopback()
    away = Archive(free_port(), free_port(), 0)
    with open_archive(source_of(away, protocol)) as opened:
        opened.pause = lambda seconds: None
        with pytest.raises(ArchiveError, match="cannot be reached") as caught:
            list(opened.series(SeriesFilter(), print))
    assert caught.value.code == "archive_unreachable"
