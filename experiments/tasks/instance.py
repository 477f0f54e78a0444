"""Instances of one class, from left to right, in colours of a fixed order.

In transforms/instance.py the colours are drawn at random, so that an answer in one step from noise
could only be their mean. Here the k-th instance from the left has the k-th of twelve colours, which
makes the answer a function of the picture, and the decoder takes the nearest of those colours.
Everything else is that task's. Needs labels whose things are numbered from left to right, like
those of procedural scenes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from transforms import instance
from transforms.instance import ask as ask_in_any_colours
from transforms.parts import colours
from vbdata.core.english import plural
from vbdata.core.labels import Segments
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry


def __getattr__(part: str) -> Any:
    """Whatever this module does not define is that of the task in transforms/."""
    return getattr(instance, part)


if TYPE_CHECKING:
    from torch import Tensor

ORDER = tuple(
    colours.NAMED[name]
    for name in (
        *("red", "green", "blue", "yellow", "cyan", "magenta", "white", "orange", "purple"),
        *("grey", "teal", "olive"),
    )
)
SMALLEST = 4  # pixels of an instance in an answer


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    negatives: float = 0.1,
) -> Ask:
    """A prompt for a class that transforms/instance.py chooses, in the colours of ORDER."""
    asked = ask_in_any_colours(entry, rng, vocabulary=vocabulary, negatives=negatives)
    count = len(asked.params["palette"])
    params = {**asked.params, "palette": [list(rgb) for rgb in ORDER[:count]]}
    return Ask(instruction=f"Each of the {plural(asked.params['class'])}.", params=params)


def decode(rgb: Tensor, params: Mapping[str, Any]) -> Segments:
    """One instance for each colour of ORDER in uint8 RGB [..., H, W, 3], by nearest colour.

    Colours with fewer than SMALLEST pixels are no instance.
    """
    import torch

    ids, _ = colours.nearest(rgb, [tuple(params["background"]), *ORDER])
    sizes = torch.bincount(ids.reshape(-1), minlength=len(ORDER) + 1)
    kept = [k for k in range(1, len(ORDER) + 1) if int(sizes[k]) >= SMALLEST]
    table = torch.zeros(len(ORDER) + 1, dtype=torch.int32, device=rgb.device)
    table[kept] = torch.arange(1, len(kept) + 1, dtype=torch.int32, device=rgb.device)
    kept_ids = table.index_select(0, ids.reshape(-1)).reshape(ids.shape)
    return Segments(
        ids=kept_ids,
        classes=(str(params["class"]),) * len(kept),
        things=(True,) * len(kept),
        crowds=(False,) * len(kept),
        valid=torch.ones_like(kept_ids).bool(),
    )
