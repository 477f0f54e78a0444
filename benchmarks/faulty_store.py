"""A proxy in front of an HTTP server (an object store) that injects faults of networks and stores.

Which requests meet a fault is drawn from a seed, or ordered with `next`. Example:

    with faulty("http://127.0.0.1:9000", Faults(error=0.05, hang=0.01), seed=7) as proxy:
        os.environ["AWS_ENDPOINT_URL"] = proxy.url
        ...
    print(proxy.counts)  # Counter({"passed": 950, "error": 40, "hang": 10})
"""

from __future__ import annotations

import random
import re
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

STATUSES = {500: "InternalError", 503: "SlowDown", 429: "TooManyRequests"}
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect", "content-length"}
PIECE = 1 << 16
UPSTREAM_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Shares of the requests (0 to 1) that meet each kind of fault.

    error: answered with one of STATUSES, and not passed on; reset: connection reset, not passed
    on; lost: passed on, then reset instead of the answer; cut: reset after half of the answer's
    body; short: half of the body, as if it were all; flip: a bit changed in the request's body, or
    if it has none in the answer's; hang: no answer for hang_s, then a reset, not passed on.
    """

    error: float = 0.0
    reset: float = 0.0
    lost: float = 0.0
    cut: float = 0.0
    short: float = 0.0
    flip: float = 0.0
    hang: float = 0.0


KINDS = tuple(field.name for field in fields(Faults))


class Proxy:
    """The settings and counts of a proxy, which may be changed while it runs.

    url: where it listens; faults: what it draws from; matching: a regular expression of the
    requests ("GET /bucket/key?query") that can meet faults; hang_s: seconds of a hang; delay_s:
    seconds before each answer; bytes_per_s: speed of each answer's body (0: unbounded); counts:
    requests by the fault that they met, or "passed"; log: (request, fault or "passed"); most:
    requests at once so far.
    """

    def __init__(self, upstream: str, faults: Faults, seed: int) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.url, self.faults, self.matching = "", faults, ""
        self.hang_s, self.delay_s, self.bytes_per_s = 60.0, 0.0, 0
        self.counts = Counter[str]()
        self.log: list[tuple[str, str]] = []
        self.most = self._at_once = 0
        self.stopping = threading.Event()
        self._next: deque[str] = deque()
        self._random, self._lock = random.Random(seed), threading.Lock()

    def next(self, *kinds: str) -> None:
        """Order the faults that the next matching requests meet, one each ("passed": none)."""
        assert set(kinds) <= {*KINDS, *map(str, STATUSES), "passed"}, kinds
        self._next.extend(kinds)

    @property
    def pending(self) -> int:
        """The number of faults ordered with `next` that no request has met yet."""
        return len(self._next)

    def drop(self) -> None:
        """Cancel the faults ordered with `next` that no request has met yet."""
        self._next.clear()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Inside this, a request is being answered: it counts for `most`."""
        with self._lock:
            self._at_once += 1
            self.most = max(self.most, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    def draw(self, asked: str) -> str:
        """Draw the fault that a request meets, or "passed"; count and log it."""
        with self._lock:
            kind = self._drawn() if re.search(self.matching, asked) else "passed"
            self.counts["error" if kind.isdigit() else kind] += 1
            self.log.append((asked, kind))
        return kind

    def _drawn(self) -> str:
        if self._next:
            kind = self._next.popleft()
        else:
            left, kind = self._random.random(), "passed"
            for name in KINDS:
                left -= getattr(self.faults, name)
                if left < 0:
                    kind = name
                    break
        return str(self._random.choice(sorted(STATUSES))) if kind == "error" else kind


@contextmanager
def faulty(upstream: str, faults: Faults | None = None, *, seed: int = 0) -> Iterator[Proxy]:
    """Inside this, a proxy in front of the server at `upstream` runs on a port of this machine."""
    proxy = Proxy(upstream, faults or Faults(), seed)
    server = _Server(("127.0.0.1", 0), _Handler, proxy)
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads, block_on_close, request_queue_size = True, False, 128

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], proxy: Proxy
    ) -> None:
        self.proxy = proxy
        super().__init__(address, handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing: clients that time out close their connections, and that is expected."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version, timeout, disable_nagle_algorithm = "HTTP/1.1", 120, True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, where the base class writes to stderr."""

    def do_GET(self) -> None:
        """Pass a request on, or have it meet its fault."""
        proxy, body = self.server.proxy, self._body()
        with proxy.busy():
            self._meet(proxy, body)

    def _meet(self, proxy: Proxy, body: bytes) -> None:
        kind = proxy.draw(f"{self.command} {self.path}")
        if proxy.delay_s:
            proxy.stopping.wait(proxy.delay_s)
        if kind.isdigit():
            self._refuse(int(kind))
        elif kind in ("reset", "hang"):
            if kind == "hang":
                proxy.stopping.wait(proxy.hang_s)
            self._reset()
        else:
            self._pass(kind, body)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _pass(self, kind: str, body: bytes) -> None:
        upstream = HTTPConnection(self.server.proxy.upstream, timeout=UPSTREAM_S)
        try:
            answer = self._asked(upstream, _flipped(body) if kind == "flip" else body)
            data = answer.read()
        except (OSError, HTTPException):
            self._refuse(502)
            return
        finally:
            upstream.close()
        if kind == "lost":
            self._reset()
            return
        if kind == "flip" and not body:
            data = _flipped(data)
        self._answer(answer, data[: len(data) // 2] if kind == "short" else data, kind)

    def _asked(self, upstream: HTTPConnection, body: bytes) -> HTTPResponse:
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP:
                upstream.putheader(name, value)
        if body or self.command in ("PUT", "POST"):
            upstream.putheader("Content-Length", str(len(body)))
        upstream.endheaders(body or None)
        return upstream.getresponse()

    def _answer(self, answer: HTTPResponse, data: bytes, kind: str) -> None:
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP | {"date", "server"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        if answer.status not in (204, 304):
            self.send_header("Content-Length", length or "0")
        self.end_headers()
        self._send(data[: len(data) // 2] if kind == "cut" else data)
        if kind == "cut":
            self._reset()

    def _send(self, data: bytes) -> None:
        speed = self.server.proxy.bytes_per_s
        piece = max(1, min(PIECE, speed // 10)) if speed else PIECE
        for start in range(0, len(data), piece):
            self.wfile.write(data[start : start + piece])
            if speed:
                self.wfile.flush()
                self.server.proxy.stopping.wait(piece / speed)

    def _refuse(self, status: int) -> None:
        code = STATUSES.get(status, "BadGateway")
        text = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _reset(self) -> None:
        """End the connection by a TCP reset (linger of 0 s): the client's read fails with it."""
        with suppress(OSError):
            self.wfile.flush()
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
        self.close_connection = True


def _flipped(data: bytes) -> bytes:
    """Data with one bit changed, in the byte in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes(b ^ 1 for b in data[middle : middle + 1]) + data[middle + 1 :]
