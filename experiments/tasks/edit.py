"""Instruction editing, asked for by the instruction as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transforms import edit
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry


def __getattr__(part: str) -> Any:
    """Whatever this module does not define is that of the task in transforms/."""
    return getattr(edit, part)


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[tuple[str, bool]] = ()) -> Ask:
    """One of the entry's instructions."""
    wish = " ".join(rng.choice(entry.instructions).split())
    return Ask(instruction=wish, params={"instruction": wish})
