"""PACO-LVIS: paco_lvis_v1_train.json, ..._val.json or ..._test.json with COCO's pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..paco import SPLITS
from .parts import of_2017
from .parts.places import OFFICIAL, ROOT

RANK = OFFICIAL
NOTES = re.compile(ROOT + r"(?:annotations/)?paco_lvis_v1_(?P<split>train|val|test)\.json")


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each root, of the objects of the split to train on."""
    named, options = "PACO-LVIS, objects of {}".format, {"level": "objects"}
    more = ("also there, by level: parts",)
    yield from of_2017.found(glimpse, NOTES, tuple(SPLITS), named, options, more)
