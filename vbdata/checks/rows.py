"""The rows of a build against its manifest: every count, key, licence and held-out group.

Rows come a row group at a time, so memory grows with the build only by 16 bytes a sample (a hash of
its record and its pass, to count distinct ones) and by the held-out groups. No tar is opened.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pyarrow as pa

from vbdata import plugins
from vbdata.checks.mixture import MixtureCheck
from vbdata.checks.quarantine import Tried
from vbdata.core.geometry import geometry_for
from vbdata.errors import BadSample
from vbdata.layout import HOLDOUT, MANIFEST, key_digits
from vbdata.manifest.columns import ROWS
from vbdata.manifest.model import Manifest
from vbdata.manifest.sums import capped, read_bounded
from vbdata.recipe.licences import commercial
from vbdata.storage.folder import Folder

WITHOUT_PIXELS = tuple(name for name in ROWS.names if name not in ("instruction", "params"))
SHA256 = re.compile("[0-9a-f]{64}")
SIZES = 4096  # of images, whose geometry is kept


class RowCheck:
    """Checks the rows shard by shard (`add`), then what they add up to (`finish`).

    out: the build's folder, from which the held-out groups are read; tried: the slots in which
    records failed, as quarantine_faults fills it; faults: takes a sentence for each thing that is
    wrong with the held-out groups.
    """

    def __init__(self, out: Folder, manifest: Manifest, tried: Tried, faults: list[str]) -> None:
        self._manifest = manifest
        self._mixture = MixtureCheck(manifest, tried)
        self._geometry = lru_cache(SIZES)(self._geometry_of)
        self._held = _held_groups(out, manifest, faults)
        self._datasets = {line.source: line.dataset for line in manifest.sources}
        self._licences = Counter[tuple[str, str]]()
        self._errors: dict[str, tuple[int, float, float]] = {}

    def add(self, number: int, table: pa.Table) -> Iterator[str]:
        """Add the rows of shard `number`; a sentence for each thing that is wrong with them."""
        columns = {name: table[name].to_pylist() for name in table.column_names}
        yield from capped(self._key_faults(number, columns))
        yield from capped(self._size_faults(columns))
        yield from capped(self._policy_faults(columns))
        cells = [*zip(columns["source"], columns["task"], strict=True)]
        drawn = columns["sample_id"], columns["pass"]
        yield from capped(self._mixture.add(number, columns["key"], cells, *drawn))
        self._licences.update(zip(columns["license"], columns["source"], strict=True))
        for task, error in zip(columns["task"], columns["roundtrip_error"], strict=True):
            count, total, largest = self._errors.get(task, (0, 0.0, 0.0))
            self._errors[task] = (count + 1, total + error, max(largest, error))

    def _key_faults(self, number: int, columns: dict[str, list[Any]]) -> Iterator[str]:
        """Keys are positions, and a shard has a range of its own: so they are unique."""
        recipe = self._manifest.recipe
        first, digits = number * recipe.shard_size, key_digits(self._manifest.wanted)
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
        sizes = recipe.image.sizes
        names = (
            *("key", "seed", "source_width", "source_height", "width", "height", "scaled_width"),
            *("scaled_height", "crop_left", "crop_top", "valid_share", "raw_sha256"),
        )
        for key, seed, *sides, width, height, across, down, left, top, share, raw in zip(
            *(columns[name] for name in names), strict=True
        ):
            inside = 0 <= left <= across - width and 0 <= top <= down - height
            if seed != recipe.seed:
                yield f"{key}: its seed is {seed}, the recipe's {recipe.seed}"
            if min(width, height) < 1 or not inside:
                yield f"{key}: {width}x{height} at {left}, {top} is no part of {across}x{down}"
            elif (width * height > most or width % multiple or height % multiple) or (
                sizes and (width, height) not in sizes
            ):
                yield f"{key}: {width}x{height} is no size that the recipe allows"
            elif (across, down, left, top, width, height) != self._geometry(*sides):
                made = f"{width}x{height} at {left}, {top} of {across}x{down}"
                yield f"{key}: the recipe does not make {made} of {sides[0]}x{sides[1]}"
            if not 0 < share <= 1:
                yield f"{key}: {share} of its pixels are valid"
            if not SHA256.fullmatch(raw):
                yield f"{key}: {raw!r:.100} is no SHA-256"

    def _geometry_of(self, width: int, height: int) -> tuple[int, ...] | None:
        """Scaled size, crop's corner and output size of a source image; None if it has none."""
        image = self._manifest.recipe.image
        if min(width, height) < 1:
            return None
        try:
            made = geometry_for(width, height, image.max_pixels, image.multiple_of, image.sizes)
        except BadSample:
            return None
        return (*made.scaled, made.left, made.top, made.width, made.height)

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
        yield from self._mixture.finish()
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
            module = plugins.usable(plugins.TASKS, task)
            if module is None or (entry.unit, entry.tolerance) == (module.UNIT, module.TOLERANCE):
                continue
            if manifest.code.tasks.get(task) == plugins.code_digest(plugins.TASKS, task):
                bound = f"{entry.tolerance:g} {entry.unit}"
                right = f"{module.TOLERANCE:g} {module.UNIT}"
                yield f"{MANIFEST}: the tolerance of {task} is {bound}, by its code {right}"


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
