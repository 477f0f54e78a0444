"""What a recipe's `image` may say of sizes together.

image: {size: [512, 512]}                             # all images
image: {buckets: [[640, 480], [480, 640]]}            # the one of the nearest aspect ratio
image: {max_pixels: 1048576, multiple_of: 16}         # whatever a picture has, less a few pixels
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vbdata.recipe.shown import shown

EXACT = ("size", "buckets")
BOUNDS = ("max_pixels", "multiple_of")


def size_faults(raw: Mapping[str, Any]) -> Iterator[str]:
    """Faults of a recipe, as it was read, that the types of its keys do not show."""
    image = raw.get("image")
    if not isinstance(image, Mapping):
        return
    exact = [key for key in EXACT if image.get(key) is not None]
    if len(exact) > 1:
        yield "image.size: with image.buckets there are several sizes: leave one of the two out"
    for key in BOUNDS:
        if exact and key in image:
            yield f"image.{key}: image.{exact[0]} says the sizes exactly: leave one of the two out"
    buckets = image.get("buckets")
    if isinstance(buckets, list):
        for number, bucket in enumerate(buckets):
            if bucket in buckets[:number]:
                yield f"image.buckets.{number}: {shown(bucket)} stands there twice"
