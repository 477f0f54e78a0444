"""Hypersim: frames of cameras in HDF5, and the tables that say which are public."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from .parts.places import OFFICIAL, ROOT, below, by_root, counted, first, others

RANK = OFFICIAL
FILE = re.compile(
    ROOT + r"(?:evermotion_dataset/scenes/|scenes/)?(?P<scene>ai_\d{3}_\d{3})/(?:_detail/.*|images/"
    r"scene_cam_\d\d_\w+/frame\.\d{4}\.(?P<what>\w+\.(?:hdf5|jpg|png)))"
)
TABLES = ("metadata_images_split_scene_v1.csv", "metadata_camera_parameters.csv")
SPLITS = ("train", "val", "test")
MOST_TABLE = 64 << 20  # bytes
KINDS = {
    "depth": "depth_meters.hdf5",
    "normals": "normal_cam.hdf5",
    "albedo": "diffuse_reflectance.hdf5",
    "shading": "diffuse_illumination.hdf5",
}
PICTURES = {"color.hdf5": "tonemap", "tonemap.jpg": "preview"}  # file -> of the option image


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """The labels of the scenes that are there, of the first partition that has any."""
    for root, matches in by_root(glimpse.paths, FILE).items():
        here = below(glimpse.paths, root)
        tables = {name: [p for p in here if p.endswith(name)] for name in TABLES}
        scenes = Counter(m["scene"] for m in matches if m["what"] == KINDS["depth"])
        known = _partitions(glimpse, tables[TABLES[0]][0]) if tables[TABLES[0]] else {}
        there = {known[scene] for scene in scenes if scene in known}
        split = first(SPLITS, there) or SPLITS[0]
        count = sum(n for scene, n in scenes.items() if known.get(scene, split) == split)
        kinds = {match["what"] for match in matches}
        missing = [name for name, paths in tables.items() if not paths]
        notes = others("split", split, there)
        pictures = first(PICTURES, kinds)
        missing += [] if pictures else ["pictures (color.hdf5 or tonemap.jpg)"]
        if "semantic.hdf5" in kinds:
            notes += ("segments: true offers labelled objects, too; indexing opens two files each",)
        yield Found(
            root=root,
            about=f"Hypersim: {counted(count, 'frame')} of {split}",
            count=count,
            labels=tuple(kind for kind, name in KINDS.items() if name in kinds),
            options={"split": split, "image": PICTURES.get(pictures, "tonemap")},
            notes=notes,
            files=frozenset([*(m[0] for m in matches), *(p for t in tables.values() for p in t)]),
            lacking=" and ".join(missing),
        )


def _partitions(glimpse: Glimpse, path: str) -> dict[str, str]:
    """Scene -> partition by the table; a scene of which nothing is public is left out."""
    rows = csv.DictReader(io.StringIO(glimpse.head(path, MOST_TABLE).decode("utf-8", "replace")))
    return {
        str(row.get("scene_name")): str(row.get("split_partition_name"))
        for row in rows
        if row.get("included_in_public_release") == "True"
    }
