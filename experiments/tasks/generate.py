"""Text to image, the caption as it is."""

from __future__ import annotations

from collections.abc import Sequence

from transforms.generate import (
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
    """One of the entry's captions."""
    said = " ".join(rng.choice(entry.captions).split())
    return Ask(instruction=said, params={"caption": said})
