"""Classes in the colours of a fixed legend, all of it in the params whatever the picture shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transforms import semantic
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry


def __getattr__(part: str) -> Any:
    """Whatever this module does not define is that of the task in transforms/."""
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
    """A prompt of one word, the same for every entry."""
    legend = [{"name": name, "rgb": list(rgb)} for name, rgb in LEGEND.items()]
    return Ask(instruction="Classes.", params={"legend": legend, "background": [0, 0, 0]})
