"""Metric depth along the RGB cube, in a prompt that states the horizontal field of view.

Without it metric depth is ill-posed: an object twice as far away and twice as large looks the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from transforms import depth
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry


def __getattr__(part: str) -> Any:
    """Whatever this module does not define is that of the task in transforms/."""
    return getattr(depth, part)


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[tuple[str, bool]] = ()) -> Ask:
    """A prompt with the field of view in degrees. Raises ValueError for an entry without camera."""
    if entry.camera is None:
        raise ValueError(f"{entry.id} has no camera")
    view = round(math.degrees(2 * math.atan(entry.width / 2 / entry.camera[0])))
    return Ask(instruction=f"Depth, {view} degrees.", params=dict(depth.PARAMS))
