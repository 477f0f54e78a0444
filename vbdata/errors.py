"""Every error that vbdata raises on purpose.

VbdataError
+-- RecipeError     the recipe, or how it meets its sources, is wrong: all faults at once
+-- SourceError     the raw data of a source as a whole cannot be read (its index failed)
+-- BuildError      shards were given up, or a folder cannot be used
|   +-- LockError   a build is not what its lock says
+-- BadSample       one record is damaged: quarantined and replaced, and the build goes on
+-- CodecError      a file or array cannot be encoded or decoded (vbdata.codecs)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

LONGEST = 1000  # characters of a message about one record

Reason = Literal[
    "missing",
    "changed",
    "truncated",
    "undecodable",
    "too large",
    "wrong size",
    "turned picture",
    "blank picture",
    "left out",
    "wrong dtype",
    "out of range",
    "all invalid",
    "empty label",
    "overlapping",
    "unknown category",
    "garbled annotation",
    "unsafe path",
    "unsafe pickle",
    "round trip",
    "poison record",
]

# What each reason means: what was found, of which part of a record.
REASONS: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        "missing": "a file, or a member of an archive, that the record names is not there",
        "changed": "another file than was indexed: its size, ETag or CRC differs; "
        "the next run tries again",
        "truncated": "a file ends before what its header promises; empty files too",
        "undecodable": "a file is not of its kind, or its bytes are damaged",
        "too large": "more pixels, bytes, chunks or scans than any dataset has: a bomb",
        "wrong size": "an image or a map is not of the size that its annotation states",
        "turned picture": "its EXIF orientation turns it, and nothing says whether its labels are",
        "blank picture": "a labelled picture of one colour, on which nothing is to be seen",
        "left out": "by a rule of its source: min_rgb_range, max_invalid, min_depth_range",
        "wrong dtype": "a map has another type, or number of channels, than its dataset's",
        "out of range": "a number is NaN, infinite, negative or beyond what it can mean",
        "all invalid": "no pixel of a label has a value",
        "empty label": "nothing that was asked for is there: no instruction, no visible segment",
        "overlapping": "things lie so close on one another that no target could tell them apart",
        "unknown category": "a class id that the dataset's table does not have",
        "garbled annotation": "an annotation lacks a part, or one has another type or form",
        "unsafe path": "a path that leads, or may lead, out of the dataset's folder",
        "unsafe pickle": "a pickle that names, makes or calls objects; nothing of it is run",
        "round trip": "a bug: a target did not decode to its label within its task's bound",
        "poison record": "its process ends whenever it is read or drawn",
    }
)


class VbdataError(Exception):
    """Base of all errors that vbdata raises on purpose. The text is meant for people."""


class RecipeError(VbdataError):
    """A recipe that cannot be built. faults: one line for each thing that has to be changed."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class SourceError(VbdataError):
    """The raw data of a source cannot be indexed. The text names the file and what was expected."""


class BuildError(VbdataError):
    """A build failed, or one cannot be used. Shards that are finished stay for the next run."""


class LockError(BuildError):
    """A build that is not what its lock says.

    faults: a sentence for each difference; causes: code and library versions that differ, too;
    built: whether the build is finished.
    """

    def __init__(
        self, name: str, faults: Sequence[str], causes: Sequence[str], *, built: bool
    ) -> None:
        self.faults, self.causes = tuple(faults), tuple(causes)
        besides = [f"{'likely cause' if built else 'besides'}: {cause}" for cause in causes]
        lines = [*besides, *faults] if built else [*faults, *besides]
        super().__init__(f"this is not what {name} says:\n" + "\n".join(lines))


class CodecError(VbdataError):
    """A file or array that cannot be encoded or decoded."""


class BadSample(VbdataError):
    """One damaged record: it is quarantined and a spare replaces it.

    reason: one of REASONS, which says what each means; detail: what was found and what was
    expected, cut to LONGEST characters; file: path below the source's root, "" if it is no file's.
    """

    def __init__(self, reason: Reason, detail: str, file: str = "") -> None:
        self.reason, self.detail, self.file = reason, _brief(detail), _brief(file)
        super().__init__(self.reason, self.detail, self.file)

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" + (f" [{self.file}]" if self.file else "")


def _brief(text: str) -> str:
    """A text that may come from data, cut to LONGEST characters."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 40]}... ({len(text)} characters)"


class SlowerWarning(RuntimeWarning):
    """vbdata works, with the same bytes, but slower than on a machine that lacks nothing."""


def visible(text: str) -> str:
    """A text that may come from data, with its control characters written as escapes."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode()
        for char in text
    )


def one_line(text: str, longest: int = 1000) -> str:
    """A text that may come from data as one line: cut, its control characters as escapes."""
    return visible(text[:longest]).replace("\n", "\\n").replace("\t", "\\t")


def choices(value: object, known: Iterable[str]) -> str:
    """The tail of a message about an unknown value: the nearest choice, then all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(str(value), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"{hint} Known: {', '.join(known) or 'none'}"
