"""Instance segmentation: one class a prompt, every instance in a colour of its own.

The colours are chosen by the target and stand in no prompt: drawn afresh, at least 63 of 255 apart
and from the background, black, for up to 40 instances. A decoder with radius 14 needs 28, so a
model may be off by 17 on either side. Everything else is background.

A class is asked for if it has 1 to 40 instances, none under 16 pixels or 2e-4 of the image. What
cropping leaves under 2e-4 of the output, which the decoder would drop, and crowds of the class are
painted background and are not valid. With the share `negatives` a class is asked for of which the
image has nothing, not even a crowd: all background, and valid wherever the label is.
Option in a recipe: `tasks: {instance: {negatives: 0.1}}`.

`decode` is the paper's decoder, for what models paint; it looks for no given colour. By its rules
thin instances vanish and far pieces of one instance are two; `exact` reads a target of our own,
where every pixel of a palette colour is that instance, and is what proves targets.

Convention: arXiv 2604.20329, instance segmentation and its Appendix A.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transforms.parts import colours
from transforms.parts.components import components
from vbdata.core.english import plural
from vbdata.core.prompts import phrase, prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry, Segments
from vbdata.errors import BadSample

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

NEEDS = ("segments",)
BLANK_INPUT = False
TOLERANCE, UNIT = 0.0, "1 - IoU"
PARAMS = {"class": "object", "palette": [], "background": [0, 0, 0]}

MOST_INSTANCES = 40
TINIEST = 16  # pixels of the source; a class with an instance below this is not asked for
PARTS = 5000  # an instance under 1 / 5000 = 2e-4 of the image is tiny (Appendix A)


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """Entries with a countable class of 1 to 40 instances, none of them tiny."""
    import pyarrow.compute as pc

    classes = columns["classes"].combine_chunks()
    fact, of = pc.list_flatten(classes), pc.list_parent_indices(classes).to_numpy()
    thing, instances, smallest = (
        pc.struct_field(fact, name).to_numpy(zero_copy_only=False)
        for name in ("thing", "instances", "smallest")
    )
    width, height = (columns[side].to_numpy().astype(np.int64) for side in ("width", "height"))
    large = (smallest >= TINIEST) & (smallest * PARTS >= (width * height)[of])
    able = np.zeros(len(columns), np.bool_)
    able[of[thing & (instances > 0) & (instances <= MOST_INSTANCES) & large]] = True
    return able


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    negatives: float = 0.1,
) -> Ask:
    """One of the entry's classes that can serve, and a colour for each of its instances.

    negatives: share of the prompts that ask for a class of the vocabulary that is not there.
    """
    present = {fact.name for fact in entry.classes}
    absent = sorted(name for name, thing in vocabulary if thing and name not in present)
    if rng.uniform() < negatives and absent:
        name, count = rng.choice(absent), 0
    else:
        tiniest = max(TINIEST * PARTS, entry.width * entry.height)
        able = [
            fact
            for fact in entry.classes
            if fact.thing
            and 0 < fact.instances <= MOST_INSTANCES
            and fact.smallest * PARTS >= tiniest
        ]
        fact = rng.choice(able)
        name, count = fact.name, fact.instances
    palette = colours.draw(count, rng, colours.lattice())
    background = phrase("instance", "backgrounds", rng.choice(("black", "unsaid")), rng)
    text = prompt("instance", rng, plural=plural(name), background=background)
    params = {
        "class": name,
        "palette": [list(rgb) for rgb in palette],
        "background": list(colours.BLACK),
    }
    return Ask(instruction=text, params=params)


def render(label: Segments, params: Mapping[str, Any]) -> Tensor:
    """uint8[..., H, W, 3]: the k-th instance of the class in the k-th colour of the palette.

    Raises BadSample if instances were asked for and none is visible, or if there are too many.
    """
    import torch

    ids = _painted(label, params)
    if params["palette"]:
        return colours.paint(ids, _table(params))
    background = torch.tensor(params["background"], dtype=torch.uint8, device=ids.device)
    return background.expand(*ids.shape, 3).contiguous()


def valid(label: Segments, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: not the annotators' void, and no crowd or tiny instance of the class."""
    import torch

    mine = [False, *(name == params["class"] for name in label.classes)]
    of_class = torch.tensor(mine, device=label.ids.device).index_select(0, label.ids.reshape(-1))
    return label.valid & ~(of_class.reshape(label.ids.shape) & (_painted(label, params) == 0))


