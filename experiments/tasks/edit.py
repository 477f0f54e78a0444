"""Instruction editing, the instruction as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transforms import edit
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry


def __getattr__(part: str) -> Any:
    """Everything but the prompt is the task's own."""
    return getattr(edit, part)


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[tuple[str, bool]] = ()) -> Ask:
    """One of the entry's instructions."""
    said = " ".join(rng.choice(entry.instructions).split())
    return Ask(instruction=said, params={"instruction": said})
