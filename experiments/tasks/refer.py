"""One expression, its region in white; some prompts mean nothing that the picture shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transforms import refer
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry


def __getattr__(part: str) -> Any:
    """Whatever this module does not define is that of the task in transforms/."""
    return getattr(refer, part)


WHITE = (255, 255, 255)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    negatives: float = 0.1,
) -> Ask:
    """A prompt for one of the entry's expressions.

    negatives: share of the prompts whose expression has no target, where the entry has such a one.
    """
    absent = [one for one in entry.expressions if not one.targets]
    present = [one for one in entry.expressions if one.targets]
    negative = absent and (rng.uniform() < negatives or not present)
    chosen = rng.choice(absent if negative else present)
    legend = [{"name": chosen.text, "rgb": list(WHITE), "targets": list(chosen.targets)}]
    text = f"Mask of {chosen.text}."
    return Ask(instruction=text, params={"legend": legend, "background": [0, 0, 0]})
