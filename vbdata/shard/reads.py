"""What a record is read from: each question that a reader asks of its root, noted with its answer.

A reader's `load` is a function of the entry and of these answers. Where the same questions have
the same answers again it would yield the same sample, which costs less to find out than to load.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from vbdata.core.types import FileRef
from vbdata.errors import BadSample
from vbdata.machine.stages import stage
from vbdata.storage.folder import MAX_FILE, Root

MISSING = -1  # the length of what cannot be read


class Reads(Root):
    """The same root; streams and local copies are noted as the ranges that they read.

    size_read: bytes so far.
    """

    def __init__(self, root: Root) -> None:
        self._root, self.url = root, root.url
        self._bytes = hashlib.sha256()
        self._noted: list[list[Any]] = []
        self.size_read = 0

    @property
    def bytes_sha256(self) -> str:
        """Hex digest of all bytes that were read so far, one after the other."""
        return self._bytes.hexdigest()

    @property
    def noted(self) -> str:
        """The questions so far, as JSON: what, of which path, and how long the answer was."""
        return json.dumps(self._noted, separators=(",", ":"))

    def exists(self, path: str = "") -> bool:
        """Whether a file or folder is there."""
        answer = self._root.exists(path)
        self._noted.append(["exists", path, answer])
        return answer

    def size(self, path: str) -> int:
        """Bytes of a file, -1 if it is not there."""
        answer = self._root.size(path)
        self._noted.append(["size", path, answer])
        return answer

    def files(self, below: str = "") -> Iterator[FileRef]:
        """All files below a folder."""
        found = list(self._root.files(below))
        self._noted.append(["files", below, _digest((f.path, f.size) for f in found)])
        return iter(found)

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one."""
        found = self._root.folders(below)
        self._noted.append(["folders", below, _digest(found)])
        return found

    def read(self, path: str) -> bytes:
        """A whole file."""
        try:
            data = self._root.read(path)
        except BadSample:
            self._noted.append(["read", path, MISSING])
            raise
        self._hash(data)
        self._noted.append(["read", path, len(data)])
        return data

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """A part of a file."""
        try:
            data = self._root.read_range(path, offset, size)
        except BadSample:
            self._noted.append(["range", path, offset, size, MISSING])
            raise
        self._hash(data)
        self._noted.append(["range", path, offset, size, len(data)])
        return data

    def _hash(self, data: bytes) -> None:
        with stage("hash", len(data)):
            self._bytes.update(data)
        self.size_read += len(data)


def still(root: Root, noted: str, bytes_sha256: str) -> bool:
    """Whether the root answers as it did when `noted` was written; False if that is garbled."""
    again = Reads(root)
    try:
        for question in json.loads(noted):
            try:
                _ask(again, question)
            except BadSample:  # noted as well, and perhaps as it was then
                continue
    except (ValueError, TypeError, RecursionError):
        return False
    return (again.noted, again.bytes_sha256) == (noted, bytes_sha256)


def _ask(root: Reads, question: Any) -> None:
    """One noted question. Raises BadSample as the root does, ValueError if there is none such."""
    match question:
        case ["read", str(path), int()]:
            root.read(path)
        case ["range", str(path), int(offset), int(size), int()] if (
            offset >= 0 and size <= MAX_FILE
        ):
            root.read_range(path, offset, size)
        case ["exists", str(path), bool()]:
            root.exists(path)
        case ["size", str(path), int()]:
            root.size(path)
        case ["files", str(path), str()]:
            root.files(path)
        case ["folders", str(path), str()]:
            root.folders(path)
        case _:
            raise ValueError(f"no question: {question!r:.80}")


def _digest(answer: Iterable[Any]) -> str:
    return hashlib.sha256(repr(list(answer)).encode("utf-8", "surrogatepass")).hexdigest()
