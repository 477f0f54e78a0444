"""A server of Cloud Storage's JSON API, in memory, as strict as its documentation says.

Written from cloud.google.com/storage/docs: json_api, performing-resumable-uploads, hashes-etags.
An unfinished resumable upload shows no object, bytes that it has are ignored when they come again
and a gap is refused, parts that are not the last are multiples of 256 KiB, a status query
("bytes */size") changes nothing, an MD5 that is stated and is not that of the bytes is a 400.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

GRAIN = 256 << 10
PAGE = 1000
Entry = dict[str, Any]


@dataclass
class Upload:
    """A resumable upload: what was told at its start, and the bytes until now."""

    bucket: str
    told: Entry
    data: bytearray = field(default_factory=bytearray)
    finished: Entry | None = None


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Server(ThreadingHTTPServer):
    """buckets: name -> object -> (entry, bytes); uploads: id -> upload; token: asked of all."""

    daemon_threads, block_on_close, request_queue_size = True, False, 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.buckets: dict[str, dict[str, tuple[Entry, bytes]]] = {}
        self.uploads: dict[str, Upload] = {}
        self.token, self.page = "", PAGE
        self.generations, self.lock = count(time.time_ns() // 1000), threading.RLock()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up when they have waited enough: no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def bucket(self, name: str) -> dict[str, tuple[Entry, bytes]]:
        if name not in self.buckets:
            raise Refused(404, "The specified bucket does not exist.")
        return self.buckets[name]

    def object(self, bucket: str, name: str) -> tuple[Entry, bytes]:
        if (found := self.bucket(bucket).get(name)) is None:
            raise Refused(404, f"No such object: {bucket}/{name}")
        return found

    def store(self, bucket: str, told: Entry, data: bytes) -> Entry:
        objects, name = self.bucket(bucket), told.get("name")
        if not name:
            raise Refused(400, "Required")
        md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
        if told.get("md5Hash", md5) != md5:
            said = f'Provided MD5 hash "{told["md5Hash"]}" doesn\'t match calculated MD5 hash'
            raise Refused(400, f'{said} "{md5}".')
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        entry = {"kind": "storage#object", "name": name, "bucket": bucket, "size": str(len(data))}
        entry |= {"md5Hash": md5, "generation": str(next(self.generations)), "updated": now}
        entry |= {"timeCreated": now, "metageneration": "1", "etag": f"C{entry['generation']}"}
        objects[name] = (entry, bytes(data))
        return entry


class Handler(BaseHTTPRequestHandler):
    protocol_version, timeout, disable_nagle_algorithm = "HTTP/1.1", 120, True
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        split = urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(split.query).items()}
        try:
            if (token := self.server.token) and self.headers["Authorization"] != f"Bearer {token}":
                raise Refused(401, "Anonymous caller does not have storage.objects access")
            with self.server.lock:
                self.route(self.command, split.path, asked, body)
        except Refused as err:
            self.said({"error": {"code": err.status, "message": str(err)}}, err.status)

    do_POST = do_PUT = do_DELETE = do_GET

    def route(self, method: str, path: str, asked: dict[str, str], body: bytes) -> None:
        server, parts = self.server, [unquote(part) for part in path.split("/")[1:]]
        match method, *parts:
            case "GET", "storage", "v1", "b", name:
                server.bucket(name)
                self.said({"kind": "storage#bucket", "name": name})
            case "GET", "storage", "v1", "b", name, "o":
                self.said(self.listed(server.bucket(name), asked))
            case "GET", "download", "storage", "v1", "b", name, "o", key:
                self.media(*server.object(name, key))
            case "GET", "storage", "v1", "b", name, "o", key:
                self.said(server.object(name, key)[0])
            case "DELETE", "storage", "v1", "b", name, "o", key:
                server.object(name, key)
                del server.bucket(name)[key]
                self.answered(204, {}, b"")
            case "POST", "storage", "v1", "b", b1, "o", k1, "rewriteTo", "b", b2, "o", k2:
                data = server.object(b1, k1)[1]
                made = server.store(b2, {"name": k2}, data)
                self.said({"kind": "storage#rewriteResponse", "done": True, "resource": made})
            case (("POST" | "PUT" | "DELETE"), "upload", "storage", "v1", "b", name, "o"):
                self.upload(method, name, asked, body)
            case _:
                raise Refused(404, "Not Found")

    def listed(self, objects: dict[str, Any], asked: dict[str, str]) -> Entry:
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter")
        found: dict[str, Entry | None] = {}
        for name in sorted(objects):
            if name.startswith(prefix):
                cut = name.find(delimiter, len(prefix)) if delimiter else -1
                found[name if cut < 0 else name[: cut + 1]] = objects[name][0] if cut < 0 else None
        after = base64.b64decode(asked.get("pageToken", "")).decode()
        rest = [name for name in found if name > after]
        shown = rest[: min(int(asked.get("maxResults", PAGE)), self.server.page)]
        page: Entry = {"kind": "storage#objects"}
        if items := [found[name] for name in shown if found[name]]:
            page["items"] = items
        if folders := [name for name in shown if not found[name]]:
            page["prefixes"] = folders
        if len(shown) < len(rest):
            page["nextPageToken"] = base64.b64encode(shown[-1].encode()).decode()
        return page

    def media(self, entry: Entry, data: bytes) -> None:
        sums = {"crc32c": entry.get("crc32c"), "md5": entry.get("md5Hash")}
        hashed = {"X-Goog-Hash": ",".join(f"{name}={sums[name]}" for name in sums if sums[name])}
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if not span:
            self.answered(200, hashed, data)
            return
        start, end = int(span[1]), min(int(span[2] or len(data)) + 1, len(data))
        if start >= len(data):
            raise Refused(416, "Request range not satisfiable")
        told = {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}
        self.answered(206, hashed | told, data[start:end])

    def upload(self, method: str, bucket: str, asked: dict[str, str], body: bytes) -> None:
        if "upload_id" in asked:
            self.resumed(method, asked["upload_id"], body)
        elif asked.get("uploadType") == "multipart":
            mark = self.headers["Content-Type"].partition("boundary=")[2].strip('"').encode()
            _, told, data, end = (b"\r\n" + body).split(b"\r\n--" + mark)
            assert end.startswith(b"--")
            told, data = (part.split(b"\r\n\r\n", 1)[1] for part in (told, data))
            self.said(self.server.store(bucket, json.loads(told), data))
        else:
            self.server.bucket(bucket)
            told, key = json.loads(body or b"{}") | {"name": asked["name"]}, uuid.uuid4().hex
            self.server.uploads[key] = Upload(bucket, told)
            place = f"http://{self.headers['Host']}/upload/storage/v1/b/{quote(bucket)}/o"
            self.answered(200, {"Location": f"{place}?uploadType=resumable&upload_id={key}"}, b"")

    def resumed(self, method: str, key: str, body: bytes) -> None:
        if (upload := self.server.uploads.get(key)) is None:
            raise Refused(404, "Not Found")
        if method == "DELETE":
            del self.server.uploads[key]
            raise Refused(499, "Client Closed Request")
        said = self.headers.get("Content-Range") or ""
        span = re.fullmatch(r"bytes (?:\*|(\d+)-(\d+))/(\*|\d+)", said)
        if not span or (span[1] and int(span[2]) - int(span[1]) + 1 != len(body)):
            raise Refused(400, f"Failed to parse Content-Range header {said}")
        if span[1] and not upload.finished:
            total, start, have = span[3], int(span[1]), len(upload.data)
            if start > have:
                raise Refused(503, "There is a gap before these bytes")
            if len(body) % GRAIN and str(int(span[2]) + 1) != total:
                raise Refused(400, "A part is a multiple of 256 KiB")
            upload.data += body[have - start :]
            if str(len(upload.data)) == total:
                upload.finished = self.server.store(upload.bucket, upload.told, upload.data)
                upload.data.clear()
        if upload.finished:
            self.said(upload.finished)
        else:
            have = {"Range": f"bytes=0-{len(upload.data) - 1}"} if upload.data else {}
            self.answered(308, have, b"")

    def said(self, what: Entry, status: int = 200) -> None:
        kind = {"Content-Type": "application/json; charset=UTF-8"}
        self.answered(status, kind, json.dumps(what).encode())

    def answered(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def gcs(*buckets: str) -> Iterator[Server]:
    """The server with some buckets on a port of this machine, for the while."""
    server = Server()
    server.buckets = {name: {} for name in buckets}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
