"""A real archive for tests: Orthanc (Debian's) on loopback, with an empty store."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_socket import enable_socket, socket_allow_hosts

from tests.outside_tools import program

_LOOPBACK = ["127.0.0.1", "::1", "localhost"]
_PATIENCE_S = 120.0
_DICOMWEB = Path("/usr/lib/orthanc/libOrthancDicomWeb.so")


@dataclass(frozen=True)
class Archive:
    """A running Orthanc.

    Attributes:
        http: Port of its own services, and of DICOMweb below `/dicom-web`.
        dicom: Port of the message exchange; its application entity is TEST.
        calls_back: Port that it stores at when BTD asks it to move something.
    """

    http: int
    dicom: int
    calls_back: int

    def ask(self, path: str) -> bytes:
        """What one of its own services answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}") as answer:
            return bytes(answer.read())

    def listed(self, path: str) -> Any:
        """The same, as JSON."""
        return json.loads(self.ask(path))

    def add(self, path: Path) -> None:
        """Put a file into it."""
        url = f"http://127.0.0.1:{self.http}/instances"
        urllib.request.urlopen(url, data=path.read_bytes()).close()


def free_port() -> int:
    """A port that nothing listens at."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def allow_loopback() -> None:
    """The one exception: sockets that cannot leave this machine."""
    enable_socket()
    socket_allow_hosts(_LOOPBACK, allow_unix_socket=True)


@contextlib.contextmanager
def running_orthanc(folder: Path, **further: Any) -> Iterator[Archive]:
    """Start it, and end it afterwards.

    Args:
        folder: For its store and log.
        further: Settings of Orthanc besides.
    """
    orthanc = program("Orthanc", "orthanc")
    allow_loopback()
    found = Archive(free_port(), free_port(), free_port())
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"),
        "HttpPort": found.http,
        "DicomPort": found.dicom,
        "DicomAet": "TEST",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True,
        "DicomModalities": {"btd": ["BTD", "127.0.0.1", found.calls_back]},
        "Plugins": [],
    } | further
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [orthanc, str(folder / "orthanc.json")],
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )
        try:
            _wait(found, process, folder / "log")
            yield found
        finally:
            process.terminate()
            process.wait(timeout=60)


def dicomweb_plugin() -> dict[str, Any]:
    """Settings of Orthanc with DICOMweb; as `program` where that is missing."""
    found = sorted(_DICOMWEB.parent.glob(f"{_DICOMWEB.name}*"))
    if not found:
        why = "Orthanc has no DICOMweb (Debian package orthanc-dicomweb)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return {
        "Plugins": [str(found[0])],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "Ssl": False},
    }


def _wait(archive: Archive, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            archive.ask("/system")
        except OSError:
            process_ended = process.poll() is not None
            if not process_ended:
                time.sleep(0.1)
            continue
        return
    pytest.fail(f"Orthanc did not start: {log.read_text(errors='replace')[-2000:]}")
