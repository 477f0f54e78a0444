"""Classes in a fixed legend, which the params name in full whether they are there or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transforms import semantic
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry


def __getattr__(part: str) -> Any:
    """Everything but the prompt is the task's own."""
    return getattr(semantic, part)


LEGEND = {
    "floor": (0, 255, 0),
    "wall": (0, 0, 255),
    "ceiling": (128, 128, 128),
    "sky": (0, 255, 255),
    "ball": (255, 0, 0),
    "box": (255, 255, 0),
    "pillar": (255, 0, 255),
}


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[tuple[str, bool]] = ()) -> Ask:
    """The same words every time."""
    legend = [{"name": name, "rgb": list(rgb)} for name, rgb in LEGEND.items()]
    return Ask(instruction="Classes.", params={"legend": legend, "background": [0, 0, 0]})
