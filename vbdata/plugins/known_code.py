"""Digests of the code of source texts, kept in the machine's cache by the texts themselves.

To find the code in a file takes half a millisecond, and every process of a build asks for some
hundred files. What is kept belongs to a text and to this version of vbdata.plugins.source_text, so
nothing in it can grow old; without it, or where the cache cannot be used, all is found anew.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from vbdata.errors import SourceError
from vbdata.machine import cache
from vbdata.plugins import source_text
from vbdata.plugins.source_text import Import, c_code, python_code

MOST = 4096  # texts; with more the file is begun anew


class Known(NamedTuple):
    """Of a source text: the SHA-256 of its code in hexadecimal, and what a Python text imports."""

    sha256: str
    imports: tuple[Import, ...]


def python(text: str) -> Known:
    """The code of a Python text. text: as for source_text.python_code."""
    return _of(text, "python")


def c(text: str) -> Known:
    """The code of a C text, which imports nothing."""
    return _of(text, "c")


def sha256(text: str) -> str:
    """Hexadecimal SHA-256 of a text, whatever characters it has."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _of(text: str, language: str) -> Known:
    kept, key = _kept(), f"{language} {sha256(text)}"
    if key not in kept.known:
        code = python_code(text) if language == "python" else source_text.Code(c_code(text), ())
        kept.known[key] = kept.new[key] = Known(sha256(code.text), code.imports)
    return kept.known[key]


class _Kept:
    """What the file in the cache said, and what was found since. path: of that file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.known: dict[str, Known] = _read(path) if path else {}
        self.new: dict[str, Known] = {}

    def save(self) -> None:
        """Add what was found to the file, as it is by now; a cache that cannot be written stays."""
        if not self.path or not self.new:
            return
        both = _read(self.path) | self.new
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        with suppress(OSError):
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                part.write_bytes(msgspec.json.encode(both if len(both) <= MOST else self.new))
                part.replace(self.path)
            finally:
                part.unlink(missing_ok=True)
        self.new = {}


@functools.cache
def _kept() -> _Kept:
    try:
        version = hashlib.sha256(Path(source_text.__file__).read_bytes()).hexdigest()[:32]
        kept = _Kept(cache.folder() / "code" / f"{version}.json")
    except (OSError, SourceError):  # a zip, or nowhere to write
        kept = _Kept(None)
    atexit.register(kept.save)
    return kept


def _read(path: Path) -> dict[str, Known]:
    """What a file says; nothing if it is not there or garbled."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Known])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
