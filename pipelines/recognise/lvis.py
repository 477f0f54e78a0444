"""LVIS v1: lvis_v1_train.json or lvis_v1_val.json with COCO's pictures of 2017."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..lvis import SPLITS
from .parts import of_2017
from .parts.places import OFFICIAL, ROOT

RANK = OFFICIAL
NOTES = re.compile(ROOT + r"(?:annotations/)?lvis_v1_(?P<split>train|val)\.json")


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each root, of the split to train on."""
    yield from of_2017.found(glimpse, NOTES, tuple(SPLITS), "LVIS v1, {}".format, {})
