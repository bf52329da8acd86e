"""The message exchange with peers that answer oddly, and TLS of both protocols."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pydicom
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset

from btd_desktop.archive.pacs.exchange import Ceilings, SeriesEntry, SeriesFilter
from btd_desktop.archive.pacs.opening import OpenArchive, open_archive
from btd_desktop.errors import ArchiveError
from btd_desktop.progress import TaskContext
from tests.factories import make_series_folder
from tests.orthanc_server import allow_loopback
from tests.unit.archive.pacs.hostile_web import rows, web_server

pynetdicom = pytest.importorskip("pynetdicom")
pytest.importorskip("dicomweb_client")
CT = "1.2.840.10008.5.1.4.1.1.2"
FIND, GET = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.3"


@contextlib.contextmanager
def peer(
    find: Callable[[Dataset], list[dict[str, str]]],
    sent: Sequence[Dataset],
    context: ssl.SSLContext | None = None,
    refuses: bool = False,
) -> Iterator[str]:
    """An archive that answers what a test says; gives its host and port."""

    def on_find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        for row in find(event.identifier):
            answer = Dataset()
            with disable_value_validation():
                for keyword, value in row.items():
                    setattr(answer, keyword, value)
            yield 0xFF00, answer

    def on_get(event: Any) -> Iterator[Any]:
        yield len(sent)
        for one in sent:
            yield 0xFF00, one

    entity = pynetdicom.AE("PEER")
    entity.add_supported_context(FIND)
    entity.add_supported_context(GET)
    entity.add_supported_context(
        CT, ["1.2.840.10008.1.2.1"], scu_role=True, scp_role=True
    )
    if refuses:
        entity.require_calling_aet = ["SOMEBODY"]
    server = entity.start_server(
        ("127.0.0.1", 0),
        block=False,
        ssl_context=context,
        evt_handlers=[
            (pynetdicom.evt.EVT_C_FIND, on_find),
            (pynetdicom.evt.EVT_C_GET, on_get),
        ],
    )
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def opened(at: str, scheme: str = "dimse", **ceilings: Any) -> OpenArchive:
    found = open_archive(f"{scheme}://PEER@{at}", None, Ceilings(**ceilings))
    found.pause = lambda seconds: None
    return found


@pytest.fixture(autouse=True)
def loopback(no_network: None) -> None:
    allow_loopback()


def test_foreign_object_is_refused_over_the_message_exchange(tmp_path):
    own, other = (
        [
            pydicom.dcmread(path)
            for path in sorted(
                make_series_folder(tmp_path / n, shape=(2, 32, 32)).iterdir()
            )
        ]
        for n in ("own", "other")
    )
    entry = SeriesEntry(str(own[0].StudyInstanceUID), str(own[0].SeriesInstanceUID))

    def find(_: Dataset) -> list[dict[str, str]]:
        return [
            {"SOPInstanceUID": str(o.SOPInstanceUID), "SOPClassUID": CT} for o in own
        ]

    with peer(find, [*own, other[0]]) as at, opened(at) as archive:
        done = archive.fetch(entry, tmp_path / "s", TaskContext())
    assert {one.uid for one in done.objects} == {str(o.SOPInstanceUID) for o in own}
    assert "belongs to another series" in done.words


def test_huge_object_is_cut_off_over_the_message_exchange(tmp_path):
    own = [
        pydicom.dcmread(path)
        for path in make_series_folder(tmp_path / "own", shape=(1, 512, 512)).iterdir()
    ]
    entry = SeriesEntry(str(own[0].StudyInstanceUID), str(own[0].SeriesInstanceUID))
    row = {"SOPInstanceUID": str(own[0].SOPInstanceUID), "SOPClassUID": CT}
    with (
        peer(lambda _: [row], own) as at,
        opened(at, object_bytes=100_000) as archive,
        pytest.raises(ArchiveError, match="longer than 100,000"),
    ):
        archive.fetch(entry, tmp_path / "s", TaskContext())


def test_odd_rows_are_refused_over_the_message_exchange():
    def find(asked: Dataset) -> list[dict[str, str]]:
        if asked.QueryRetrieveLevel == "STUDY":
            return [{"StudyInstanceUID": "../../x"}, {"StudyInstanceUID": "1.2"}]
        if asked.Modality != "CT":
            return []
        return [{"SeriesInstanceUID": "1.2.3", "Modality": "CT"}]

    refused: list[str] = []
    with peer(find, []) as at, opened(at) as archive:
        found = list(archive.series(SeriesFilter(("CT",)), refused.append))
    assert found == [SeriesEntry("1.2", "1.2.3", "CT")]
    assert refused == ["a study is listed under what is no UID"]


def test_peer_that_does_not_know_us_is_one_sentence():
    with (
        peer(lambda _: [], [], refuses=True) as at,
        opened(at) as archive,
        pytest.raises(ArchiveError, match="does not take us in as BTD") as caught,
    ):
        list(archive.series(SeriesFilter(), print))
    assert caught.value.code == "archive_login"


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """One that signs itself, for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    paths[1].chmod(0o600)
    return paths


@pytest.fixture
def guarded(tmp_path: Path) -> ssl.SSLContext:
    """TLS of a server that asks for a certificate of ours."""
    server = certificate(tmp_path, "server")
    ours, _ = certificate(tmp_path, "ours")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ours))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(*server)
    return context


OURS = 'certificate = "ours.pem"\nkey = "ours.key"\n'
FILES = [
    ('ca = "server.pem"\n' + OURS, ""),
    (OURS, "the archive is not trusted"),
    ('ca = "ours.pem"\n' + OURS, "another authority"),
    ('ca = "server.pem"\n', "we are not trusted"),
]


@pytest.mark.parametrize("protocol", ["dicomweb", "dimse"])
@pytest.mark.parametrize(("text", "problem"), FILES, ids=lambda v: v[:20])
def test_both_ends_prove_who_they_are(tmp_path, guarded, protocol, text, problem):
    file = tmp_path / "connection.toml"
    file.write_text(text + "attempts = 1\ntimeout_s = 5\n")
    file.chmod(0o600)
    with contextlib.ExitStack() as stack:
        if protocol == "dicomweb":
            web = stack.enter_context(web_server(guarded))
            web.answers["/studies"] = rows
            source = f"dicomweb+https://127.0.0.1:{web.port}"
        else:
            at = stack.enter_context(peer(lambda _: [], [], guarded))
            source = f"dimse+tls://PEER@{at}"
        archive = stack.enter_context(open_archive(source, file))
        if not problem:
            assert list(archive.series(SeriesFilter(), print)) == []
            return
        with pytest.raises(ArchiveError) as caught:
            list(archive.series(SeriesFilter(), print))
    assert caught.value.code in ("archive_tls", "archive_unreachable")
