"""What an archive stores with us (PS3.4 B): measured, taken or refused; not decoded."""

from __future__ import annotations

import contextlib
import socket
from typing import Final

from pynetdicom import evt
from pynetdicom.transport import AssociationSocket

from btd_desktop.archive.pacs.exchange import Meter, Take
from btd_desktop.dicom.elements import PYDICOM_ERRORS
from btd_desktop.errors import BtdError, Cancelled

PDU: Final = 1 << 17
"""Longest message that we announce, in bytes (PS3.8 D.1)."""

# What is announced bounds data alone; associating has a few kilobytes of its own.
_LONGEST_PDU: Final = PDU + (1 << 16)
_SUCCESS, _REFUSED, _NO_MORE = 0x0000, 0xA900, 0xA700


class StoreRequests:
    """Receives what the archive stores with us; usable by several threads.

    Attributes:
        meter: Counts what arrives.
        failure: What ended it, on whichever thread that was.
    """

    def __init__(self, take: Take, meter: Meter) -> None:
        self._take = take
        self.meter = meter
        self.failure: BtdError | Cancelled | None = None

    def receive(self, event: evt.Event) -> int:
        """Status of one object (PS3.4 B.2.3)."""
        self.meter.next_object()
        if self.failure is not None:
            return _NO_MORE
        try:
            announced = str(getattr(event.request, "AffectedSOPInstanceUID", ""))
            is_kept = self._take(event.encoded_dataset(), announced)
        except (BtdError, Cancelled) as error:
            self.failure = error
            return _NO_MORE
        except PYDICOM_ERRORS:  # what it announces cannot stand in a file header
            return _REFUSED
        return _SUCCESS if is_kept else _REFUSED

    def raise_failure(self) -> None:
        """Raise what ended it, if anything did."""
        if self.failure is not None:
            raise self.failure


def close_every_socket() -> None:
    """Mend pynetdicom (3.0.4): what cannot be shut down is closed all the same.

    An unattended sweep meets many that cannot, and would run out of descriptors.
    """

    def shut_down(self: AssociationSocket) -> None:
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()

    AssociationSocket._shutdown_socket = shut_down  # type: ignore[method-assign]


def measure(event: evt.Event, meter: Meter) -> None:
    """Put the meter before the socket: pynetdicom believes any length it is told."""
    transport = event.assoc.dul.socket
    if transport is None:
        return
    plain = transport.recv

    def measured(nr_bytes: int) -> bytearray:
        if nr_bytes > _LONGEST_PDU:
            meter.stop(f"one message is longer than {_LONGEST_PDU:,} bytes")
        meter.take(nr_bytes)
        return plain(nr_bytes)

    transport.recv = measured  # type: ignore[method-assign]


def admit(event: evt.Event, known: set[str], meter: Meter) -> None:
    """Hang up on whoever calls from elsewhere than the archive."""
    address: tuple[str, int] = event.address  # type: ignore[attr-defined]  # of this event
    if address[0].removeprefix("::ffff:") not in known:
        transport = event.assoc.dul.socket
        if transport is not None:
            transport.close()
        return
    measure(event, meter)
