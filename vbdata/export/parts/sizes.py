"""The sizes of exported images, and settings under which a trainer does not resize them.

Colours are the label. A trainer that resizes a target averages neighbouring colours, and the mean
of two colours means something else. The configs are therefore chosen so that an image stays as it
is if its sides are multiples of what the trainer's model needs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from vbdata.export.parts.types import Layout, Model, Part, Size, Sizes

MULTIPLE = 16  # pixels a side: what the autoencoders of most image editors need
NAMED = 6  # sizes that a text names


def all_sizes(parts: Iterable[Part]) -> Sizes:
    """How many samples of some parts have each size, (width, height) in pixels."""
    return sum((part.sizes for part in parts), Counter())


def by_multiples(sizes: Sizes, model: Model) -> Layout:
    """The layout of a trainer that keeps every size whose sides are multiples of the model's."""
    multiple = model.multiple
    odd = [(w, h) for w, h in sizes if w % multiple or h % multiple]
    why = f"a side is no multiple of {multiple} pixels"
    remedy = f"`image: {{multiple_of: {multiple}}}` or `image: {{buckets: [[W, H], ...]}}`"
    return Layout(model=model, odd=dict.fromkeys(odd, why), remedy=remedy)


def all_multiples(sizes: Sizes, multiple: int = MULTIPLE) -> bool:
    """Whether every width and height is a multiple of so many pixels."""
    return all(width % multiple == height % multiple == 0 for width, height in sizes)


def square_side(sizes: Sizes, multiple: int = MULTIPLE) -> int:
    """Side, in pixels and such a multiple, of a square with at least the largest image's area."""
    area = max(width * height for width, height in sizes)
    return _rounded_up(math.sqrt(area), multiple)


def largest_size(sizes: Sizes, multiple: int = MULTIPLE) -> Size:
    """(width, height) of the image with the largest area, each rounded up to such a multiple."""
    width, height = max(sizes, key=lambda size: (size[0] * size[1], size))
    return _rounded_up(width, multiple), _rounded_up(height, multiple)


def most_frequent(sizes: Sizes) -> list[Size]:
    """The sizes, those of most samples first, then by width and height."""
    return sorted(sizes, key=lambda size: (-sizes[size], size))


def named(sizes: Sizes) -> str:
    """The most frequent sizes as a text, such as "640x480 (12), 320x240 (3) and 4 more sizes"."""
    some = ", ".join(f"{w}x{h} ({sizes[w, h]})" for w, h in most_frequent(sizes)[:NAMED])
    return some + (f" and {len(sizes) - NAMED} more sizes" if len(sizes) > NAMED else "")


def reasons(sizes: Sizes, odd: Mapping[Size, str]) -> str:
    """Why a trainer changes some of these sizes: each reason, then the sizes that it is true of."""
    texts = []
    for why in sorted({odd[size] for size in sizes if size in odd}):
        those = Counter({size: n for size, n in sizes.items() if odd.get(size) == why})
        texts.append(f"{why}: {named(those)}")
    return "; ".join(texts)


def odd_count(sizes: Sizes, odd: Mapping[Size, str]) -> int:
    """How many samples have a size that the trainer changes."""
    return sum(count for size, count in sizes.items() if size in odd)


def described(sizes: Sizes, layout: Layout, trainer: str) -> str:
    """A paragraph of Markdown: the most frequent sizes, and whether the trainer keeps them."""
    multiple = layout.model.multiple
    if changed := odd_count(sizes, layout.odd):
        return (
            f"Sizes: {named(sizes)}. **{trainer} resizes {changed} of these samples, and a resized "
            f"target has colours that mean something else** ({reasons(sizes, layout.odd)}). "
            f"{layout.remedy} in the recipe gives sizes that it keeps."
        )
    if all_multiples(sizes, multiple):
        return (
            f"Sizes: {named(sizes)}. All sides are multiples of {multiple} pixels. Train at these "
            "sizes: a target that is resized has colours that mean something else."
        )
    return (
        f"Sizes: {named(sizes)}. **Not all sides are multiples of {multiple} pixels, so trainers "
        "crop or resize them, and a resized target has colours that mean something else.** Build "
        f"with `image: {{max_pixels: ..., multiple_of: {multiple}}}` in the recipe."
    )


def _rounded_up(pixels: float, multiple: int) -> int:
    return math.ceil(pixels / multiple) * multiple
