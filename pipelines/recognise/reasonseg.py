"""ReasonSeg: pictures of train, val and test, each with a JSON that has text and shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from .parts.places import OFFICIAL, ROOT, by_root, counted, first, others

RANK = OFFICIAL
FILE = re.compile(
    ROOT + r"(?:reason_seg/)?(?:ReasonSeg/)?(?P<split>train|val|test)/[^/]+\.(?P<what>jpg|json)"
)
LOOKED_AT = 4  # JSON files of a root
SAYS = (b'"text"', b'"is_sentence"', b'"shapes"')


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """The images of train, of another split where there is no train."""
    for root, matches in by_root(glimpse.paths, FILE).items():
        notes = [match[0] for match in matches if match["what"] == "json"]
        heads = [glimpse.head(path, 1 << 20) for path in notes[:LOOKED_AT]]
        if not any(all(word in head for word in SAYS) for head in heads):
            continue
        splits = {match["split"] for match in matches if match["what"] == "json"}
        split = first(("train", "val", "test"), splits)
        count = sum((m["split"], m["what"]) == (split, "json") for m in matches)
        yield Found(
            root=root,
            about=f"ReasonSeg: {counted(count, 'image')} of {split} with questions",
            count=count,
            labels=("segments", "expressions"),
            unfit=("semantic", "instance", "panoptic"),
            options={"split": split},
            notes=others("split", split, splits),
            files=frozenset(match[0] for match in matches),
        )
