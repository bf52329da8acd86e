"""Where an archive on the network answers, as it is written on the command line."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from btd_desktop.errors import SettingsError

_FORMS: Final = "write dicomweb+https://HOST/PATH, dimse+tls://AET@HOST:PORT or dimse://AET@HOST:PORT"
# Scheme: protocol, encrypted, port where none is named (PS3.8 9.1, PS3.15 B.12).
_SCHEMES: Final[dict[str, tuple[Literal["dicomweb", "dimse"], bool, int]]] = {
    "dicomweb+https": ("dicomweb", True, 443),
    "dicomweb+http": ("dicomweb", False, 80),
    "dimse+tls": ("dimse", True, 2762),
    "dimse": ("dimse", False, 104),
}
# VR AE (PS3.5 6.2) without blanks, which no one can tell apart.
_AE_TITLE: Final = re.compile(r"[!-\[\]-~]{1,16}")
_HOST: Final = re.compile(r"[0-9A-Za-z.:_-]{1,253}")
_PATH: Final = re.compile(r"[0-9A-Za-z/._~-]{0,500}")


@dataclass(frozen=True, slots=True)
class Address:
    """An archive.

    Attributes:
        protocol: DICOMweb (PS3.18) or the DICOM message exchange (PS3.7).
        is_encrypted: TLS protects what is sent.
        host: Name or number of the machine, without brackets.
        port: TCP port.
        path: Of DICOMweb, before `/studies`; "" or begins with a slash.
        ae_title: The archive's, of the message exchange; else "".
    """

    protocol: Literal["dicomweb", "dimse"]
    is_encrypted: bool
    host: str
    port: int
    path: str = ""
    ae_title: str = ""

    @property
    def is_this_machine(self) -> bool:
        """Nothing sent there can leave this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    @property
    def base_url(self) -> str:
        """Where the services of DICOMweb begin."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "https" if self.is_encrypted else "http"
        return f"{scheme}://{host}:{self.port}{self.path}"

    def __str__(self) -> str:
        """For people: without what could be secret, since nothing of it is here."""
        if self.protocol == "dicomweb":
            return self.base_url
        return f"{self.ae_title} at {self.host}:{self.port}"


def is_address(source: str) -> bool:
    """True for what names an archive, false for what names a path."""
    return source.partition("://")[0].lower() in _SCHEMES and "://" in source


def address_from(source: str) -> Address:
    """The archive that a text names.

    Raises:
        SettingsError: It names none, or holds a password.
    """
    try:
        parts = urlsplit(source)
        port = parts.port
    except ValueError as error:
        raise _refused(source, "it cannot be read") from error
    if parts.scheme not in _SCHEMES:
        raise _refused(source, "it names no protocol that is spoken here")
    if parts.password is not None:
        raise SettingsError(
            "the address of the archive holds a password, which every process of this "
            "machine can read",
            hint="put it into the connection file (--connection) and change it",
            code="archive_address",
        )
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise _refused(source, "it names no machine")
    if parts.query or parts.fragment:
        raise _refused(source, "nothing may follow ? or #")
    protocol, is_encrypted, usual = _SCHEMES[parts.scheme]
    own = _dicomweb_part if protocol == "dicomweb" else _dimse_part
    path, ae_title = own(source, parts)
    return Address(
        protocol, is_encrypted, parts.hostname, port or usual, path, ae_title
    )


def _dicomweb_part(source: str, parts: SplitResult) -> tuple[str, str]:
    if parts.username is not None:
        raise _refused(source, "a user's name belongs into the connection file")
    path = parts.path.rstrip("/")
    if not _PATH.fullmatch(path) or ".." in path.split("/"):
        raise _refused(source, "its path is none")
    return path, ""


def _dimse_part(source: str, parts: SplitResult) -> tuple[str, str]:
    if not parts.username or not _AE_TITLE.fullmatch(parts.username):
        raise _refused(source, "it names no application entity (AET@)")
    if parts.path.strip("/"):
        raise _refused(source, "nothing may follow the port")
    return "", parts.username


def _refused(source: str, why: str) -> SettingsError:
    return SettingsError(
        f"{source} is no address of an archive: {why}",
        hint=_FORMS,
        code="archive_address",
    )
