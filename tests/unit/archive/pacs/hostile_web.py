"""A server on loopback that answers what a test says, over HTTP."""

from __future__ import annotations

import contextlib
import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Answer = tuple[int, dict[str, str], bytes]
BOUNDARY = "a-boundary"


@dataclass
class WebServer:
    """What it answers by the end of a path, and what it was asked.

    Attributes:
        answers: The first whose key ends the path answers.
        port: Where it listens.
        asked: Path and headers of each request.
    """

    answers: dict[str, Callable[[], Answer]] = field(default_factory=dict)
    port: int = 0
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def answer(self, path: str) -> Answer:
        plain, _, query = path.partition("?")
        if "offset=" in query and "offset=0" not in query:
            return rows()
        for end, made in self.answers.items():
            if plain.endswith(end):
                return made()
        return 404, {}, b""


def rows(*found: dict[str, str]) -> Answer:
    """An answer of QIDO."""
    tags = {
        *{("study", "0020000D"), ("series", "0020000E"), ("modality", "00080060")},
        *{("uid", "00080018"), ("class", "00080016"), ("date", "00080020")},
    }
    listed = [
        {tag: {"vr": "UI", "Value": [row[name]]} for name, tag in tags if name in row}
        for row in found
    ]
    body = json.dumps(listed).encode()
    return 200, {"Content-Type": "application/dicom+json"}, body


def parts(*found: bytes, is_whole: bool = True) -> Answer:
    """An answer of WADO."""
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        + data
        + b"\r\n"
        for data in found
    )
    if is_whole:
        body += f"--{BOUNDARY}--\r\n".encode()
    kind = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    return 200, {"Content-Type": kind}, body


@contextlib.contextmanager
def web_server(context: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    """Start it, with TLS where a context is given."""
    found = WebServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append((self.path, dict(self.headers)))
            status, headers, body = found.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            # No length: the end of the connection is all that says where it ends.
            self.end_headers()
            with contextlib.suppress(OSError):  # it hung up, as it may
                self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_words: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
