"""Why entries of an index cannot serve a task: each entry with the first reason that applies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.errors import one_line
from vbdata.index.index import Index
from vbdata.planning.eligible import fits_in, has, lacking, offers
from vbdata.recipe.keys import Image

Mask = NDArray[np.bool_]
ARBITRARY = "with depth of arbitrary scale, not in metres"


class Refusal(NamedTuple):
    """A reason, how many entries it keeps from a task, and the row of the first of them."""

    reason: str
    entries: int
    row: int


def refusals(
    index: Index, task: str, image: Image, barred: Mapping[str, Mask], enumerated: bool = False
) -> Iterator[Refusal]:
    """The reasons for which entries cannot serve a task, each entry counted once.

    barred: bool[entries] by cause, which entries may not be drawn; enumerated: whether a recipe
    asks all queries, so that what a task does not train on is no reason.
    """
    for reason, hit in refused_rows(index, task, image, barred, enumerated):
        yield Refusal(reason, int(hit.sum()), int(hit.argmax()))


def refused_rows(
    index: Index, task: str, image: Image, barred: Mapping[str, Mask], enumerated: bool = False
) -> Iterator[tuple[str, Mask]]:
    """Each reason of `refusals` that is true of some entries, and of which: bool[entries]."""
    open_ = np.ones(len(index), np.bool_)
    for reason, mask in _reasons(index, task, image, barred, enumerated):
        hit = open_ & mask
        if hit.any():
            yield reason, hit
        open_ &= ~hit


def in_words(index: Index, listed: Iterator[Refusal]) -> str:
    """Refusals as one line: the count and reason of each, and one record as an example."""
    return "; ".join(f"{each.entries} {each.reason}{_example(index, each)}" for each in listed)


def _example(index: Index, refusal: Refusal) -> str:
    """The first record of a refusal, with its fault, the file that is missing or its size."""
    (entry,) = index.entries([refusal.row])
    lost = [file.path for file in entry.files.values() if file.size < 0]
    detail = entry.fault.partition(": ")[2] or next(iter(entry.left_out), "")
    if refusal.reason.startswith("without a file"):
        detail = next(iter(lost), "")
    detail = detail or f"{entry.width} x {entry.height}"
    return f" (such as {one_line(f'{entry.id}: {detail}', 200)})"


def _reasons(
    index: Index, task: str, image: Image, barred: Mapping[str, Mask], enumerated: bool
) -> Iterator[tuple[str, Mask]]:
    """Reason by reason, which entries it is true of."""
    module, facts = plugins.task(task), index.facts
    for cause, mask in barred.items():
        yield f"barred by {cause}", mask
    faults = facts["fault"].combine_chunks()
    reasons = pc.list_element(pc.split_pattern(faults, ": ", max_splits=1), 0)
    for reason in sorted(set(pc.unique(reasons).to_pylist()) - {""}):
        yield f"faulty: {reason}", pc.equal(reasons, reason).to_numpy(zero_copy_only=False)
    for need in ("image", *(need for need in module.NEEDS if need != "image")):
        yield f"without a file of their {need}", lacking(index, need)
    sides = f"max_pixels = {image.max_pixels} and multiple_of = {image.multiple_of}"
    if image.sizes:
        listed = ", ".join(f"{w}x{h}" for w, h in image.sizes[:6])
        sides = f"the sizes {listed}" + (", ..." if len(image.sizes) > 6 else "")
    yield f"too small, too large or too long for {sides}", ~fits_in(index, image)
    for need in module.NEEDS:
        if need == "depth":
            yield ARBITRARY, has(facts["labels"], "relative_depth") & ~has(facts["labels"], need)
        if need != "image":
            yield f"without {need}", ~offers(facts["labels"], need)
    if enumerated:
        yield f"of which {task} has nothing to ask", plugins.queries(task, facts) < 1
        return
    able = module.eligible(facts)
    empty = ~able & (pc.list_value_length(facts["classes"]).to_numpy() == 0)
    lost = pc.list_value_length(facts["left_out"]).to_numpy() > 0
    if "segments" in module.NEEDS:
        yield "of which nothing is left, as all annotations are left out", empty & lost
    if hasattr(module, "refused"):
        yield from ((reason, ~able & mask) for reason, mask in module.refused(facts).items())
    yield f"not accepted by {task}", ~able
