"""Mapillary Vistas: training/ and validation/ with images and maps, and a config of labels."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..mapillary_vistas import SPLITS, VERSIONS
from .parts.places import NOT_COUNTED, OFFICIAL, ROOT, by_root, counted, first, joined, others

RANK = OFFICIAL
FILE = re.compile(
    ROOT + r"(?:(?P<config>config(?:_v[12]\.\d)?\.json)|(?P<split>training|validation)/"
    r"(?P<kind>images|(?:v[12]\.\d/)?(?:instances|labels|panoptic))/[^/]+\.(?:jpg|png|json))"
)


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each root with a config, of the split to train on."""
    configs = {config for config, _ in VERSIONS.values()}
    for root, matches in by_root(glimpse.paths, FILE).items():
        named = [match["config"] for match in matches if match["config"] in configs]
        if not any(b'"readable"' in glimpse.head(joined(root, name)) for name in named):
            continue
        pictures = [match for match in matches if match["kind"] == "images"]
        splits = {match["split"] for match in pictures}
        split = first(SPLITS, splits) or "training"
        kinds = {(match["kind"] or "").rpartition("/")[2] for match in matches}
        count = sum(match["split"] == split for match in pictures)
        yield Found(
            root=root,
            about=f"Mapillary Vistas: {counted(count, 'picture')} of {split}",
            count=count,
            labels=("segments",),
            unfit=() if kinds & {"instances", "panoptic"} else NOT_COUNTED,
            options={"split": split},
            notes=others("split", split, splits),
            files=frozenset(match[0] for match in matches),
            lacking="" if kinds - {"images", ""} else "maps",
        )