def decode(
    rgb: Tensor,
    params: Mapping[str, Any],
    *,
    radius: int = 14,
    smallest: float = 2e-4,
    solid: float = 0.1,
    spread: float = 5.0,
    median: int = 1,
) -> Segments:
    """The instances in uint8[..., H, W, 3] by Appendix A, largest first; runs on the CPU.

    Reads only "class" and "background" of params: a model chooses its own colours. radius,
    smallest, solid, spread: the constants of `_components`; median: side of a median filter before
    it, 3 or 5 for noisier images than radius 14 stands (1: none, as in the paper).
    """
    import cv2
    import torch

    size = rgb.shape[-3:]
    images = np.ascontiguousarray(rgb.detach().cpu().numpy()).reshape(-1, *size)
    red, green, blue = params["background"]
    found = [
        components(
            cv2.medianBlur(image, median) if median > 1 else image,
            (red, green, blue),
            radius=radius,
            smallest=smallest,
            solid=solid,
            spread=spread,
        )
        for image in images
    ]
    ids = torch.from_numpy(np.stack(found).reshape(rgb.shape[:-1])).to(rgb.device)
    return _segments(ids, max(int(one.max()) for one in found), torch.ones_like(ids).bool(), params)


def exact(rgb: Tensor, params: Mapping[str, Any]) -> Segments:
    """The instances of a target of our own, in the order of the palette; other colours: invalid."""
    found = colours.which(rgb, _table(params))
    return _segments(found.clamp_min(0), len(params["palette"]), found >= 0, params)


def roundtrip(label: Segments, rgb: Tensor, params: Mapping[str, Any]) -> float:
    """1 - the smallest IoU of a painted instance or the background with what `exact` reads."""
    import torch

    wanted, back = _painted(label, params), exact(rgb, params)
    found = torch.where(back.valid, back.ids, -1)
    if bool((found == wanted).all()):
        return 0.0
    count = len(params["palette"]) + 2
    both = torch.bincount(wanted[found == wanted] + 1, minlength=count)
    sizes = [torch.bincount(ids.reshape(-1) + 1, minlength=count) for ids in (found, wanted)]
    present = sizes[0] + sizes[1] > 0
    return float((1 - both / (sizes[0] + sizes[1] - both).clamp_min(1))[present].max())


def legal(rgb: Tensor, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: colours of the palette or the background."""
    return colours.legal(rgb, _table(params))


def _painted(label: Segments, params: Mapping[str, Any]) -> Tensor:
    """int32[..., H, W]: the k-th instance of the class is k, from 1; 0 where none is painted."""
    import torch

    place = [0]
    for name, crowd in zip(label.classes, label.crowds, strict=True):
        place.append(max(place) + 1 if name == params["class"] and not crowd else 0)
    count = len(params["palette"])
    if max(place) > count:
        detail = f"more than the {count} instances of {params['class']!r} in the index"
        raise BadSample("garbled annotation", detail)
    images = label.ids.reshape(-1, label.ids.shape[-2] * label.ids.shape[-1])
    rows = []
    for image in images:
        pixels = torch.bincount(image, minlength=len(place))
        large = pixels * PARTS >= len(image)
        table = torch.tensor(place, dtype=torch.int32, device=image.device) * large
        rows.append(table.index_select(0, image))
    return torch.stack(rows).reshape(label.ids.shape)


def _segments(ids: Tensor, count: int, valid: Tensor, params: Mapping[str, Any]) -> Segments:
    return Segments(
        ids=ids,
        classes=(str(params["class"]),) * count,
        things=(True,) * count,
        crowds=(False,) * count,
        valid=valid,
    )


def _table(params: Mapping[str, Any]) -> list[colours.Rgb]:
    return [tuple(params["background"]), *(tuple(rgb) for rgb in params["palette"])]
