"""What an archive may answer, and what becomes of it: refused, named, never a path."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
import typer

from btd_desktop.archive.pacs.connection import Connection
from btd_desktop.archive.pacs.deliveries import receive_series
from btd_desktop.archive.pacs.exchange import Ceilings, SeriesEntry, SeriesFilter
from btd_desktop.archive.pacs.opening import OpenArchive, open_archive
from btd_desktop.cli.commands.sweep import series_filter
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ArchiveError
from btd_desktop.progress import TaskContext
from tests.factories import make_series_folder
from tests.orthanc_server import allow_loopback
from tests.unit.archive.pacs.hostile_web import WebServer, parts, rows, web_server

pytest.importorskip("pynetdicom")
pytest.importorskip("dicomweb_client")


class KeptSandbox(Sandbox):
    """One parsing process for all tests of this file: starting one takes seconds."""

    def close(self) -> None:
        pass


SANDBOX = KeptSandbox(DEFAULT_LIMITS)


@pytest.fixture(scope="module", autouse=True)
def end_of_sandbox() -> Iterator[None]:
    yield
    Sandbox.close(SANDBOX)


class Scan:
    """A series: its files, and how an archive lists it."""

    def __init__(self, folder: Path, seed: int) -> None:
        made = make_series_folder(folder, seed, shape=(3, 32, 32))
        self.files = [path.read_bytes() for path in sorted(made.iterdir())]
        read = [pydicom.dcmread(path) for path in sorted(made.iterdir())]
        self.uids = [str(one.SOPInstanceUID) for one in read]
        self.sop_class = str(read[0].SOPClassUID)
        self.study = str(read[0].StudyInstanceUID)
        self.entry = SeriesEntry(self.study, str(read[0].SeriesInstanceUID), "CT")

    def rows(self) -> Any:
        return rows(*({"uid": uid, "class": self.sop_class} for uid in self.uids))


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return Scan(tmp_path_factory.mktemp("scan") / "files", 1)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return Scan(tmp_path_factory.mktemp("other") / "files", 2)


@pytest.fixture
def web(no_network: None) -> Iterator[WebServer]:
    allow_loopback()
    with web_server() as server:
        yield server


def opened(web: WebServer, **ceilings: Any) -> OpenArchive:
    found = open_archive(
        f"dicomweb+http://127.0.0.1:{web.port}/web", None, Ceilings(**ceilings)
    )
    found.pause = lambda seconds: None
    found.sandbox = SANDBOX
    return found


def fetched(web: WebServer, scan: Scan, folder: Path, **ceilings: Any) -> Any:
    web.answers["/instances"] = scan.rows
    with opened(web, **ceilings) as archive:
        return archive.fetch(scan.entry, folder, TaskContext())


def sends(web: WebServer, scan: Scan, answer: Any) -> None:
    """The series, and each of its objects, is answered in this way."""
    web.answers[f"/series/{scan.entry.series_uid}"] = lambda: answer
    for uid in scan.uids:
        web.answers[f"/instances/{uid}"] = lambda: answer


def kept(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "objects").iterdir())]


def test_honest_archive_is_received_whole(web, scan, tmp_path):
    sends(web, scan, parts(*scan.files))
    assert fetched(web, scan, tmp_path / "s").is_complete
    assert kept(tmp_path / "s") == scan.files


def test_foreign_objects_are_refused_and_named(web, scan, other, tmp_path):
    first, uid = scan.files[0], scan.uids[0].encode()
    foreign = {
        "belongs to another series": other.files[0],
        "no DICOM file": b"<html>sorry</html>",
        "cannot be read": bytes(128) + b"DICM" + b"\xff" * 400,
        "another UID": first.replace(uid, b"../../" + uid[6:]),
        "does not list": first.replace(uid, b"9.9.9." + uid[6:]),
        "arrived twice and differs": first[:-2] + b"xx",
    }
    sends(web, scan, parts(*scan.files, *foreign.values()))
    done = fetched(web, scan, tmp_path / "s")
    assert kept(tmp_path / "s") == scan.files
    assert not done.is_complete
    assert len(done.refused) == len(foreign)
    for told, reason in zip(done.refused, foreign, strict=True):
        assert reason in told.reason
        assert told.reason in done.words
        assert told.sha256 == bytes_digest(foreign[reason])
    assert {path.name for path in tmp_path.iterdir()} == {"s"}


def test_missing_object_is_asked_for_again_and_named(web, scan, tmp_path):
    sends(web, scan, parts(*scan.files[:2]))
    web.answers[f"/instances/{scan.uids[2]}"] = lambda: (404, {}, b"")
    done = fetched(web, scan, tmp_path / "s")
    assert done.words.startswith("2 of 3 objects arrived")
    assert "HTTP 404" in done.words
    assert done.missing == (scan.uids[2],)
    again = [path for path, _ in web.asked if path.endswith(scan.uids[2])]
    assert len(again) == Connection().attempts - 1
    assert scan.uids[2] not in done.words


def test_broken_transfer_is_completed_object_by_object(web, scan, tmp_path):
    sends(web, scan, parts(*scan.files[:2], scan.files[2][:-900], is_whole=False))
    for uid, data in zip(scan.uids, scan.files, strict=True):
        web.answers[f"/instances/{uid}"] = lambda data=data: parts(data)
    assert fetched(web, scan, tmp_path / "s").is_complete
    assert sorted(kept(tmp_path / "s")) == sorted(scan.files)


def test_transfer_that_never_ends_well_keeps_no_half_object(web, scan, tmp_path):
    sends(web, scan, parts(scan.files[0][:-900], is_whole=False))
    with pytest.raises(ArchiveError, match="no end"):
        fetched(web, scan, tmp_path / "s")
    assert kept(tmp_path / "s") == []


@pytest.mark.parametrize(
    ("ceilings", "why"),
    [
        ({"object_bytes": 1000}, "longer than 1,000 bytes"),
        ({"series_bytes": 2000}, "more than 2,000 bytes"),
    ],
)
def test_huge_answer_is_cut_off(web, scan, tmp_path, ceilings, why):
    sends(web, scan, parts(*scan.files))
    with pytest.raises(ArchiveError, match=why):
        fetched(web, scan, tmp_path / "s", **ceilings)


def test_full_disk_is_told_before_it_is_full(web, scan, tmp_path):
    sends(web, scan, parts(*scan.files))
    with pytest.raises(ArchiveError, match="cannot be kept") as caught:
        fetched(web, scan, tmp_path / "s", free_bytes=1 << 60)
    assert caught.value.code == "archive_room"


def test_redirection_is_not_followed_and_no_password_goes_along(
    web, scan, tmp_path, no_network
):
    (tmp_path / "c.toml").write_text('user = "u"\npassword = "secret"\n')
    (tmp_path / "c.toml").chmod(0o600)
    with web_server() as elsewhere:
        place = f"http://127.0.0.1:{elsewhere.port}/studies"
        web.answers["/studies"] = lambda: (302, {"Location": place}, b"")
        url = f"dicomweb+http://127.0.0.1:{web.port}"
        with (
            open_archive(url, tmp_path / "c.toml") as archive,
            pytest.raises(ArchiveError, match="elsewhere"),
        ):
            list(archive.series(SeriesFilter(), print))
        assert elsewhere.asked == []
    assert web.asked[0][1]["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((401, {}, b""), "archive_login"),
        ((404, {}, b""), "archive_answer"),
        ((503, {}, b""), "archive_unreachable"),
        ((200, {}, b"not JSON"), "archive_answer"),
        ((200, {}, b'[{"0020000D": 7}]'), "archive_answer"),
        ((200, {}, b'{"a": [1]}'), "archive_answer"),
        ((200, {}, b"[" * 100_000), "archive_answer"),
    ],
)
def test_search_that_is_not_answered_is_one_sentence(web, answer, code):
    web.answers["/studies"] = lambda: answer
    with opened(web) as archive, pytest.raises(ArchiveError) as caught:
        list(archive.series(SeriesFilter(), print))
    assert caught.value.code == code


def test_long_search_is_cut_off(web):
    web.answers["/studies"] = lambda: (200, {}, b" " * 100_000)
    with (
        opened(web, answer_bytes=10_000) as archive,
        pytest.raises(ArchiveError, match="longer than 10,000"),
    ):
        list(archive.series(SeriesFilter(), print))


def test_archive_that_pages_for_ever_is_ended(web, scan):
    web.answer = lambda path: rows({"study": scan.study})
    with opened(web) as archive:
        assert list(archive.series(SeriesFilter(), print)) == []


def test_rows_that_are_none_are_refused_and_the_others_listed(web, scan, other):
    web.answers["/studies"] = lambda: rows(
        {"study": "../../etc/passwd"}, {"study": scan.study}, {"study": "1" * 65}
    )
    web.answers["/series"] = lambda: rows(
        {"series": "../x", "modality": "CT"},
        {"series": "1.2\n3", "modality": "CT"},
        {"series": other.entry.series_uid, "study": other.study, "modality": "CT"},
        {"series": other.entry.series_uid, "modality": "SR"},
        {"series": scan.entry.series_uid, "modality": "CT"},
        {"series": scan.entry.series_uid, "modality": "CT"},
    )
    refused: list[str] = []
    with opened(web) as archive:
        found = list(archive.series(SeriesFilter(("CT",)), refused.append))
    assert found == [scan.entry]
    assert len(refused) == 5
    assert not any("/" in words for words in refused)


def test_message_of_any_length_is_not_believed(no_network):
    """pynetdicom would read 4 GB; the connection is closed instead."""
    allow_loopback()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(struct.pack(">BBL", 2, 0, 0xFFFFFFF0) + bytes(1000))
                peer.recv(1)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        source = f"dimse://TEST@127.0.0.1:{server.getsockname()[1]}"
        with open_archive(source) as archive, pytest.raises(ArchiveError, match="long"):
            list(archive.series(SeriesFilter(), print))
        thread.join(10)
    assert not thread.is_alive()


def test_series_that_does_not_arrive_whole_is_a_row_that_says_so(web, scan, tmp_path):
    sends(web, scan, parts(*scan.files[:2]))
    web.answers[f"/instances/{scan.uids[2]}"] = lambda: (404, {}, b"")
    web.answers |= {
        "/instances": scan.rows,
        "/studies": lambda: rows({"study": scan.study}, {"study": "../x"}),
        "/series": lambda: rows({"series": scan.entry.series_uid, "modality": "CT"}),
    }
    source = f"dicomweb+http://127.0.0.1:{web.port}/web"
    (tmp_path / "c.toml").write_text("attempts = 1\n")
    (tmp_path / "c.toml").chmod(0o600)
    wanted = SeriesFilter(("CT",))
    context = TaskContext()
    got = receive_series([source], tmp_path / "c.toml", wanted, tmp_path / "r", context)
    assert (got.folders, got.n_listed) == ((), 1)
    assert got.problems == ("a study is listed under what is no UID",)
    (row,) = got.rows
    assert row.state == "not scored"
    assert "2 of 3 objects arrived" in row.reason
    assert not any(uid in str(row) for uid in (scan.study, *scan.uids))
    sends(web, scan, parts(*scan.files))
    again = receive_series([source], None, wanted, tmp_path / "r", context)
    assert again.rows == ()
    assert again.arrived == (row.series_digest,)
    (folder,) = again.folders
    assert sorted(path.read_bytes() for path in folder.iterdir()) == sorted(scan.files)
    named = {path.name for path in tmp_path.rglob("*")}
    assert not any(scan.entry.series_uid in name for name in named)


@pytest.mark.parametrize("dates", ["2026", "20260101", "2026-01-01", "x-y", "-1"])
def test_dates_that_are_none_are_refused(dates):
    with pytest.raises(typer.BadParameter, match="YYYYMMDD"):
        series_filter("", dates, "")


def test_filter_is_made_of_options():
    assert series_filter("CT", "20260101-", "1.2") == SeriesFilter(
        ("CT",), "20260101", "", "1.2"
    )
    assert series_filter("", "", "") == SeriesFilter()
