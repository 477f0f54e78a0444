"""Instance segmentation: one class a prompt, every instance in a colour of its own.

No prompt names the colours; a model chooses its own. Those of a target are drawn afresh for every
sample, for up to 40 instances at least 63 of 255 apart from each other and from the background,
black. The decoder's radius of 14 needs 28, so a model may be off by 17 on either side.

A class is asked for if it has 1 to 40 instances, none under 16 pixels or 2e-4 of the image.
Instances that cropping leaves under 2e-4 of the output, which the decoder would drop, and crowds of
the class are painted as background and are not valid. A share `negatives` of the prompts asks for a
class of which the image has nothing, not even a crowd: all background, and valid wherever the label
is. Of data whose annotators looked for some classes only (LVIS), such a class is one that they did
not find, and all of the image is valid, as it is for classes that they marked exhaustively. Option
in a recipe: `tasks: {instance: {negatives: 0.1}}`; with `lookalikes`, as of the task semantic, the
class that is not there is one that looks like one that is.

`decode` is the paper's decoder, for what models paint: it looks for no given colours, loses thin
instances, and takes far pieces of one instance for two. `exact` reads a target of our own, where
every pixel of a palette colour is that instance; the round trip is measured with it.

Convention: arXiv 2604.20329, instance segmentation and its Appendix A.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import Array, filled, namespace, numpy, place, placed
from vbdata.core.english import plural
from vbdata.core.labels import Segments
from vbdata.core.prompts import phrase, prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry

from .parts import colours
from .parts.absent import absent_classes, alike, check_lookalikes
from .parts.components import components
from .parts.countable import askable, countable, refusals
from .parts.instance_maps import contradictions as contradictions
from .parts.instance_maps import numbers_of_class, places_of, segments_of, table_of
from .parts.instance_maps import roundtrip as roundtrip
from .parts.instance_maps import unpainted as unpainted
from .parts.label_maps import by_image, hidden, lifted
from .parts.legend import MAY_BE_EMPTY

if TYPE_CHECKING:
    import pyarrow as pa

NEEDS = ("segments",)
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
TOLERANCE, UNIT = 0.0, "1 - IoU"
PARAMS = {"class": "object", "palette": [], "background": [0, 0, 0]}
REVERSED = {"negatives": 0.0}  # nothing could be painted from an empty picture


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: the entries with a countable class of 1 to 40 instances, none of them tiny."""
    return countable(columns)


def refused(columns: pa.Table) -> dict[str, NDArray[np.bool_]]:
    """Why entries are not eligible: reason -> bool[N]; the first that is true of one holds."""
    return refusals(columns)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    negatives: float = 0.1,
    lookalikes: Mapping[str, Any] = {},
) -> Ask:
    """A prompt for all instances of one class, and a colour for each of them.

    vocabulary: (name, countable) of all classes of the data; negatives: share of the prompts that
    ask for a class of it that the image is known not to have; lookalikes: class -> classes that one
    could take for it, of which one is asked for if the image is known to have none.
    """
    absent = absent_classes(entry, vocabulary, things=True)
    if rng.uniform() < negatives and absent:
        name, count = rng.choice(alike(entry, absent, lookalikes) or absent), 0
    else:
        fact = rng.choice(askable(entry))
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


def check_options(negatives: float = 0.1, lookalikes: Mapping[str, Any] = {}) -> None:
    """Raise ValueError unless the table of lookalikes has classes for each class."""
    check_lookalikes(lookalikes)


def pictured(params: Mapping[str, Any]) -> str:
    """What a target is, in words that follow an article: a map of the instances of a class."""
    return f"instance map of all {plural(str(params['class']))}"


def queries(columns: pa.Table) -> NDArray[np.int64]:
    """int64[N]: a query for each class that can be counted, and for each that is known absent.

    An entry that has neither, but phrases, has one for each of these: nobody found them, or looked
    for all.
    """
    import pyarrow.compute as pc

    classes = columns["classes"].combine_chunks()
    of = pc.list_parent_indices(classes).to_numpy()
    thing = pc.struct_field(pc.list_flatten(classes), "thing").to_numpy(zero_copy_only=False)
    there = np.bincount(of[thing], minlength=len(columns))
    absent = pc.fill_null(pc.list_value_length(columns["absent"]), 0).to_numpy()
    phrases = pc.list_value_length(columns["expressions"]).to_numpy()
    return np.asarray(np.where(there + absent > 0, there + absent, phrases), np.int64)


