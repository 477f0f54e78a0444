"""nuScenes: samples/ with pictures and scans, and the tables of a version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..parts.nuscenes import splits
from .parts.places import OFFICIAL, ROOT, by_root, counted, joined, others

RANK = OFFICIAL
FILE = re.compile(
    ROOT + r"(?:samples/(?P<what>CAM_[A-Z_]+|LIDAR_TOP)/[^/]+|"
    r"(?P<version>v1\.0-(?:mini|trainval))/(?P<table>\w+)\.json)"
)
NEEDED = {"scene", "sample", "sample_data", "ego_pose", "calibrated_sensor"}
NAME = re.compile(rb'"name": *"(scene-\d{4})"')


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """The pictures of one split whose scenes are in the tables, by the order of the splits."""
    for root, matches in by_root(glimpse.paths, FILE).items():
        tables: dict[str, set[str]] = {}
        for match in matches:
            if match["version"]:
                tables.setdefault(match["version"], set()).add(match["table"])
        kinds = {match["what"] for match in matches}
        there = [
            split
            for split, version in splits.VERSIONS.items()
            if tables.get(version, set()) >= NEEDED and _has(glimpse, root, split)
        ]
        if not there or "LIDAR_TOP" not in kinds:
            continue
        count = sum((m["what"] or "").startswith("CAM") for m in matches)
        yield Found(
            root=root,
            about=f"nuScenes: {counted(count, 'picture')}, tables with scenes of {there[0]}",
            count=count,
            labels=("depth",),
            options={"split": there[0]},
            notes=others("split", there[0], there),
            files=frozenset(match[0] for match in matches),
            lacking="" if count else "pictures in samples/CAM_FRONT",
        )


def _has(glimpse: Glimpse, root: str, split: str) -> bool:
    """Whether the tables of a split's version have one of its scenes."""
    path = joined(root, f"{splits.VERSIONS[split]}/scene.json")
    names = NAME.findall(glimpse.head(path, 1 << 22))
    return any(splits.has(split, name.decode()) for name in names)
