"""What an entry's record says of its depth and normals, and the labels that it so has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Depth, Normals

from .. import records
from . import depth, normals

if TYPE_CHECKING:
    from vbdata.core.types import Entry
    from vbdata.storage.folder import Root


def depth_label(root: Root, entry: Entry, about: Mapping[str, Any]) -> Depth:
    """An entry's depth. about: what its record has of it. Raises BadSample."""
    own = about.get("camera")
    camera = (own[0], own[1], own[2], own[3]) if own else entry.camera
    data, path = records.read(root, entry, "depth"), entry.files["depth"].path
    size = entry.width, entry.height
    return depth.read(data, depth_of(about), size, camera, path, of_map=bool(own))


def normals_label(root: Root, entry: Entry, about: Mapping[str, Any]) -> Normals:
    """An entry's normals. about: what its record has of them. Raises BadSample."""
    coding, turn = normals_of(about)
    data, path = records.read(root, entry, "normals"), entry.files["normals"].path
    return normals.read(data, coding, (entry.width, entry.height), entry.camera, turn, path)


def depth_of(about: Mapping[str, Any]) -> depth.Coding:
    """The coding of depth."""
    return depth.Coding(**_tuples({key: v for key, v in about.items() if key != "camera"}))


def normals_of(about: Mapping[str, Any]) -> tuple[normals.Coding, NDArray[np.float64] | None]:
    """The coding of normals, and the turn from world axes, float64[3, 3]."""
    turn = np.array(about["turn"]).reshape(3, 3) if "turn" in about else None
    return normals.Coding(**_tuples({k: v for k, v in about.items() if k != "turn"})), turn


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
