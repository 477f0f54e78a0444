"""What a record is read from: each question that a reader asks of its root, noted with its answer.

A reader's `load` is a function of the entry and of these answers. Where the same questions have
the same answers again, it would yield the same sample, which costs less to find out than to load.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from vbdata.core.types import FileRef
from vbdata.errors import BadSample
from vbdata.machine.stages import stage
from vbdata.sources.watched import Question, Watched, ask, parse_question
from vbdata.storage.filelist import FileList
from vbdata.storage.root import MAX_FILE, Root
from vbdata.storage.told import UNKNOWN, Told

MISSING = -1  # the length of what cannot be read
_short = json.JSONEncoder(separators=(",", ":")).encode


class Reads(Watched):
    """A root that notes what is asked of it, and hashes all bytes that are read from it.

    Streams and local copies are noted as the ranges that they read. files: those of the record, as
    its index knows them; a file of another size, or of which the root says something else (its
    tag), is BadSample("changed"). size_read: bytes so far; changed: the first such fault.
    """

    def __init__(self, root: Root, files: Iterable[FileRef] = ()) -> None:
        super().__init__(root)
        self._known = {file.path: file for file in files if file.size >= 0}
        self._sized: set[str] = set()
        self.changed: BadSample | None = None
        self._bytes = hashlib.sha256()
        self._unhashed = b""  # the last answer of bytes, which may have a digest of its own
        self._noted: list[list[Any]] = []
        self.size_read = 0

    @property
    def bytes_sha256(self) -> str:
        """Hexadecimal SHA-256 of all bytes that were read so far, one after the other."""
        self._hash()
        return self._bytes.hexdigest()

    def is_all(self, data: bytes) -> bool:
        """Whether some bytes are an answer, and all that was read: their digest is that of all."""
        return data is self._unhashed and len(data) == self.size_read

    def _hash(self) -> None:
        with stage("hash", len(self._unhashed)):
            self._bytes.update(self._unhashed)
        self._unhashed = b""

    @property
    def noted(self) -> str:
        """The questions so far as JSON, each [kind, path, ..., answer] (sources.watched.Question).

        The answer stands there as itself, as a digest if it is a listing, and as its length if it
        is bytes, MISSING if they could not be read.
        """
        return _short(self._noted)

    def answer(self, question: Question) -> Any:
        """What the other root answers, noted. Raises BadSample and OSError as that root does.

        Also BadSample("changed") for a file of the record that is another than the indexed one.
        """
        try:
            answer = super().answer(question)
        except BadSample:
            # other questions fail only for a path that leads out, whatever the data is
            if question.kind in ("read", "range"):
                self._noted.append([*question.parts(), MISSING])
            raise
        if isinstance(answer, bytes):
            if self._unhashed:
                self._hash()
            self._unhashed = answer
            self.size_read += len(answer)
        self._noted.append([*question.parts(), _in_short(answer)])
        if known := self._known.get(question.path):
            self._compare(question, answer, known)
        return answer

    def _compare(self, question: Question, answer: Any, known: FileRef) -> None:
        """Raise BadSample("changed") if an answer is not of the file that the index knows."""
        size, tag = known.size, ""
        if isinstance(answer, Told):
            size, tag = answer.size, answer.tag
        elif question.kind == "read":
            size = len(answer)
        elif question.kind == "size":
            size = answer
        elif question.kind == "range" and question.path not in self._sized:
            self._sized.add(question.path)  # once a record: it costs a look at the disk
            size = self._root.size(question.path)
        if size not in (known.size, UNKNOWN):
            found, expected = f"{size} bytes", f"{known.size}"
        elif tag and known.tag and tag != known.tag:
            found, expected = tag, known.tag
        else:
            return
        detail = f"it has {found}, and had {expected} when it was indexed"
        self.changed = self.changed or BadSample("changed", detail, question.path)
        raise self.changed


def still(root: Root, noted: str, bytes_sha256: str, files: Iterable[FileRef] = ()) -> bool:
    """Whether a root answers as it did when `Reads` wrote `noted` and `bytes_sha256`.

    False, too, if `noted` is garbled or one of `files` is not as the index knows it. Raises OSError
    if the root cannot be asked.
    """
    again = Reads(root, files)
    try:
        for *parts, _ in json.loads(noted):
            question = parse_question(parts)
            if question.span and question.span[1] > MAX_FILE:
                return False
            try:
                ask(again, question)
            except BadSample:  # noted as well, and perhaps as it was then
                continue
    except (ValueError, TypeError, RecursionError):
        return False
    same = (again.noted, again.bytes_sha256) == (noted, bytes_sha256)
    return same and again.changed is None


def _in_short(answer: Any) -> bool | int | str:
    """An answer as it stands in a receipt: short, and another one if the answer is another."""
    if isinstance(answer, bytes):
        return len(answer)
    if isinstance(answer, FileList):
        return _digest(zip(answer.paths, answer.sizes, strict=True))
    if isinstance(answer, list):
        return _digest(answer)
    short: bool | int | str = answer
    return short


def _digest(answer: Iterable[Any]) -> str:
    return hashlib.sha256(repr(list(answer)).encode("utf-8", "surrogatepass")).hexdigest()
