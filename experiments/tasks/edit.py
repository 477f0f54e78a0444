"""Instruction editing, the instruction as it is."""

from __future__ import annotations

from collections.abc import Sequence

from transforms.edit import (
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
    """One of the entry's instructions."""
    said = " ".join(rng.choice(entry.instructions).split())
    return Ask(instruction=said, params={"instruction": said})
