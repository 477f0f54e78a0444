"""Instance segmentation: one class a prompt, every instance in a colour of its own.

The colours are chosen by the target, random and far apart, and stand in no prompt; everything else
is background, black. Unsplit crowds of the class are painted background and are not valid. A
decoder that sees only pixels finds the instances as the flat colours of the image.

Convention: arXiv 2604.20329, instance segmentation and its Appendix A.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transforms import _colours as colours
from vbdata.errors import BadSample
from vbdata.nouns import Ask, Entry, Segments
from vbdata.prompts import plural, prompt
from vbdata.rand import Stream

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

NEEDS = ("segments",)
BLANK_INPUT = False

MOST_INSTANCES = 40
TINIEST = 16  # pixels; a class with an instance below this is not asked for
NEAR_BACKGROUND = 14  # a colour this close to the background is background (Appendix A)
BACKGROUND = (" The background is black.", " Everything else is black.", "")


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """Entries with a countable class of 1 to 40 instances, none of them tiny."""
    import pyarrow.compute as pc

    classes = columns["classes"].combine_chunks()
    fact = pc.list_flatten(classes)
    good = pc.and_(
        pc.and_(pc.struct_field(fact, "thing"), pc.greater(pc.struct_field(fact, "instances"), 0)),
        pc.and_(
            pc.less_equal(pc.struct_field(fact, "instances"), MOST_INSTANCES),
            pc.greater_equal(pc.struct_field(fact, "smallest"), TINIEST),
        ),
    )
    able = np.zeros(len(columns), np.bool_)
    able[pc.list_parent_indices(classes).filter(good).to_numpy()] = True
    return able


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[str] = ()) -> Ask:
    """One of the entry's classes that can serve, and a colour for each of its instances."""
    able = [
        fact
        for fact in entry.classes
        if fact.thing and 0 < fact.instances <= MOST_INSTANCES and fact.smallest >= TINIEST
    ]
    fact = rng.choice(able)
    palette = colours.draw(fact.instances, rng, colours.lattice())
    text = prompt("instance", rng, plural=plural(fact.name), background=rng.choice(BACKGROUND))
    params = {
        "class": fact.name,
        "palette": [list(rgb) for rgb in palette],
        "background": list(colours.BLACK),
    }
    return Ask(instruction=text, params=params)


def render(label: Segments, params: Mapping[str, Any]) -> Tensor:
    """uint8[..., H, W, 3]: the k-th instance of the class in the k-th colour of the palette."""
    fresh = (tuple(rgb) for rgb in params["palette"])
    background = tuple(params["background"])
    table = [background]
    for name, crowd in zip(label.classes, label.crowds, strict=True):
        mine = name == params["class"] and not crowd
        colour = next(fresh, None) if mine else background
        if colour is None:
            count = len(params["palette"])
            raise BadSample(
                "garbled annotation", f"more than the {count} instances of {name!r} in the index"
            )
        table.append(colour)
    return colours.paint(label.ids, table)


def valid(label: Segments, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: not the annotators' void and not a crowd of the class."""
    import torch

    pairs = zip(label.classes, label.crowds, strict=True)
    crowd = [False, *(flag and name == params["class"] for name, flag in pairs)]
    return label.valid & ~torch.tensor(crowd, device=label.ids.device)[label.ids.long()]


def decode(rgb: Tensor, params: Mapping[str, Any]) -> Segments:
    """One segment for each flat colour, in the order of the packed colour; never the background.

    Reads only "class" and "background" of params: a model chooses its own colours.
    """
    import torch

    ints = rgb.to(torch.int32)
    back = torch.tensor(params["background"], dtype=torch.int32, device=rgb.device)
    lit = (ints - back).square().sum(-1) >= NEAR_BACKGROUND**2
    packed = (ints[..., 0] * 65536 + ints[..., 1] * 256 + ints[..., 2]).where(lit, -1)
    flat, which = torch.unique(packed, return_inverse=True)
    if flat[0] >= 0:
        which = which + 1
    count = int((flat >= 0).sum())
    return Segments(
        ids=which.to(torch.int32),
        classes=(str(params["class"]),) * count,
        things=(True,) * count,
        crowds=(False,) * count,
        valid=torch.ones_like(lit),
    )


def legal(rgb: Tensor, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: colours of the palette or the background."""
    table = [tuple(params["background"]), *(tuple(rgb) for rgb in params["palette"])]
    return colours.legal(rgb, table)