def ask_query(
    entry: Entry,
    query: int,
    vote: int,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
) -> Ask:
    """A benchmark's prompt for one class: those that the image has, then those that it has not.

    Of an entry without any, a prompt for one of its phrases.

    However many instances there are and however small: the palette is only the target's, and the
    target lacks those that no answer can show. Raises BadSample("out of range") above 4,912.
    """
    counted = {fact.name: fact.instances for fact in entry.classes if fact.thing}
    classes = [*counted, *(entry.absent or ())]
    asked = (classes or [each.text for each in entry.expressions])[query]
    background = phrase("instance", "backgrounds", "black", rng)
    text = prompt("instance", rng, plural=plural(asked), background=background)
    palette = colours.many(counted.get(asked, 0), rng)
    params = {
        "class": asked,
        "palette": [list(rgb) for rgb in palette],
        "background": list(colours.BLACK),
        MAY_BE_EMPTY: True,
    }
    return Ask(instruction=text, params=params)


def render(label: Segments, params: Mapping[str, Any]) -> Array:
    """Draw uint8 RGB [..., H, W, 3]: the k-th instance of the class in the palette's k-th colour.

    Raises BadSample("empty label") if instances were asked for and none is visible, and
    BadSample("garbled annotation") if the label has more of them than the palette.
    """
    label = lifted(label, numbers_of_class(label, params))
    table, painted = table_of(params), places_of(label, params)
    if len(table) == 1:
        return filled(label.ids, table[0])
    empty = bool(params.get(MAY_BE_EMPTY))
    if len(painted) == 1:
        return colours.paint(label.ids, [table[k] for k in painted[0]], empty=empty)
    return colours.paint(by_image(label.ids, painted, np.int32), table, empty=empty)


def valid(label: Segments, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: all but the annotators' void and unpainted segments of the class.

    Those are its crowds, its tiny instances, and, where masks of two of them lie under that of
    another class, both. There is no void for a class that is known in all of the image
    (Segments.known).
    """
    wanted = numbers_of_class(label, params)
    asked, label = [False, *(number > 0 for number in wanted)], lifted(label, wanted)
    answered = [
        [bool(place) or not of_class for place, of_class in zip(of, asked, strict=True)]
        for of in places_of(label, params)
    ]
    shown = by_image(label.ids, answered, np.bool_)
    if (lost := hidden(label, wanted)) is not None:
        shown = shown & ~lost
    return shown if params["class"] in label.known else label.valid & shown


def decode(
    rgb: Array,
    params: Mapping[str, Any],
    *,
    radius: int = 14,
    smallest: float = 2e-4,
    solid: float = 0.1,
    spread: float = 5.0,
    median: int = 1,
) -> Segments:
    """The instances in uint8 RGB [..., H, W, 3] by Appendix A, largest first; on the CPU.

    Of params only "class" and "background" are read: a model chooses its own colours. radius,
    smallest, solid, spread: the constants of transforms/parts/components.py; median: side of a
    median filter before it, 3 or 5 for images too noisy for radius 14 (1: none, as in the paper).
    Every pixel is valid.
    """
    import cv2

    size = rgb.shape[-3:]
    images = np.ascontiguousarray(numpy(rgb)).reshape(-1, *size)
    red, green, blue = params["background"]
    instances = [
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
    ids = placed(np.stack(instances).reshape(rgb.shape[:-1]), place(rgb))
    most = max(int(one.max()) for one in instances)
    return segments_of(ids, most, ids >= 0, params)


def exact(rgb: Array, params: Mapping[str, Any]) -> Segments:
    """The instances of a target as `render` drew it, in the order of the palette.

    rgb: uint8[..., H, W, 3]; colours of neither palette nor background are not valid.
    """
    ids = colours.which(rgb, table_of(params))
    return segments_of(namespace(ids).clip(ids, 0, None), len(params["palette"]), ids >= 0, params)


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels of uint8 RGB [..., H, W, 3] of a palette or background colour."""
    return colours.legal(rgb, table_of(params))


def unsaid(instruction: str, params: Mapping[str, Any]) -> list[str]:
    """What the params have and an instruction does not say: a sentence if it is the class."""
    name = str(params["class"])
    said = plural(name) in instruction or name in instruction
    return [] if said else [f"the instruction does not ask for {name!r}"]
