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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, BinaryIO

from vbdata import plugins
from vbdata.errors import BadSample
from vbdata.machine import cache
from vbdata.machine.environment import environment
from vbdata.machine.hashing import file_sha256
from vbdata.sources.watched import Question, Watched, ask, parse_question
from vbdata.storage.filelist import FileList
from vbdata.storage.folder import Root

KEPT = 4  # indices of one reader and its options: each of another place or state of the data
TRACE = "trace.json"
MADE = ".made"  # of files that are made of an index
NEW = "new-"  # a folder that is being written
FILES = ("facts.parquet", "entries.arrow")
BLOCK = 1 << 14  # lines of a listing that are hashed at once


class Traced(Watched):
    """A root that notes every question with a digest of its answer, in `trace`.

    Of a file that is read as a stream or a local copy, the whole content is noted. tags: what the
    listings say of the content of files (FileRef.tag), by path.
    """

    def __init__(self, root: Root) -> None:
        super().__init__(root)
        self.trace: dict[Question, str] = {}
        self.tags: dict[str, str] = {}

    def answer(self, question: Question) -> Any:
        """What the other root answers, noted. Raises BadSample and OSError as that root does."""
        try:
            answer = super().answer(question)
        except BadSample as err:
            self.trace[question] = err.reason
            raise
        self.trace[question] = _in_short(question, answer)
        if question.kind == "files":
            self.tags.update(answer.tags)
        return answer

    def open(self, path: str) -> BinaryIO:
        """A file as a buffered stream that can seek. Raises BadSample("missing")."""
        self.answer(Question("whole", path))
        return self._root.open(path)

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        """A file on this machine's disk. Raises BadSample("missing")."""
        self.answer(Question("whole", path))
        with self._root.local_copy(path) as local:
            yield local


class IndexCache:
    """The cached indices of one reader with one set of options."""

    def __init__(self, dataset: str, options: Mapping[str, Any]) -> None:
        """Raises SourceError if this machine has no folder for a cache."""
        code = plugins.code_digest(plugins.DATASETS, dataset)
        engine = (plugins.folder_digest("index"), plugins.engine_digest())
        names = [dataset, code, *engine, environment()]
        text = json.dumps([*names, options], sort_keys=True, default=str)
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        self._folder = cache.folder() / "index" / key

    def fetch(self, root: Root, files: Sequence[Path]) -> bool:
        """Place a cached index that is that of the root as it is now; whether there was one.

        files: where its facts and its entries go.
        """
        answers: dict[Question, str] = {}
        for folder in self._newest():
            try:
                lines = json.loads((folder / TRACE).read_text())
                if all(_holds(root, line, answers) for line in lines):
                    for name, file in zip(FILES, files, strict=True):
                        _place(folder / name, file)
                    _place(folder / TRACE, trace_of(files))
                    os.utime(folder)
                    return True
            except (OSError, ValueError, TypeError, IndexError):
                continue  # torn, or deleted by another process: it is made again
        return False

    def store(self, traced: Traced, files: Sequence[Path]) -> None:
        """Keep an index that was just made, under the trace of the root that it was made from.

        A cache that cannot be written is not used.
        """
        lines = [[*question.parts(), answer] for question, answer in traced.trace.items()]
        text = json.dumps(lines)
        trace_of(files).unlink(missing_ok=True)  # it may be a link into the cache
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
        folders = [path for path in self._folder.iterdir() if not path.name.startswith(NEW)]
        return sorted(folders, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def made_again(files: Sequence[Path], how: object, make: Callable[[Sequence[Path]], None]) -> None:
    """Put in the place of an index's files what `make` writes of them, or what it once wrote.

    files: its facts and its entries; how: all else that decides what is written, as JSON values;
    make: writes new ones to the places that it is given. Kept by content, like an index. Raises
    SourceError if this machine has no folder for a cache, and what `make` raises.
    """
    engine = (plugins.folder_digest("index"), plugins.engine_digest(), environment())
    parts = [*engine, *map(file_sha256, files), how]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
    kept = [cache.folder() / "index" / key / MADE / name for name in FILES]
    try:
        for old, file in zip(kept, files, strict=True):
            _place(old, file.with_suffix(f"{file.suffix}{MADE}"))
        os.utime(kept[0].parent)
    except OSError:  # not there, or deleted by another process: it is made now
        make([file.with_suffix(f"{file.suffix}{MADE}") for file in files])
        _keep(files, kept)
    for file in files:
        file.with_suffix(f"{file.suffix}{MADE}").replace(file)


def _keep(files: Sequence[Path], kept: Sequence[Path]) -> None:
    """Place what was made into the cache, whole; a cache that cannot be written is not used."""
    folder = kept[0].parent
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(mkdtemp(dir=folder.parent, prefix=NEW))
        for file, place in zip(files, kept, strict=True):
            _place(file.with_suffix(f"{file.suffix}{MADE}"), new / place.name)
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    except OSError:
        return


def trace_of(files: Sequence[Path]) -> Path:
    """Where the trace of an index lies: beside its facts. A lock names changed files by it."""
    return files[0].with_suffix(f".{TRACE}")


def _holds(root: Root, line: Sequence[Any], answers: dict[Question, str]) -> bool:
    """Whether the question of a trace's line has the answer that stands there.

    answers: those of this root so far, by question. Raises ValueError for a garbled line.
    """
    question = parse_question(line[:-1])
    if question not in answers:
        try:
            answers[question] = _in_short(question, ask(root, question))
        except BadSample as err:
            answers[question] = err.reason
    return answers[question] == line[-1]


def _in_short(question: Question, answer: Any) -> str:
    """An answer as it stands in a trace: another text if it is another answer."""
    if isinstance(answer, bytes):
        return hashlib.sha256(answer).hexdigest()
    if question.kind == "files":
        return _listing(answer)
    return answer if isinstance(answer, str) else repr(answer)


def _listing(files: FileList) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(files), BLOCK):
        paths, sizes = files.paths[start : start + BLOCK], files.sizes[start : start + BLOCK]
        tags = map(files.tags.get, paths, repeat(""))
        rows = zip(sizes, paths, tags, strict=True)
        text = "\n".join([*(f"{size} {path} {tag}".rstrip() for size, path, tag in rows), ""])
        digest.update(text.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _place(source: Path, target: Path) -> None:
    """Put a file at a second place: a hard link, or a copy where the disk has no links."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
