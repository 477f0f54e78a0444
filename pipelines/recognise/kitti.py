"""KITTI: annotated depth of drives, and the raw drives with their calibration."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from .parts.places import OFFICIAL, ROOT, below, by_root, counted, first, others

RANK = OFFICIAL
DEPTH = re.compile(
    ROOT + r"(?:depth/)?(?P<split>train|val)/\d{4}_\d\d_\d\d_drive_\d{4}_sync/"
    r"proj_depth/(?:groundtruth|velodyne_raw)/(?P<camera>image_0[23])/\d{10}\.png"
)
RAW = re.compile(r"(?:.*/)?(?:calib_\w+\.txt|\d{4}_\d\d_\d\d_drive_\d{4}_sync/.+)")
CALIBRATION = re.compile(r"(?:.*/)?\d{4}_\d\d_\d\d/calib_cam_to_cam\.txt")


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """The depth of train, of val where there is no other, by the left camera if it is there."""
    paths = glimpse.paths
    for root, matches in by_root(paths, DEPTH).items():
        split = first(("train", "val"), splits := {match["split"] for match in matches})
        cameras = {match["camera"] for match in matches if match["split"] == split}
        camera = first(("image_02", "image_03"), cameras)
        count = sum(m["split"] == split and m["camera"] == camera for m in matches)
        here = below(paths, root)
        calibrated = any(CALIBRATION.fullmatch(path) for path in here)
        yield Found(
            root=root,
            about=f"KITTI: {counted(count, 'depth map')} of {split}, {camera}",
            count=count,
            labels=("depth",),
            options={"split": split, **({} if camera == "image_02" else {"camera": camera})},
            notes=(*others("split", split, splits), *others("camera", camera, cameras)),
            files=frozenset([*(m[0] for m in matches), *filter(RAW.fullmatch, here)]),
            lacking="" if calibrated else "the raw drives with their calib_cam_to_cam.txt",
        )
