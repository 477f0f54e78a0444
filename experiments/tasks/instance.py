"""Instances of one class, from left to right in colours that the convention fixes.

In transforms/instance.py the target chooses the colours, so that one step from noise can only give
their mean. Here the k-th instance from the left has the k-th of twelve colours, which makes the
answer a function of the picture; the decoder is the nearest of those colours. Everything else is
that task's. Needs labels whose things stand in that order, as those of procedural scenes do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from transforms import instance
from transforms.instance import ask as ask_in_any_colours
from transforms.parts import colours
from vbdata.core.english import plural
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry, Segments


def __getattr__(part: str) -> Any:
    """Everything but the prompt is the task's own."""
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
    """A class as transforms/instance.py chooses it, in the colours of the order."""
    asked = ask_in_any_colours(entry, rng, vocabulary=vocabulary, negatives=negatives)
    count = len(asked.params["palette"])
    params = {**asked.params, "palette": [list(rgb) for rgb in ORDER[:count]]}
    return Ask(instruction=f"Each of the {plural(asked.params['class'])}.", params=params)


def decode(rgb: Tensor, params: Mapping[str, Any]) -> Segments:
    """The regions of each colour of the order, by nearest colour of uint8[..., H, W, 3]."""
    import torch

    ids, _ = colours.nearest(rgb, [tuple(params["background"]), *ORDER])
    sizes = torch.bincount(ids.reshape(-1), minlength=len(ORDER) + 1)
    kept = [k for k in range(1, len(ORDER) + 1) if int(sizes[k]) >= SMALLEST]
    table = torch.zeros(len(ORDER) + 1, dtype=torch.int32, device=rgb.device)
    table[kept] = torch.arange(1, len(kept) + 1, dtype=torch.int32, device=rgb.device)
    found = table.index_select(0, ids.reshape(-1)).reshape(ids.shape)
    return Segments(
        ids=found,
        classes=(str(params["class"]),) * len(kept),
        things=(True,) * len(kept),
        crowds=(False,) * len(kept),
        valid=torch.ones_like(found).bool(),
    )
