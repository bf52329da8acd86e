"""An archive over DICOMweb: QIDO-RS, WADO-RS, STOW-RS (PS3.18 chapter 10).

dicomweb-client hands out parsed data sets only. Evidence is kept as it was sent and is
parsed in a process of its own, so its own steps below that are used: requests, and the
taking apart of multipart answers.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from email.message import Message
from pathlib import Path
from typing import Any, Final

import msgspec
import requests
from dicomweb_client.web import DICOMwebClient, _Transaction
from requests.auth import HTTPBasicAuth

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
from btd_desktop.dicom.safe_dataset import SafeDataset
from btd_desktop.errors import ArchiveError

_PAGE: Final = 500
_TAIL: Final = 200
# As the archive stores it: nothing is converted on the way (PS3.18 8.7.3.5.2).
_AS_STORED: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_KEYWORDS: Final = {
    "0020000D": "StudyInstanceUID",
    "00080020": "StudyDate",
    "0020000E": "SeriesInstanceUID",
    "00080060": "Modality",
    "00080018": "SOPInstanceUID",
    "00080016": "SOPClassUID",
}
_PASSING: Final = frozenset((408, 425, 429, 500, 502, 503, 504))


class DicomWeb(DICOMwebClient):
    """The archive, spoken to by requests that are measured and never redirected.

    See `exchange.Pacs`.
    """

    def __init__(
        self, address: Address, connection: Connection, ceilings: Ceilings
    ) -> None:
        self._address, self._connection = address, connection
        self._ceilings = ceilings
        self._measured = _MeasuredSession(connection)
        super().__init__(
            address.base_url,
            self._measured,
            timeout=connection.timeout_s,
            permissive_uid=True,  # UIDs are checked by `exchange`
        )
        # Their logs quote UIDs, and what a server says of itself.
        for name in ("dicomweb_client", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self.set_http_retry_params(retry=False)  # `fetching` tries again, or says so

    def close(self) -> None:
        """Close what connections are kept for further requests."""
        self._measured.close()

    def find_studies(self, wanted: SeriesFilter) -> Iterator[Mapping[str, str]]:
        """Keywords and values of each study."""
        filters: dict[str, Any] = {}
        if wanted.study_uid:
            filters["StudyInstanceUID"] = wanted.study_uid
        if wanted.date_range:
            filters["StudyDate"] = wanted.date_range
        return self._rows(
            lambda **page: self.search_for_studies(search_filters=filters, **page)
        )

    def find_series(self, study_uid: str, modality: str) -> Iterator[Mapping[str, str]]:
        """Keywords and values of each series of a study."""
        return self._rows(
            lambda **page: self.search_for_series(
                study_uid, search_filters={"Modality": modality}, **page
            )
        )

    def find_objects(self, entry: SeriesEntry) -> Iterator[Mapping[str, str]]:
        """Keywords and values of each object of a series."""
        return self._rows(
            lambda **page: self.search_for_instances(
                entry.study_uid, entry.series_uid, **page
            )
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
        series = self._get_series_url(
            _Transaction.RETRIEVE, entry.study_uid, entry.series_uid
        )
        if is_whole:
            places = [(series, "")]
        else:
            places = [(f"{series}/instances/{one.uid}", one.uid) for one in objects]
        with self._measuring(
            self._ceilings.object_bytes,
            self._ceilings.series_bytes,
            self._connection.series_hours * 3600,
        ):
            for url, announced in places:
                for part in self._parts(url):
                    self._measured.meter.next_object()
                    take(part, announced)

    def store(self, path: Path, entry: ObjectEntry) -> None:
        """Store an object as it lies in its file, or say why that failed."""
        url = self._get_studies_url(_Transaction.STORE)
        ceiling = self._ceilings.answer_bytes
        with self._measuring(ceiling, ceiling, self._connection.series_hours * 3600):
            answer = SafeDataset(
                self._http_post_multipart_application_dicom(url, [path.read_bytes()])
            )
        stored = {
            one.text("ReferencedSOPInstanceUID")
            for one in answer.items("ReferencedSOPSequence")
        }
        if entry.uid not in stored:
            raise odd_answer("it does not say that it stored the object")

    def _rows(
        self, search: Callable[..., Iterable[Mapping[str, Any]]]
    ) -> Iterator[Mapping[str, str]]:
        """All pages; one that repeats the page before ends them."""
        before: list[dict[str, str]] = []
        offset, ceiling = 0, self._ceilings.answer_bytes
        while True:
            with self._measuring(ceiling, ceiling, 10 * self._connection.timeout_s):
                page = [_texts(row) for row in search(limit=_PAGE, offset=offset)]
            if not page or page == before:
                return
            yield from page
            before, offset = page, offset + len(page)

    def _parts(self, url: str) -> Iterator[bytes]:
        """Objects of a multipart answer; the last only if the answer has an end."""
        response = self._http_get(url, headers={"Accept": _AS_STORED}, stream=True)
        boundary = _boundary(response.headers.get("Content-Type", ""))
        held: bytes | None = None
        for part in self._decode_multipart_message(response, stream=True):
            if held is not None:
                yield held
            held = bytes(part)
        if not self._measured.tail.rstrip().endswith(f"--{boundary}--".encode()):
            raise unreachable(self._address, "the answer has no end")
        if held is not None:
            yield held

    @contextlib.contextmanager
    def _measuring(
        self, object_bytes: int, all_bytes: int, seconds: float
    ) -> Iterator[None]:
        """Ceilings for what is asked inside, and every failure in a sentence."""
        meter = Meter(object_bytes, all_bytes, time.monotonic() + seconds)
        self._measured.meter = meter
        try:
            yield
        except requests.HTTPError as error:
            raise self._status_error(error) from error
        except requests.exceptions.SSLError as error:
            raise ArchiveError(
                f"no trusted connection to {self._address}: wrong certificate",
                hint="name the file of its authority as ca in the connection file",
                code="archive_tls",
            ) from error
        except (ValueError, KeyError, RecursionError) as error:
            # Its words may quote what was sent.
            raise odd_answer("it is not what DICOMweb says") from error
        except OSError as error:  # every error of requests is one
            if meter.reason:
                raise odd_answer(meter.reason) from error
            raise unreachable(self._address, type(error).__name__) from error

    def _status_error(self, error: requests.HTTPError) -> ArchiveError:
        status = 0 if error.response is None else error.response.status_code
        if status in (401, 403):
            return ArchiveError(
                f"{self._address} refuses the login (HTTP {status})",
                hint="check user, password or token in the connection file",
                code="archive_login",
            )
        if status in _PASSING:
            return unreachable(self._address, f"HTTP {status}")
        return odd_answer(f"HTTP {status}")


class _MeasuredSession(requests.Session):
    """A session that follows no redirection and counts every byte that comes back.

    Attributes:
        meter: Set for each request.
        tail: The last bytes of the body read last.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        # No proxy, password file or certificate of the environment's choosing.
        self.trust_env = False
        self.meter = Meter(0, 0, 0.0)
        self.tail = b""
        self.headers["Accept"] = "application/dicom+json"
        self.verify = connection.ca or True
        if connection.certificate:
            self.cert = (connection.certificate, connection.key)
        if connection.user:
            self.auth = HTTPBasicAuth(
                connection.user.encode(), connection.password.encode()
            )
        if connection.token:
            self.headers["Authorization"] = f"Bearer {connection.token}"

    def request(self, method: Any, url: Any, **options: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401 - as requests has it
        """As usual; the body is read later, through the meter."""
        headers = dict(options.pop("headers", None) or {})
        headers.pop("Host", None)  # dicomweb-client leaves the port out
        options |= {"headers": headers, "stream": True, "allow_redirects": False}
        response = super().request(method, url, **options)
        if response.status_code >= 300:
            response.close()  # what a failure says in many words is not read
        if 300 <= response.status_code < 400:
            raise odd_answer("it sends the request elsewhere, which is not followed")
        if method == "POST" and "json" not in response.headers.get("Content-Type", ""):
            response.raise_for_status()
            raise odd_answer("what it says of storing is no JSON")
        self._measure(response)
        return response

    def _measure(self, response: requests.Response) -> None:
        plain = response.iter_content
        self.tail = b""

        def measured(
            chunk_size: int | None = 1,
            decode_unicode: bool = False,
        ) -> Iterator[bytes]:
            with contextlib.closing(response):
                for chunk in plain(chunk_size):
                    self.meter.take(len(chunk))
                    self.tail = (self.tail + chunk[-_TAIL:])[-_TAIL:]
                    yield chunk

        response.iter_content = measured  # type: ignore[method-assign]


def _boundary(content_type: str) -> str:
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/related" or not boundary:
        raise odd_answer("objects were asked for, and something else is sent")
    return boundary


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    """First values of what is looked at, from the DICOM JSON model (PS3.18 F.2).

    Raises:
        ValueError: It is something else.
    """
    texts = {}
    elements = msgspec.convert(row, dict[str, dict[str, Any]])
    for tag, keyword in _KEYWORDS.items():
        values = elements.get(tag, {}).get("Value", [])
        if isinstance(values, list) and values and isinstance(values[0], str):
            texts[keyword] = values[0].strip("\0 ")
    return texts
