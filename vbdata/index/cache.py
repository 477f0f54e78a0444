"""Indices that need not be made again: kept with a trace of all that they were made from.

A trace is the list of questions that a reader asked of its root (what is in this folder, what are
the bytes of this file) with a digest of each answer. An index is taken from the cache only if every
question still has the same answer, so it is cached by content: whatever changes, is moved, packed
or unpacked, the index is that of the data as it is now. Deleting the cache costs only time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, BinaryIO

from vbdata import plugins
from vbdata.core.types import FileRef
from vbdata.errors import BadSample
from vbdata.machine import cache
from vbdata.machine.environment import environment
from vbdata.sources.watched import Watched
from vbdata.storage.folder import Root

KEPT = 4  # indices of one reader and options: as many places or states of the data
TRACE = "trace.json"
NEW = "new-"  # a folder that is being written
FILES = ("facts.parquet", "entries.arrow")


class _Traced(Watched):
    """A root that writes down what it was asked, with a digest of each answer."""

    def __init__(self, root: Root) -> None:
        super().__init__(root)
        self.trace: dict[tuple[Any, ...], str] = {}

    def exists(self, path: str = "") -> bool:
        answer = super().exists(path)
        self.trace["exists", path] = repr(answer)
        return answer

    def size(self, path: str) -> int:
        answer = super().size(path)
        self.trace["size", path] = repr(answer)
        return answer

    def files(self, below: str = "") -> Iterator[FileRef]:
        found = list(super().files(below))
        self.trace["files", below] = _listing(found)
        return iter(found)

    def folders(self, below: str = "") -> list[str]:
        found = super().folders(below)
        self.trace["folders", below] = repr(found)
        return found

    def read(self, path: str) -> bytes:
        try:
            data = super().read(path)
        except BadSample as bad:
            self.trace["read", path] = bad.reason
            raise
        self.trace["read", path] = _digest(data)
        return data

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        data = super().read_range(path, offset, size)
        self.trace["range", path, offset, size] = _digest(data)
        return data

    def open(self, path: str) -> BinaryIO:
        self.trace["whole", path] = _whole(self._root, path)
        return super().open(path)

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        self.trace["whole", path] = _whole(self._root, path)
        with super().local_copy(path) as local:
            yield local


class IndexCache:
    """The cached indices of one reader with one set of options."""

    def __init__(self, dataset: str, options: Mapping[str, Any]) -> None:
        code = plugins.code_digest(plugins.DATASETS, dataset)
        engine = plugins.modules_digest(
            "index.index", "index.cache", "index.entries", *plugins.ENGINE
        )
        names = [dataset, code, engine, environment()]
        text = json.dumps([*names, options], sort_keys=True, default=str)
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        self._folder = cache.folder() / "index" / key

    def fetch(self, root: Root, files: Sequence[Path]) -> bool:
        """Place a cached index that still holds; whether there was one."""
        answers: dict[tuple[Any, ...], str] = {}
        for kept in self._newest():
            try:
                lines = json.loads((kept / TRACE).read_text())
                if all(_holds(root, tuple(line[:-1]), line[-1], answers) for line in lines):
                    for name, file in zip(FILES, files, strict=True):
                        _place(kept / name, file)
                    _place(kept / TRACE, trace_of(files))
                    os.utime(kept)
                    return True
            except (OSError, ValueError, TypeError, IndexError):
                continue  # torn, or deleted by another process: it is made again
        return False

    def watched(self, root: Root) -> _Traced:
        """The root for a reader whose index is to be stored."""
        return _Traced(root)

    def store(self, traced: _Traced, files: Sequence[Path]) -> None:
        """Keep an index that was just made. A cache that cannot be written is not used."""
        lines = [[*question, answer] for question, answer in traced.trace.items()]
        text = json.dumps(lines)
        trace_of(files).unlink(missing_ok=True)  # it may be linked to the cache's
        trace_of(files).write_text(text)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            new = Path(mkdtemp(dir=self._folder, prefix=NEW))
            for name, file in zip(FILES, files, strict=True):
                _place(file, new / name)
            (new / TRACE).write_text(text)
            final = self._folder / hashlib.sha256(text.encode()).hexdigest()
            shutil.rmtree(final, ignore_errors=True)
            new.rename(final)
            for old in self._newest()[KEPT:]:
                shutil.rmtree(old, ignore_errors=True)
        except OSError:
            return

    def _newest(self) -> list[Path]:
        """Folders of cached indices, last used first."""
        if not self._folder.is_dir():
            return []
        found = [p for p in self._folder.iterdir() if not p.name.startswith(NEW)]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def trace_of(files: Sequence[Path]) -> Path:
    """Where the trace of an index lies, beside it: a lock names the files that changed by it."""
    return files[0].with_suffix(f".{TRACE}")


def _holds(
    root: Root, question: tuple[Any, ...], answer: str, answers: dict[tuple[Any, ...], str]
) -> bool:
    """Whether a question has the same answer as when the index was made."""
    if question not in answers:
        answers[question] = _ask(root, question)
    return answers[question] == answer


def _ask(root: Root, question: tuple[Any, ...]) -> str:
    kind, path, *rest = question
    if kind == "files":
        return _listing(root.files(path))
    if kind == "range":
        return _digest(root.read_range(path, *rest))
    if kind == "whole":
        return _whole(root, path)
    if kind == "read":
        try:
            return _digest(root.read(path))
        except BadSample as bad:
            return bad.reason
    if kind == "folders":
        return repr(root.folders(path))
    return repr(root.exists(path) if kind == "exists" else root.size(path))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _listing(files: Iterable[FileRef]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.size} {file.path}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _whole(root: Root, path: str) -> str:
    """A digest of a file that may be too large for memory."""
    return root.sha256(path) if root.size(path) >= 0 else "missing"


def _place(source: Path, target: Path) -> None:
    """One file at two places, without a copy where the disk can."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
