"""Surface normals, asked for in two words."""

from __future__ import annotations

from collections.abc import Sequence

from transforms.normals import (
    BLANK_INPUT,
    NEEDS,
    PARAMS,
    TOLERANCE,
    UNIT,
    decode,
    eligible,
    legal,
    render,
    roundtrip,
    valid,
)
from vbdata.nouns import Ask, Entry
from vbdata.rand import Stream

__all__ = [
    "BLANK_INPUT",
    "NEEDS",
    "PARAMS",
    "TOLERANCE",
    "UNIT",
    "ask",
    "decode",
    "eligible",
    "legal",
    "render",
    "roundtrip",
    "valid",
]


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[tuple[str, bool]] = ()) -> Ask:
    """The same words every time."""
    return Ask(instruction="Surface normals.", params=dict(PARAMS))
