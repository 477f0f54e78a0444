"""Every error that vbdata raises on purpose.

VbdataError
+-- RecipeError     the recipe, or how it meets its sources, is wrong: all faults at once
+-- SourceError     a dataset's folder as a whole cannot be read (its index failed)
+-- BuildError      shards failed for good, or the output folder cannot be used
+-- BadSample       one record is damaged: quarantined and replaced, the build goes on
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal

Reason = Literal[
    "missing",
    "truncated",
    "undecodable",
    "wrong size",
    "wrong dtype",
    "out of range",
    "all invalid",
    "unknown category",
    "garbled annotation",
    "unsafe path",
    "empty label",
    "round trip",
]


class VbdataError(Exception):
    """Base of all errors raised on purpose; its text is written for the person at the terminal."""


class RecipeError(VbdataError):
    """A recipe that cannot be built; `faults` has one line for each thing to mend."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class SourceError(VbdataError):
    """A dataset's folder cannot be indexed; the text names the file and what was expected."""


class BuildError(VbdataError):
    """The build as a whole failed; what is finished stays on disk and is resumed."""


class BadSample(VbdataError):
    """One damaged record.

    reason: for counting; detail: what was found and what was expected;
    file: path below the source's root.
    """

    def __init__(self, reason: Reason, detail: str, file: str = "") -> None:
        self.reason, self.detail, self.file = reason, detail, file
        super().__init__(reason, detail, file)

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" + (f" [{self.file}]" if self.file else "")


def choices(value: object, known: Iterable[str]) -> str:
    """The tail of a message about an unknown value: the nearest choice, then all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(str(value), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{hint} Known: {', '.join(known) or 'none'}"
