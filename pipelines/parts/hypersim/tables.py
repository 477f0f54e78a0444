"""Hypersim's tables: which frames are public and in which partition, and each scene's camera.

They come with the ml-hypersim repository and may lie in its folders or in the root.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vbdata.core.images import MAX_PIXELS
from vbdata.errors import SourceError

from .. import records
from .camera import Camera

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

SPLITS = ("train", "val", "test", "all")
SPLIT_CSV = "metadata_images_split_scene_v1.csv"
SPLIT_AT = ("evermotion_dataset/analysis/", "analysis/", "")
CAMERA_CSV = "metadata_camera_parameters.csv"
CAMERA_AT = ("contrib/mikeroberts3000/", "")
SCENE = re.compile(r"ai_\d{3}_\d{3}")
CAMERA = re.compile(r"cam_\d{2}")


def frames(root: Root, split: str) -> dict[str, dict[str, set[int]]]:
    """Scene -> camera -> numbers of the public frames of a partition, by the split CSV.

    split: one of SPLITS. Raises SourceError with the line that cannot be read.
    """
    by_scene: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    wanted = SPLITS[:3] if split == "all" else (split,)
    for line, row in enumerate(_rows(root, SPLIT_AT, SPLIT_CSV), 2):
        try:
            public = {"True": True, "False": False}[row["included_in_public_release"]]
            if public and row["split_partition_name"] in wanted:
                if not CAMERA.fullmatch(row["camera_name"]):
                    raise ValueError(f"camera {row['camera_name']!r}, expected cam_NN")
                by_scene[row["scene_name"]][row["camera_name"]].add(int(row["frame_id"]))
        except (KeyError, TypeError, ValueError) as err:
            raise SourceError(f"{SPLIT_CSV}, line {line}: {err!r}") from err
    return by_scene


def cameras(root: Root) -> dict[str, Camera]:
    """Scene -> its camera, by the camera CSV. Raises SourceError with the line that is wrong."""
    by_scene: dict[str, Camera] = {}
    for line, row in enumerate(_rows(root, CAMERA_AT, CAMERA_CSV), 2):
        try:
            matrix = tuple(float(row[f"M_cam_from_uv_{k // 3}{k % 3}"]) for k in range(9))
            width, height = (float(row[f"settings_output_img_{k}"]) for k in ("width", "height"))
            whole = width >= 1 and height >= 1 and not (width % 1 or height % 1)
            if not all(map(math.isfinite, matrix)) or not whole or width * height > MAX_PIXELS:
                raise ValueError(f"camera of {width}x{height} pixels, M_cam_from_uv {matrix}")
            by_scene[row["scene_name"]] = Camera(int(width), int(height), matrix)
        except (KeyError, TypeError, ValueError) as err:
            raise SourceError(f"{CAMERA_CSV}, line {line}: {err!r}") from err
    return by_scene


def _rows(root: Root, folders: tuple[str, ...], name: str) -> Iterator[dict[str, str]]:
    """The rows of a CSV file in the first of several folders that has it. Raises SourceError."""
    paths = [folder + name for folder in folders]
    path = next(filter(root.exists, paths), paths[0])
    data = records.source_bytes(root, path, "part of the ml-hypersim repository")
    text = records.without_mark(data).decode("utf-8", "replace")
    return csv.DictReader(io.StringIO(text, newline=""))
