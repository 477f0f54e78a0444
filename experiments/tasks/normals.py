"""Surface normals, asked for in two words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transforms import normals
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry


def __getattr__(part: str) -> Any:
    """Whatever this module does not define is that of the task in transforms/."""
    return getattr(normals, part)


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[tuple[str, bool]] = ()) -> Ask:
    """A prompt of two words, the same for every entry."""
    return Ask(instruction="Surface normals.", params=dict(normals.PARAMS))
