"""One expression, its region in white; a share of the prompts mean nothing that is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transforms import refer
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry


def __getattr__(part: str) -> Any:
    """Everything but the prompt is the task's own."""
    return getattr(refer, part)


WHITE = (255, 255, 255)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    negatives: float = 0.1,
) -> Ask:
    """One of the entry's expressions; negatives: the share with no target, where there is one."""
    absent = [one for one in entry.expressions if not one.targets]
    there = [one for one in entry.expressions if one.targets]
    chosen = rng.choice(absent if absent and (rng.uniform() < negatives or not there) else there)
    legend = [{"name": chosen.text, "rgb": list(WHITE), "targets": list(chosen.targets)}]
    text = f"Mask of {chosen.text}."
    return Ask(instruction=text, params={"legend": legend, "background": [0, 0, 0]})
