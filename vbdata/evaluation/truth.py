"""The truth of a finished build: any sample by its key, decoded to what its task's metrics compare.

The best truth that a build holds is its target.png, read by the task's own decoder (by `exact`
where the task has one), under valid.png. Masks are drawn exactly, so that is the label; depth and
normals are quantised to their codes, which `truth_raw` undoes where the raw data is at hand.

In memory: the manifest's columns that locate and name samples (some hundred bytes each), and the
offsets of the shards that were asked for last.
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
from vbdata.core import images
from vbdata.core.types import Geometry, Label
from vbdata.errors import BuildError, RecipeError, choices
from vbdata.evaluation.metrics.instances import confidence
from vbdata.evaluation.metrics.matching import Instances
from vbdata.evaluation.metrics.meter import Mask
from vbdata.manifest.opened import open_build
from vbdata.storage.folder import Folder

COLUMNS = (
    "key", "shard", "source", "dataset", "task", "sample_id", "group", "width", "height",
    "source_width", "source_height", "scaled_width", "scaled_height", "crop_left", "crop_top",
    "params",
)  # fmt: skip

# What a task's decoder yields, and so how it is scored.
KINDS = ("depth", "normals", "classes", "instances", "regions", "image", "generated")


def kind_of(task: str) -> str:
    """Which of KINDS a task is scored as; "generated" has no one answer and is not scored.

    Read off the task's module: what it draws, and what its decoder must know.
    """
    module = plugins.task(task)
    drawn = module.NEEDS[0]
    if drawn in ("depth", "normals"):
        return str(drawn)
    if drawn == "segments":
        if "expressions" in module.NEEDS:
            return "regions"
        return "classes" if "legend" in module.PARAMS else "instances"
    return "generated" if module.BLANK_INPUT else "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A sample as the manifest has it."""

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
    """A sample and its answer. encoded: the input image's file; target: uint8 RGB [H, W, 3].

    valid: bool[H, W]; label: what the task's decoder reads, Instances, or the target image itself.
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
    """A finished build, opened for scoring. Picklable; raises BuildError if there is none."""

    def __init__(self, out: Folder) -> None:
        self.build = open_build(out)
        for task in {cell.task for cell in self.build.manifest.cells}:
            self.build.task(task)
        self._table = self.build.columns(COLUMNS)
        self.keys: list[str] = self._table["key"].to_pylist()
        self._at = {key: k for k, key in enumerate(self.keys)}

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, key: str) -> bool:
        return key in self._at

    def chosen(self, tasks: Sequence[str] = ()) -> list[str]:
        """Keys of the samples of some tasks, in order; of all for none. Raises RecipeError."""
        if not tasks:
            return self.keys
        known = {task for _, _, task in self.cells()}
        wrong = [f"--task {name}: no such task{choices(name, known)}" for name in {*tasks} - known]
        if wrong:
            raise RecipeError(sorted(wrong))
        of = self._table["task"].to_pylist()
        return [key for key, task in zip(self.keys, of, strict=True) if task in tasks]

    def cells(self) -> list[tuple[str, str, str]]:
        """(source, dataset, task) of every cell, in the order of first appearance."""
        columns = [self._table[name].to_pylist() for name in ("source", "dataset", "task")]
        return list(dict.fromkeys(zip(*columns, strict=True)))

    def folds(self) -> dict[tuple[str, str], tuple[str, list[str]]]:
        """Of each cell (source, task) what must not inform about each other, sorted.

        ("group", its groups), or ("record", its sample_ids) if it has but one group.
        """
        found: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
        names = ("source", "task", "group", "sample_id")
        columns = [self._table[name].to_pylist() for name in names]
        for source, task, group, sample_id in zip(*columns, strict=True):
            groups, records = found.setdefault((source, task), (set(), set()))
            groups.add(group)
            records.add(sample_id)
        return {
            cell: ("group", sorted(groups)) if len(groups) > 1 else ("record", sorted(records))
            for cell, (groups, records) in found.items()
        }

    def sample_ids(self, source: str, keys: Sequence[str]) -> set[str]:
        """Records of a source that some samples come from."""
        rows = self._table.take(pa.array([self._at[key] for key in keys], pa.int64()))
        mine = rows.filter(pc.equal(rows["source"], source))
        return set(mine["sample_id"].to_pylist())

    def row(self, key: str) -> Row:
        """A sample's line. Raises KeyError for an unknown key."""
        raw = self._table.slice(self._at[key], 1).to_pylist()[0]
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
        """A sample and its answer. Raises BadSample or BuildError if the build is damaged."""
        row = self.row(key)
        parts = self.members(key)
        given = next(name for name in parts if name.startswith("input."))
        target = images.decode_rgb(parts["target.png"], f"{key}.target.png")
        valid = images.decode_png_raw(parts["valid.png"], f"{key}.valid.png") > 0
        if not target.shape[:2] == valid.shape == (row.geometry.height, row.geometry.width):
            raise BuildError(f"{key}: target.png and valid.png differ in size from the manifest")
        return Truth(
            row=row,
            encoded=parts[given],
            target=target,
            valid=valid,
            label=target_label(row, target, valid),
        )

    def members(self, key: str) -> dict[str, bytes]:
        """One sample's files by extension, read as one range of its shard."""
        number, slot = (int(part[0]) for part in self.build.shard_of(np.array([self._at[key]])))
        self.build.offsets(number)  # read once a shard
        return self.build.read(number, slot, key)


def target_label(row: Row, target: images.Pixels, valid: Mask) -> Any:
    """The label of a target of our own."""
    import torch

    kind, module = kind_of(row.task), plugins.task(row.task)
    rgb = torch.from_numpy(target)
    if kind in ("image", "generated"):
        return rgb
    label: Label = getattr(module, "exact", module.decode)(rgb, row.params)
    label = replace(label, valid=label.valid & torch.from_numpy(valid))
    return as_instances(label, target, row) if kind == "instances" else label


def as_instances(label: Any, rgb: images.Pixels, row: Row) -> Instances:
    """Segments of one class with a confidence each; see metrics_instances."""
    ids = np.ascontiguousarray(label.ids.numpy())
    return Instances(
        name=str(row.params["class"]),
        ids=ids,
        valid=label.valid.numpy(),
        confidence=confidence(rgb, ids, len(label.classes)),
    )
