"""Addresses and connection files: what is taken, and what is refused with a reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from btd_desktop.archive.pacs.address import Address, address_from, is_address
from btd_desktop.archive.pacs.connection import read_connection
from btd_desktop.archive.pacs.exchange import is_uid
from btd_desktop.errors import SettingsError

WEB = address_from("dicomweb+https://pacs.example:8443/dicom-web/")


@pytest.mark.parametrize(
    ("source", "address"),
    [
        (
            "dicomweb+https://pacs.example/dicom-web/",
            Address("dicomweb", True, "pacs.example", 443, "/dicom-web"),
        ),
        (
            "dicomweb+http://127.0.0.1:8042",
            Address("dicomweb", False, "127.0.0.1", 8042),
        ),
        (
            "dimse://PACS@10.0.0.7:4242",
            Address("dimse", False, "10.0.0.7", 4242, "", "PACS"),
        ),
        ("dimse+tls://A@[::1]", Address("dimse", True, "::1", 2762, "", "A")),
    ],
)
def test_address_is_read(source, address):
    assert is_address(source)
    assert address_from(source) == address


@pytest.mark.parametrize(
    "source",
    [
        "ftp://pacs.example",
        "https://pacs.example/dicom-web",
        "dicomweb+https://",
        "dicomweb+https://user@pacs.example",
        "dicomweb+https://pacs.example/a?b=c",
        "dicomweb+https://pacs.example/../etc",
        "dicomweb+https://pacs.example:99999",
        "dicomweb+https://pacs.example/a b",
        "dimse://pacs.example:104",
        "dimse://A-TITLE-THAT-IS-TOO-LONG@pacs.example",
        "dimse://A@pacs.example:104/more",
        "dimse://A@[::1",
    ],
)
def test_other_address_is_refused(source):
    with pytest.raises(SettingsError, match="is no address"):
        address_from(source)


def test_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(SettingsError, match="holds a password") as caught:
        address_from("dicomweb+https://me:hunter2@pacs.example")
    assert "hunter2" not in caught.value.detail + caught.value.hint


@pytest.mark.parametrize("source", ["scans", "C:\\scans", "/scans/a.zip", "a://b"])
def test_path_is_no_address(source):
    assert not is_address(source)


def _file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "connection.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_connection_file_is_read_and_shows_no_secret(tmp_path):
    path = _file(tmp_path, 'user = "me"\npassword = "hunter2"\ntimeout_s = 5\n')
    connection = read_connection(path, WEB)
    assert (connection.user, connection.password) == ("me", "hunter2")
    assert "hunter2" not in repr(connection)


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX's")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_connection_file_that_others_may_open_is_refused(tmp_path, mode):
    with pytest.raises(SettingsError, match="others than its owner"):
        read_connection(_file(tmp_path, 'user = "me"\n', mode), WEB)


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX's")
def test_key_that_others_may_open_is_refused(tmp_path):
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_text("x")
    (tmp_path / "k.pem").chmod(0o644)
    path = _file(tmp_path, 'certificate = "c.pem"\nkey = "k.pem"\n')
    with pytest.raises(SettingsError, match=r"k\.pem may hold a secret"):
        read_connection(path, WEB)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("user = ", "no TOML"),
        ('pasword = "hunter2"', "pasword"),
        ("password = 7", "password"),
        ('password = "hunter2"', "needs its user"),
        ('user = "me"\ntoken = "hunter2"', "either"),
        ('certificate = "c.pem"', "together"),
        ('ca = "nothing.pem"', "no file"),
        ('user = "a\\r\\nb"', "user"),
        ("timeout_s = 0", "timeout_s"),
        ('retrieve = "steal"', "retrieve"),
        ('listen = "nowhere"', "listen"),
    ],
)
def test_other_connection_file_is_refused_with_its_reason(tmp_path, text, why):
    with pytest.raises(SettingsError, match=why) as caught:
        read_connection(_file(tmp_path, text), WEB)
    assert "hunter2" not in caught.value.detail


@pytest.mark.parametrize(
    ("source", "is_sent"),
    [
        ("dicomweb+http://pacs.example", False),
        ("dimse://A@pacs.example", False),
        ("dicomweb+http://127.0.0.1:8042", True),
        ("dimse+tls://A@pacs.example", True),
    ],
)
def test_password_never_crosses_a_network_in_the_clear(tmp_path, source, is_sent):
    path = _file(tmp_path, 'user = "me"\npassword = "hunter2"\n')
    if is_sent:
        assert read_connection(path, address_from(source)).has_secret
        return
    with pytest.raises(SettingsError, match="not sent in the clear"):
        read_connection(path, address_from(source))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2.840.10008", True),
        ("2.25." + "9" * 59, True),
        ("", False),
        ("1.2.", False),
        ("1..2", False),
        ("../1", False),
        ("1.2\n", False),
        ("1/2", False),
        ("１.2", False),
        ("1" * 65, False),
    ],
)
def test_uid_is_digits_and_dots(text, expected):
    assert is_uid(text) is expected
