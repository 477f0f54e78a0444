"""The rows of a build against its manifest: every count, key, licence and held-out group.

Rows come a row group at a time, so memory grows with the build only by 8 bytes a sample (a hash of
its record, to count distinct ones) and by the held-out groups. No tar is opened.
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

NO_RECORDS = np.empty(0, np.uint64)


class RowCheck:
    """Checks the rows shard by shard (`add`), then what they add up to (`finish`).

    out: the build's folder, from which the held-out groups are read; faults: takes a sentence for
    each thing that is wrong with those.
    """

    def __init__(self, out: Folder, manifest: Manifest, faults: list[str]) -> None:
        self._manifest = manifest
        self._held = _held_groups(out, manifest, faults)
        self._datasets = {line.source: line.dataset for line in manifest.sources}
        self._cells = Counter[tuple[str, str]]()
        self._records: dict[tuple[str, str], list[NDArray[np.uint64]]] = {}
        self._licences = Counter[tuple[str, str]]()
        self._errors: dict[str, tuple[int, float, float]] = {}

    def add(self, number: int, table: pa.Table) -> Iterator[str]:
        """Add the rows of shard `number`; a sentence for each thing that is wrong with them."""
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
        """Keys are positions, and a shard has a range of its own: so they are unique."""
        recipe = self._manifest.recipe
        first, digits = number * recipe.shard_size, key_digits(recipe.samples)
        last = ""
        for key, shard in zip(columns["key"], columns["shard"], strict=True):
            is_key = len(key) == digits and key.isascii() and key.isdigit()
            if not is_key or not first <= int(key) < first + recipe.shard_size:
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
        """A sentence for each sum over all rows that is not the manifest's."""
        manifest = self._manifest
        for cell in manifest.cells:
            name, key = f"{cell.source} / {cell.task}", (cell.source, cell.task)
            count = self._cells.pop(key, 0)
            if count != cell.realised:
                yield f"{name}: {count} rows, {cell.realised} in {MANIFEST}"
            unique = len(np.unique(np.concatenate(self._records.get(key) or [NO_RECORDS])))
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
                wrong = f"has commercial = {line.commercial}, expected {commercial(line.license)}"
                yield f"{MANIFEST}: {line.license!r} {wrong}"
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
    """The names of the sets that hold out each group, as the build's own list has them."""
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
    stated_sets = {line.set for line in manifest.holdout}
    faults += [
        f"{HOLDOUT}: {name!r} is no set of the manifest, which has {', '.join(sorted(stated_sets))}"
        for name in sorted(sets.keys() - stated_sets)
    ]
    return held
