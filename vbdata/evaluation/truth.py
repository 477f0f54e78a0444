"""The truth of a finished build: any sample by its key, as the label that its metrics compare.

The best truth that a build holds is its target, read by the task's own decoder (by `exact` where
the task has one) where it is valid. Masks are drawn exactly, so that is the label. Depth and
normals are quantised to their codes; `truth_raw` replaces them where the raw data is at hand.

Memory holds the manifest's columns that name and locate samples (some hundred bytes a sample) and
the offsets of the shards that were read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vbdata import plugins
from vbdata.core import images, members
from vbdata.core.labels import Label
from vbdata.core.types import Geometry
from vbdata.errors import RecipeError, choices
from vbdata.evaluation.metrics.boxes import Boxes
from vbdata.evaluation.metrics.instances import confidence
from vbdata.evaluation.metrics.matching import Instances
from vbdata.evaluation.metrics.meter import Mask
from vbdata.manifest.opened import open_build
from vbdata.manifest.sample import target_of
from vbdata.storage.folder import Folder

COLUMNS = (
    "key", "shard", "source", "dataset", "task", "sample_id", "group", "width", "height",
    "source_width", "source_height", "scaled_width", "scaled_height", "crop_left", "crop_top",
    "params",
)  # fmt: skip

# What a task's decoder yields, which decides how it is scored.
KINDS = (
    *("depth", "relative_depth", "normals", "flow", "keypoints", "matte", "foreground", "albedo"),
    *("shading", "classes", "instances", "regions", "boxes", "panoptic", "image", "generated"),
)


def kind_of(task: str) -> str:
    """Which of KINDS a task is scored as; "generated" has no one right answer and is not scored.

    Follows from the task's module: what it draws, and what its decoder must know. Raises
    LookupError for an unknown task.
    """
    module = plugins.task(task)
    drawn = module.NEEDS[0]
    if drawn == "matte":
        return "foreground" if getattr(module, "BINARY", False) else "matte"
    if drawn in KINDS and drawn != "image":
        return str(drawn)
    if drawn == "segments":
        if hasattr(module, "corners"):
            return "boxes"
        if getattr(module, "PANOPTIC", False):
            return "panoptic"
        if "expressions" in module.NEEDS:
            return "regions"
        return "instances" if "class" in module.PARAMS else "classes"
    return "generated" if module.BLANK_INPUT else "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A sample's row of the manifest; geometry: from the source image to the sample, pixels."""

    key: str
    source: str
    dataset: str
    task: str
    sample_id: str
    group: str
    geometry: Geometry
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A sample and its right answer.

    encoded: the file of the input image; target: uint8 RGB [H, W, 3]; valid: bool[H, W], where the
    target has a label; label: a Label, Instances for instances, or for images the target itself, a
    tensor uint8[H, W, 3].
    """

    row: Row
    encoded: bytes
    target: images.Pixels
    valid: Mask
    label: Any

    def input(self) -> images.Pixels:
        """The input image, uint8 RGB [H, W, 3]."""
        return images.decode_rgb(self.encoded, f"{self.row.key}.input")


class BuildTruth:
    """A finished build, opened for scoring; may be pickled.

    keys: of all samples, rising. Raises BuildError if there is no build, if it is damaged, or if
    one of its tasks is not known here.
    """

    def __init__(self, out: Folder) -> None:
        self.build = open_build(out)
        for task in {cell.task for cell in self.build.manifest.cells}:
            self.build.task(task)
        self._table = self.build.columns(COLUMNS)
        self.keys: list[str] = self._table["key"].to_pylist()
        self._places = {key: place for place, key in enumerate(self.keys)}

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def keys_of(self, tasks: Sequence[str] = ()) -> list[str]:
        """The keys of the samples of some tasks, rising; of all samples if no task is given.

        Raises RecipeError, with the build's tasks, for one that it does not have.
        """
        if not tasks:
            return self.keys
        known = {task for _, _, task in self.cells()}
        wrong = [f"--task {name}: no such task{choices(name, known)}" for name in {*tasks} - known]
        if wrong:
            raise RecipeError(sorted(wrong))
        column = self._table["task"].to_pylist()
        return [key for key, task in zip(self.keys, column, strict=True) if task in tasks]

    def cells(self) -> list[tuple[str, str, str]]:
        """(source, dataset, task) of every cell, in the order of first appearance."""
        columns = [self._table[name].to_pylist() for name in ("source", "dataset", "task")]
        return list(dict.fromkeys(zip(*columns, strict=True)))

    def folds(self) -> dict[tuple[str, str], tuple[str, list[str]]]:
        """What each cell, (source, task), is dealt to folds by: its sorted names, and of what.

        ("group", its groups), or ("record", its sample_ids) if it has only one group.
        """
        names_of: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
        names = ("source", "task", "group", "sample_id")
        columns = [self._table[name].to_pylist() for name in names]
        for source, task, group, sample_id in zip(*columns, strict=True):
            groups, records = names_of.setdefault((source, task), (set(), set()))
            groups.add(group)
            records.add(sample_id)
        return {
            cell: ("group", sorted(groups)) if len(groups) > 1 else ("record", sorted(records))
            for cell, (groups, records) in names_of.items()
        }

    def sample_ids(self, source: str, keys: Sequence[str]) -> set[str]:
        """The ids of the records of a source that samples of some keys were made of."""
        rows = self._table.take(pa.array([self._places[key] for key in keys], pa.int64()))
        mine = rows.filter(pc.equal(rows["source"], source))
        return set(mine["sample_id"].to_pylist())

    def row(self, key: str) -> Row:
        """A sample's row of the manifest, by its key. Raises KeyError for an unknown one."""
        raw = self._table.slice(self._places[key], 1).to_pylist()[0]
        names = ("key", "source", "dataset", "task", "sample_id", "group")
        return Row(
            **{name: raw[name] for name in names},
            geometry=Geometry(
                source=(raw["source_width"], raw["source_height"]),
                scaled=(raw["scaled_width"], raw["scaled_height"]),
                left=raw["crop_left"],
                top=raw["crop_top"],
                width=raw["width"],
                height=raw["height"],
            ),
            params=json.loads(raw["params"]),
        )

    def read(self, key: str) -> Truth:
        """A sample and its right answer, by its key.

        Raises KeyError for an unknown key, BadSample or BuildError if the build is damaged.
        """
        row = self.row(key)
        parts = self.members(key)
        size = (row.geometry.width, row.geometry.height)
        target, valid = target_of(parts, key, size, row.task)
        return Truth(
            row=row,
            encoded=parts[members.named(parts, members.INPUT)],
            target=target,
            valid=valid,
            label=target_label(row, target, valid),
        )

    def members(self, key: str) -> dict[str, bytes]:
        """A sample's files by extension (core.members), read as one range of its tar."""
        number, slot = self.build.locate(self._places[key])
        self.build.offsets(number)  # read once a shard, which saves a request for each sample
        return self.build.read(number, slot, key)


