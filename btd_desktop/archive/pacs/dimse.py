"""An archive over the DICOM message exchange: C-FIND, C-GET, C-MOVE, C-STORE (PS3.7).

pynetdicom speaks it. What is stored with us is kept as the bytes of its data set; a
file header is put before them, since this protocol sends none.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pynetdicom import AE, _config, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import UserIdentityNegotiation
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at run time
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    MRImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from btd_desktop.archive.pacs import tls
from btd_desktop.archive.pacs.address import Address
from btd_desktop.archive.pacs.connection import Connection
from btd_desktop.archive.pacs.exchange import (
    Ceilings,
    Meter,
    ObjectEntry,
    SeriesEntry,
    SeriesFilter,
    Take,
    odd_answer,
    unreachable,
)
from btd_desktop.archive.pacs.store_requests import (
    PDU,
    StoreRequests,
    admit,
    close_every_socket,
    measure,
)
from btd_desktop.dicom.query import (
    identifier_from,
    no_quoting_warnings,
    status_of,
    texts_of,
)
from btd_desktop.errors import ArchiveError

_FIND: Final = StudyRootQueryRetrieveInformationModelFind
_GET: Final = StudyRootQueryRetrieveInformationModelGet
_MOVE: Final = StudyRootQueryRetrieveInformationModelMove
# Each is offered in a context of its own, so that nothing need be converted.
_SYNTAXES: Final = (
    *("1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"),
    *("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"),
    *(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70, 80, 81, 90, 91)),
    *(f"1.2.840.10008.1.2.4.{n}" for n in (201, 202, 203)),
)
_EXPLICIT: Final = _SYNTAXES[0]
_SCANS: Final = (
    *(str(CTImageStorage), str(MRImageStorage)),
    *(str(EnhancedCTImageStorage), str(EnhancedMRImageStorage)),
)
_MAX_CLASSES: Final = 127 // len(_SYNTAXES)
_PENDING: Final = (0xFF00, 0xFF01)
_SUCCESS: Final = 0x0000
_COERCED: Final = (0xB000, 0xB006, 0xB007)
_SOME_FAILED: Final = 0xB000
_BUSY: Final = range(0xA700, 0xA800)


class Dimse:
    """The archive, spoken to by associations that are measured. See `exchange.Pacs`."""

    def __init__(
        self, address: Address, connection: Connection, ceilings: Ceilings
    ) -> None:
        self._address, self._connection = address, connection
        self._ceilings = ceilings
        self._tls = (
            (tls.calling_context(connection), address.host)
            if address.is_encrypted
            else None
        )
        close_every_socket()
        # Its log quotes identifiers and peers.
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
        _config.LOG_HANDLER_LEVEL = "none"
        _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
        # Objects are sent as they lie in the file, not decoded and encoded again.
        _config.STORE_SEND_CHUNKED_DATASET = True

    def close(self) -> None:
        """Nothing: each association is released when it has done its work."""

    def find_studies(self, wanted: SeriesFilter) -> Iterator[Mapping[str, str]]:
        """Keywords and values of each study."""
        return self._find(
            {
                "QueryRetrieveLevel": "STUDY",
                "StudyInstanceUID": wanted.study_uid,
                "StudyDate": wanted.date_range,
            },
            self._ceilings.studies,
        )

    def find_series(self, study_uid: str, modality: str) -> Iterator[Mapping[str, str]]:
        """Keywords and values of each series of a study."""
        return self._find(
            {
                "QueryRetrieveLevel": "SERIES",
                "StudyInstanceUID": study_uid,
                "SeriesInstanceUID": "",
                "Modality": modality,
            },
            self._ceilings.rows,
        )

    def find_objects(self, entry: SeriesEntry) -> Iterator[Mapping[str, str]]:
        """Keywords and values of each object of a series."""
        return self._find(
            {
                "QueryRetrieveLevel": "IMAGE",
                "StudyInstanceUID": entry.study_uid,
                "SeriesInstanceUID": entry.series_uid,
                "SOPInstanceUID": "",
                "SOPClassUID": "",
            },
            self._ceilings.rows,
        )

    def retrieve(
        self,
        entry: SeriesEntry,
        objects: tuple[ObjectEntry, ...],
        take: Take,
        *,
        is_whole: bool,
    ) -> None:
        """Have objects sent, one by one or the whole series; all go to `take`."""
        keys = {
            "QueryRetrieveLevel": "SERIES",
            "StudyInstanceUID": entry.study_uid,
            "SeriesInstanceUID": entry.series_uid,
        }
        if is_whole:
            wanted = [keys]
        else:
            level = {"QueryRetrieveLevel": "IMAGE"}
            wanted = [keys | level | {"SOPInstanceUID": one.uid} for one in objects]
        intake = StoreRequests(take, self._meter(self._connection.series_hours * 3600))
        classes = tuple(sorted({o.sop_class for o in objects if o.sop_class}))
        classes = (classes or _SCANS)[:_MAX_CLASSES]
        try:
            if self._connection.retrieve == "move":
                self._move(wanted, classes, intake)
            else:
                self._get(wanted, classes, intake)
        finally:
            intake.raise_failure()

    def store(self, path: Path, entry: ObjectEntry) -> None:
        """Store an object as it lies in its file, or say why that failed."""
        contexts = [build_context(entry.sop_class, _EXPLICIT)]
        with self._associated(contexts, self._meter()) as association:
            try:
                answer = association.send_c_store(path)
            except ValueError as error:
                raise odd_answer("it accepts no objects of this kind") from error
            except (AttributeError, RuntimeError, OSError) as error:
                raise self._broken() from error
        status = status_of(answer)
        if status is None:
            raise self._broken()
        if status in _BUSY:
            raise unreachable(self._address, f"no room (status 0x{status:04X})")
        if status != _SUCCESS and status not in _COERCED:
            raise odd_answer(f"storing ended with status 0x{status:04X}")

    def _find(self, keys: dict[str, str], most: int) -> Iterator[Mapping[str, str]]:
        """All rows at once: no association stays open while a series is scored."""
        rows: list[Mapping[str, str]] = []
        meter = self._meter()
        with (
            no_quoting_warnings(),
            self._associated([build_context(_FIND)], meter) as association,
        ):
            for status, row in association.send_c_find(identifier_from(keys), _FIND):
                if not self._is_pending(status_of(status), meter):
                    break
                if row is None or len(rows) > most:
                    raise odd_answer("its rows cannot be read, or are too many")
                meter.next_object()
                rows.append(texts_of(row, keys))
        return iter(rows)

    def _get(
        self,
        wanted: Sequence[dict[str, str]],
        classes: Sequence[str],
        intake: StoreRequests,
    ) -> None:
        contexts = [build_context(_GET), *_contexts(classes)]
        roles = [build_role(one, scp_role=True) for one in classes]
        handlers = [(evt.EVT_C_STORE, intake.receive)]
        with self._associated(
            contexts, intake.meter, roles=roles, handlers=handlers
        ) as association:
            for keys in wanted:
                answers = association.send_c_get(identifier_from(keys), _GET)
                self._follow(answers, association, intake)

    def _move(
        self,
        wanted: Sequence[dict[str, str]],
        classes: Sequence[str],
        intake: StoreRequests,
    ) -> None:
        listener = self._entity()
        listener.require_called_aet = True
        listener.require_calling_aet = [self._address.ae_title]
        listener.maximum_associations = 4
        context = tls.called_context(self._connection) if self._tls else None
        try:
            known = {
                str(found[4][0]) for found in socket.getaddrinfo(self._address.host, 0)
            }
            server = listener.start_server(
                self._connection.listen_at,
                block=False,
                ssl_context=context,
                contexts=[build_context(one, list(_SYNTAXES)) for one in classes],
                evt_handlers=[
                    (evt.EVT_CONN_OPEN, admit, [known, intake.meter]),
                    (evt.EVT_C_STORE, intake.receive),
                ],
            )
        except OSError as error:
            raise ArchiveError(
                f"the archive cannot call back at {self._connection.listen} "
                f"({error.strerror or type(error).__name__})",
                hint="change listen in the connection file",
                code="archive_listen",
            ) from error
        meter = self._meter(self._connection.series_hours * 3600)
        try:
            with self._associated([build_context(_MOVE)], meter) as association:
                for keys in wanted:
                    answers = association.send_c_move(
                        identifier_from(keys), self._connection.calling_ae, _MOVE
                    )
                    self._follow(answers, association, intake)
        finally:
            if server is not None:
                server.shutdown()

    def _follow(
        self,
        answers: Iterator[tuple[Any, Any]],
        association: Association,
        intake: StoreRequests,
    ) -> None:
        for status, _ in answers:
            if intake.failure is not None:
                association.abort()
                return
            if not self._is_pending(status_of(status), intake.meter, _SOME_FAILED):
                return

    def _is_pending(self, status: int | None, meter: Meter, *also_done: int) -> bool:
        """True while more comes, False at a good end.

        Raises:
            ArchiveError: It broke off, or ended with a failure.
        """
        if meter.reason:
            raise odd_answer(meter.reason)
        if status in _PENDING:
            return True
        if status == _SUCCESS or status in also_done:
            return False
        if status is None or status in _BUSY:
            raise self._broken()
        raise odd_answer(f"the search ended with status 0x{status:04X}")

    @contextlib.contextmanager
    def _associated(
        self,
        contexts: list[Any],
        meter: Meter,
        *,
        roles: Sequence[Any] = (),
        handlers: Sequence[Any] = (),
    ) -> Iterator[Association]:
        extended = [*roles, *self._identity()]
        association = self._entity().associate(
            self._address.host,
            self._address.port,
            contexts=contexts,
            ae_title=self._address.ae_title,
            max_pdu=PDU,
            ext_neg=extended or None,
            tls_args=self._tls,
            evt_handlers=[(evt.EVT_CONN_OPEN, measure, [meter]), *handlers],
        )
        if not association.is_established:
            raise self._not_established(association, meter)
        try:
            yield association
        finally:
            _end(association)

    def _not_established(self, association: Association, meter: Meter) -> ArchiveError:
        if meter.reason:
            return odd_answer(meter.reason)
        if association.is_rejected:
            return ArchiveError(
                f"{self._address} does not take us in as {self._connection.calling_ae}",
                hint="check its name, calling_ae and the archive's list of peers",
                code="archive_login",
            )
        if self._tls is not None:
            return unreachable(self._address, "no connection, or the wrong certificate")
        return self._broken()

    def _identity(self) -> list[Any]:
        """User and password where the connection file has them (PS3.7 D.3.3.7)."""
        if not self._connection.user:
            return []
        identity = UserIdentityNegotiation()
        identity.user_identity_type = 2 if self._connection.password else 1
        identity.primary_field = self._connection.user.encode()
        if self._connection.password:
            identity.secondary_field = self._connection.password.encode()
        return [identity]

    def _entity(self) -> AE:
        entity = AE(self._connection.calling_ae)
        entity.maximum_pdu_size = PDU
        for kind in ("acse", "dimse", "network", "connection"):
            setattr(entity, f"{kind}_timeout", self._connection.timeout_s)
        return entity

    def _meter(self, seconds: float | None = None) -> Meter:
        ceilings, end = self._ceilings, time.monotonic()
        if seconds is None:
            end += 10 * self._connection.timeout_s
            return Meter(ceilings.answer_bytes, ceilings.series_bytes, end)
        return Meter(ceilings.object_bytes, ceilings.series_bytes, end + seconds)

    def _broken(self) -> ArchiveError:
        return unreachable(self._address, "no answer")


def _end(association: Association) -> None:
    if association.is_established:
        association.release()
    else:
        association.kill()


def _contexts(classes: Sequence[str]) -> list[Any]:
    return [build_context(one, syntax) for one in classes for syntax in _SYNTAXES]
