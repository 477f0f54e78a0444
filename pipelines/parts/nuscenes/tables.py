"""nuScenes' tables: JSON lists of flat records that name one another by tokens.

Two of them, sample_data and ego_pose, have a row for every file of every sweep, so they are read in
pieces, 300 MB in 2 s, and only the rows that are asked for are kept. Source:
nutonomy/nuscenes-devkit, docs/schema_nuscenes.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict

from vbdata.errors import BadSample, SourceError

from ...formats import json_pieces
from ...formats.byte_texts import Held, OnDisk, Text
from ...formats.json_cut import Piece
from ...formats.json_pieces import Items
from ...formats.json_values import NotPlain
from .. import records

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

HELD = 1 << 28  # bytes of a table up to which all of it is held in memory
Row = dict[str, Any]


class Scene(TypedDict, total=False):
    """A drive of 20 s."""

    token: Any
    name: Any


class SampleRow(TypedDict, total=False):
    """A key frame."""

    token: Any
    scene_token: Any


class SampleData(TypedDict, total=False):
    """A file of a sensor at a time. ego_pose_token: where the car was at that very time."""

    token: Any
    sample_token: Any
    ego_pose_token: Any
    calibrated_sensor_token: Any
    filename: Any
    is_key_frame: Any
    width: Any
    height: Any


class Posed(TypedDict, total=False):
    """A row of ego_pose or calibrated_sensor.

    translation: metres; rotation: a quaternion w, x, y, z; camera_intrinsic: 3 x 3, of cameras.
    """

    token: Any
    translation: Any
    rotation: Any
    camera_intrinsic: Any


def rows(root: Root, path: str, of: Any, keep: Callable[[Row], bool]) -> list[Row]:
    """The rows of a table that are to be kept, of the keys of a TypedDict.

    Raises SourceError for a file that is missing or no JSON list.
    """
    found: list[Row] = []

    def take(piece: Piece) -> None:
        found.extend(row for row in piece.items if isinstance(row, dict) and keep(row))

    text = _text(root, path)
    try:
        json_pieces.read_list(text, Items(of, take))
    except NotPlain:
        if text.size > HELD:
            raise SourceError(f"{root.url}: {path} is no JSON list of records") from None
        found.clear()
        try:
            value = records.unpack(text.read(0, text.size))
        except (ValueError, RecursionError) as err:
            raise SourceError(f"{root.url}: {path} is no JSON: {err!s:.200}") from err
        if not isinstance(value, list):
            raise SourceError(
                f"{root.url}: {path} is a JSON {type(value).__name__}, no list"
            ) from None
        found = [row for row in value if isinstance(row, dict) and keep(row)]
    return found


def _text(root: Root, path: str) -> Text:
    """The text of a table. Raises SourceError if it is missing."""
    if root.size(path) <= HELD:
        data = records.without_mark(records.source_bytes(root, path, "a table of nuScenes"))
        if json.detect_encoding(data) != "utf-8":
            raise SourceError(f"{root.url}: {path} is not UTF-8")
        return Held(data)
    try:
        with root.local_copy(path) as file:
            return OnDisk(file)
    except BadSample as err:
        raise SourceError(f"{root.url}: {path}: {err}") from err
