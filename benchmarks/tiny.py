"""A reader whose records cost next to nothing: 16 x 16 pixels and a caption, made of a number.

What a build of them costs is the engine's own work. Recipes name it `benchmarks.tiny`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np

from vbdata.core.types import Entry, FileRef, Sample

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LABELS = ("captions",)
LICENSE = "CC0-1.0"
HOMEPAGE = "https://creativecommons.org/publicdomain/zero/1.0/"

SIDE = 16


def index(root: Root, *, records: int = 1000) -> Iterator[Entry]:
    """`records` entries, whatever is in the root."""
    for number in range(records):
        yield entry(number)


def entry(number: int) -> Entry:
    """The entry of a number."""
    return Entry(
        id=f"{number:08d}",
        group=f"{number:08d}",
        width=SIDE,
        height=SIDE,
        license=LICENSE,
        files={"image": FileRef(path=f"{number:08d}.png", size=1)},
        labels=LABELS,
        captions=(f"a pattern with the number {number}",),
    )


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """Pixels that are a function of the number; no file is read."""
    number = int(entry.id)
    pixels = (np.arange(SIDE * SIDE * 3) * (number % 251 + 1) + number) % 256
    return Sample(
        image=pixels.astype(np.uint8).reshape(SIDE, SIDE, 3), labels={"captions": entry.captions}
    )
