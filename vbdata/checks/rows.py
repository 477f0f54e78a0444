"""The rows of a build against its manifest: every count, key, licence and held-out group.

Rows come a row group at a time, so memory does not grow with the build but for 8 bytes a sample
(which records a cell has had) and the held-out groups. No tar is opened.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbdata.core.rng import word_of
from vbdata.errors import BadSample
from vbdata.layout import HOLDOUT, MANIFEST, key_digits
from vbdata.manifest.columns import ROWS
from vbdata.manifest.model import Manifest
from vbdata.manifest.sums import capped, read_bounded
from vbdata.recipe.licences import commercial
from vbdata.storage.folder import Folder

WITHOUT_PIXELS = tuple(name for name in ROWS.names if name not in ("instruction", "params"))

NONE = np.empty(0, np.uint64)


class RowCheck:
    """Takes the rows of one shard after the other and says what is wrong, at the end in sum."""

    def __init__(self, out: Folder, manifest: Manifest, faults: list[str]) -> None:
        self._manifest = manifest
        self._held = _held_groups(out, manifest, faults)
        self._datasets = {line.source: line.dataset for line in manifest.sources}
        self._cells = Counter[tuple[str, str]]()
        self._records: dict[tuple[str, str], list[NDArray[np.uint64]]] = {}
        self._licences = Counter[tuple[str, str]]()
        self._errors: dict[str, tuple[int, float, float]] = {}

    def add(self, number: int, table: pa.Table) -> Iterator[str]:
        """What is wrong with the rows of a shard; they are counted."""
        columns = {name: table[name].to_pylist() for name in table.column_names}
        yield from capped(self._key_faults(number, columns))
        yield from capped(self._size_faults(columns))
        yield from capped(self._policy_faults(columns))
        words: dict[tuple[str, str], list[int]] = {}
        names = ("source", "task", "sample_id")
        for source, task, record in zip(*(columns[name] for name in names), strict=True):
            words.setdefault((source, task), []).append(word_of(record))
        for cell, some in words.items():
            self._cells[cell] += len(some)
            self._records.setdefault(cell, []).append(np.asarray(some, np.uint64))
        self._licences.update(zip(columns["license"], columns["source"], strict=True))
        for task, error in zip(columns["task"], columns["roundtrip_error"], strict=True):
            count, total, largest = self._errors.get(task, (0, 0.0, 0.0))
            self._errors[task] = (count + 1, total + error, max(largest, error))

    def _key_faults(self, number: int, columns: dict[str, list[Any]]) -> Iterator[str]:
        """Keys are positions, those of a shard in its own range: so they are unique everywhere."""
        recipe = self._manifest.recipe
        first, digits = number * recipe.shard_size, key_digits(recipe.samples)
        last = ""
        for key, shard in zip(columns["key"], columns["shard"], strict=True):
            good = len(key) == digits and key.isascii() and key.isdigit()
            if not good or not first <= int(key) < first + recipe.shard_size:
                yield f"{key}: not a key of shard {number}, which a row says"
            elif key == last:
                yield f"{key}: the key stands more than once"
            elif key < last:
                yield f"{key}: stands after {last}: keys rise"
            if shard != number:
                yield f"{key}: its row says shard {shard}, it stands in those of {number}"
            last = key

    def _size_faults(self, columns: dict[str, list[Any]]) -> Iterator[str]:
        recipe = self._manifest.recipe
        most, multiple = recipe.image.max_pixels or 2**62, recipe.image.multiple_of
        names = (
            *("key", "seed", "width", "height", "scaled_width", "scaled_height"),
            *("crop_left", "crop_top", "valid_share"),
        )
        for key, seed, width, height, across, down, left, top, share in zip(
            *(columns[name] for name in names), strict=True
        ):
            inside = 0 <= left <= across - width and 0 <= top <= down - height
            if seed != recipe.seed:
                yield f"{key}: its seed is {seed}, the recipe's {recipe.seed}"
            if min(width, height) < 1 or not inside:
                yield f"{key}: {width}x{height} at {left}, {top} is no part of {across}x{down}"
            if width * height > most or width % multiple or height % multiple:
                yield f"{key}: {width}x{height} is no size that the recipe allows"
            if not 0 < share <= 1:
                yield f"{key}: {share} of its pixels are valid"

    def _policy_faults(self, columns: dict[str, list[Any]]) -> Iterator[str]:
        only_commercial = self._manifest.recipe.licence_policy == "commercial"
        names = ("key", "group", "license", "source", "dataset")
        for key, group, licence, source, dataset in zip(
            *(columns[name] for name in names), strict=True
        ):
            for name in self._held.get(group, ()):
                yield f"{key}: its group {group} is held out by {name}"
            if only_commercial and not commercial(licence):
                yield f"{key}: its licence {licence!r} is not commercial"
            if self._datasets.get(source) != dataset:
                yield f"{key}: {source} is read by {dataset}, which the manifest does not say"

    def finish(self) -> Iterator[str]:
        """Where the sums over all rows are not those of the manifest."""
        manifest = self._manifest
        for cell in manifest.cells:
            name, key = f"{cell.source} / {cell.task}", (cell.source, cell.task)
            found = self._cells.pop(key, 0)
            if found != cell.realised:
                yield f"{name}: {found} rows, {cell.realised} in {MANIFEST}"
            unique = len(np.unique(np.concatenate(self._records.get(key) or [NONE])))
            if unique != cell.unique:
                yield f"{name}: {unique} records, {cell.unique} in {MANIFEST}"
        for source, task in self._cells:
            yield f"{source} / {task}: rows of a cell that {MANIFEST} does not have"
        stated = {
            (line.license, source): count
            for line in manifest.licenses
            for source, count in line.sources.items()
        }
        if stated != dict(self._licences):
            yield f"{MANIFEST}: its licences are not those of the rows"
        for line in manifest.licenses:
            if line.commercial != commercial(line.license):
                yield f"{MANIFEST}: {line.license!r} is not rightly called commercial or not"
            if line.samples != sum(line.sources.values()):
                yield f"{MANIFEST}: the samples of {line.license!r} do not add up"
        errors = {
            task: (largest, round(total / count, 9))
            for task, (count, total, largest) in self._errors.items()
        }
        if errors != {task: (e.largest, e.mean) for task, e in manifest.roundtrip.items()}:
            yield f"{MANIFEST}: its round-trip errors are not those of the rows"
        for task, entry in manifest.roundtrip.items():
            if not entry.largest <= entry.tolerance:
                yield f"{MANIFEST}: {task} does not decode within its tolerance"


def _held_groups(out: Folder, manifest: Manifest, faults: list[str]) -> dict[str, list[str]]:
    """The sets that hold out each group, by the build's own list."""
    held: dict[str, list[str]] = {}
    if not manifest.holdout:
        return held
    try:
        lines = read_bounded(out, HOLDOUT).decode().splitlines()
    except (ValueError, OSError, BadSample) as err:
        faults.append(f"{HOLDOUT}: cannot be read: {err}")
        return held
    sets: dict[str, list[str]] = {line.set: [] for line in manifest.holdout}
    for name, _, group in (line.partition("\t") for line in lines):
        held.setdefault(group, []).append(name)
        sets.setdefault(name, []).append(group)
    for stated in manifest.holdout:
        groups = sorted({*sets[stated.set]})
        digest = hashlib.sha256("\n".join(groups).encode()).hexdigest()
        if (digest, len(groups)) != (stated.sha256, stated.groups):
            faults.append(f"{HOLDOUT}: the groups of {stated.set} are not those of the manifest")
    known = {line.set for line in manifest.holdout}
    faults += [f"{HOLDOUT}: {name!r} is no set of the manifest" for name in sets.keys() - known]
    return held