def target_label(row: Row, target: images.Pixels, valid: Mask) -> Any:
    """The label of a build's own target, uint8 RGB [H, W, 3], valid where `valid`, bool[H, W], is.

    A Label; Instances for instances, Boxes for boxes; for images the target itself.
    """
    kind, module = kind_of(row.task), plugins.task(row.task)
    if kind in ("image", "generated"):
        return target
    if kind == "boxes":
        return boxes_of(row, target, valid, exact=True)
    label: Label = getattr(module, "exact", module.decode)(target, row.params)
    label = replace(label, valid=label.valid & valid)
    return as_instances(label, target, row) if kind == "instances" else label


def boxes_of(row: Row, rgb: images.Pixels, valid: Mask, *, exact: bool = False) -> Boxes:
    """The boxes in a picture, uint8 RGB [H, W, 3], in its own pixels.

    valid: bool[H, W]; exact: whether it is a target, which `exact_corners` reads where the task has
    that.
    """
    module = plugins.task(row.task)
    read = getattr(module, "exact_corners", module.corners) if exact else module.corners
    corners, ids = read(rgb, row.params)
    told = row.params.get("targets") is not None
    name = "" if told else str(row.params.get("class", ""))
    return Boxes(
        name=name,
        corners=np.asarray(corners, np.float64).reshape(-1, 4),
        confidence=confidence(rgb, ids, len(corners)),
        valid=valid,
    )


def as_instances(label: Any, rgb: images.Pixels, row: Row) -> Instances:
    """Segments of one class as Instances, each with the confidence that metrics/instances defines.

    label: Segments of the same size as rgb, the uint8[H, W, 3] that it was decoded from.
    """
    ids = np.ascontiguousarray(label.ids)
    return Instances(
        name=str(row.params["class"]),
        ids=ids,
        valid=label.valid,
        confidence=confidence(rgb, ids, len(label.classes)),
    )
