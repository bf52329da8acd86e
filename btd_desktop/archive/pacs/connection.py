"""How an archive is spoken to: a file of the examiner's, which no one else may read."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from btd_desktop.archive.pacs.address import Address
from btd_desktop.errors import SettingsError
from btd_desktop.handles import open_leaving_times

_MAX_BYTES: Final = 1 << 16
_Text = Annotated[str, Meta(max_length=4096, pattern=r"^[^\x00-\x1f\x7f]*$")]
_AeTitle = Annotated[str, Meta(pattern=r"^[!-\[\]-~]{1,16}$")]


class Connection(Struct, frozen=True, forbid_unknown_fields=True):
    """What the connection file says; every key may be missing.

    Attributes:
        ca: File of certificates (PEM) that the archive's must go back to; "" takes the
            usual ones.
        certificate: Our certificate (PEM), where the archive asks for one.
        key: Its private key (PEM, without a passphrase).
        user: Name to log in with.
        password: Its password.
        token: Bearer token, in place of a name and password (DICOMweb).
        calling_ae: Our application entity title.
        retrieve: "get" fetches over the connection that asks (C-GET); with "move" the
            archive calls back (C-MOVE), and must know `calling_ae` and `listen`.
        listen: HOST:PORT that the archive calls back at.
        timeout_s: Seconds without an answer until the archive counts as silent.
        attempts: How often something is tried before it counts as failed.
        series_hours: Hours that one series may take to arrive.
    """

    ca: _Text = ""
    certificate: _Text = ""
    key: _Text = ""
    user: _Text = ""
    password: _Text = ""
    token: _Text = ""
    calling_ae: _AeTitle = "BTD"
    retrieve: Literal["get", "move"] = "get"
    listen: Annotated[str, Meta(pattern=r"^[0-9A-Za-z.:\[\]_-]+:[0-9]{1,5}$")] = (
        "127.0.0.1:11112"
    )
    timeout_s: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    attempts: Annotated[int, Meta(ge=1, le=10)] = 3
    series_hours: Annotated[float, Meta(gt=0, le=48)] = 2.0

    @property
    def has_secret(self) -> bool:
        """Something would be sent that another could log in with."""
        return bool(self.password or self.token)

    @property
    def listen_at(self) -> tuple[str, int]:
        """Host and port of `listen`."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    def __repr__(self) -> str:
        """Nothing secret: this may end in a trace."""
        return f"Connection(calling_ae={self.calling_ae!r}, retrieve={self.retrieve!r})"


def read_connection(path: Path | None, address: Address) -> Connection:
    """What the file says, checked against the archive; the defaults without a file.

    Raises:
        SettingsError: It cannot be used, others may read it or the key that it names,
            or a password would cross the network in the clear.
    """
    connection = Connection() if path is None else _read(path)
    if connection.token and connection.user:
        raise _refused(path, "either a token or a user logs in")
    if connection.password and not connection.user:
        raise _refused(path, "a password needs its user")
    if connection.has_secret and not (address.is_encrypted or address.is_this_machine):
        raise SettingsError(
            f"{address} is reached without encryption, and a password or token is not "
            "sent in the clear",
            hint="use dicomweb+https:// or dimse+tls://",
            code="archive_secret",
        )
    return connection


def _read(path: Path) -> Connection:
    try:
        found = tomllib.loads(_private_text(path))
        connection = msgspec.convert(found, Connection)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise _refused(path, "it is no TOML") from error
    except msgspec.ValidationError as error:
        # Its words name the key, never the value.
        raise _refused(path, str(error)) from error
    if bool(connection.certificate) != bool(connection.key):
        raise _refused(path, "certificate and key are named together or not at all")
    named = {
        name: str(path.parent / getattr(connection, name))
        for name in ("ca", "certificate", "key")
        if getattr(connection, name)
    }
    for name, place in named.items():
        if name == "key":
            _private_text(Path(place))
        elif not Path(place).is_file():
            raise _refused(path, f"there is no file {place}")
    return msgspec.structs.replace(connection, **named)


def _private_text(path: Path) -> str:
    """Text of a file that only its owner can read, who must be the user or root."""
    try:
        with os.fdopen(open_leaving_times(path), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _refused(path, "it is no file")
            if os.name == "posix":
                _check_rights(path, status)
            data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise _refused(path, f"it cannot be read: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise _refused(path, f"it is longer than {_MAX_BYTES:,} bytes")
    return data.decode("utf-8")


def _check_rights(path: Path, status: os.stat_result) -> None:
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(
            f"{path} may hold a secret, and others than its owner may open it",
            hint=f"chmod 600 {path}",
            code="connection_file",
        )
    if status.st_uid not in (0, os.geteuid()):
        raise _refused(path, "it belongs to another user")


def _refused(path: Path | None, why: str) -> SettingsError:
    return SettingsError(
        f"the connection file {path} cannot be used: {why}", code="connection_file"
    )
