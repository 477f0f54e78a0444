"""Text to image, asked for by the caption as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transforms import generate
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry


def __getattr__(part: str) -> Any:
    """Whatever this module does not define is that of the task in transforms/."""
    return getattr(generate, part)


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[tuple[str, bool]] = ()) -> Ask:
    """One of the entry's captions."""
    caption = " ".join(rng.choice(entry.captions).split())
    return Ask(instruction=caption, params={"caption": caption})
