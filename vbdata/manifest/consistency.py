"""manifest.json against what it says elsewhere, against SHA256SUMS and the folder's listing.

An edited manifest whose digest was made to fit may still contradict itself, the sums, the rows
(vbdata.checks.rows) or the bytes (vbdata.checks.shards): counts, sizes, shares, cells, tasks and
digests of files are compared with what they follow from. What follows from nothing else in the
folder (options of readers, digests of code and of indices) a lock can tell, not the build alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from vbdata import plugins
from vbdata.core import members
from vbdata.core.reversal import forward_name
from vbdata.core.types import Cell
from vbdata.errors import choices
from vbdata.layout import MANIFEST, SHARDS, SUMS, build_digest, shards_folder, tar_path
from vbdata.manifest.model import Manifest, ShardLine, SourceLine
from vbdata.manifest.tally import hundredths
from vbdata.planning.mixture import apportion, redistribute
from vbdata.recipe.canonical import recipe_digest


def manifest_faults(
    manifest: Manifest, sums: Mapping[str, str], files: Mapping[str, int]
) -> Iterator[str]:
    """A sentence for each place where the manifest contradicts itself, the sums or the listing.

    sums: SHA-256 by path, as SHA256SUMS has it; files: sizes in bytes by path, as the folder is
    listed, or empty to leave that out.
    """
    recipe, shards = manifest.recipe, manifest.shards
    if (manifest.name, manifest.split) != (recipe.name, recipe.split):
        yield f"{MANIFEST}: name or split are not the recipe's"
    always = sorted(members.ALWAYS) if manifest.members else []
    if manifest.build_sha256 != build_digest([shard.job_sha256 for shard in shards]):
        yield f"{MANIFEST}: build_sha256 is not the digest of its shards' jobs"
    by_role = Counter[str]()
    for name, count in manifest.members.items():
        by_role[members.role(name)] += count
    for what, stated, total in (
        ("samples", manifest.samples, sum(shard.samples for shard in shards)),
        ("bytes", manifest.bytes, sum(shard.bytes for shard in shards)),
        ("samples", manifest.samples, sum(cell.realised for cell in manifest.cells)),
        ("samples", manifest.samples, sum(line.samples for line in manifest.licenses)),
        ("recipe.samples", manifest.wanted, sum(cell.apportioned for cell in manifest.cells)),
        ("shortfall", manifest.shortfall, manifest.wanted - manifest.samples),
        *((f"members.{role}", manifest.samples, by_role[role]) for role in always),
    ):
        if stated != total:
            yield f"{MANIFEST}: {what} is {stated}, its parts add up to {total}"
    wanted = -(-manifest.wanted // recipe.shard_size)
    if len(shards) != wanted:
        yield f"{MANIFEST}: {len(shards)} shards, {wanted} of {recipe.shard_size} samples each"
    for number, shard in enumerate(shards):
        yield from _shard_line_faults(manifest, number, shard, sums, files)
    for path in manifest.published:
        if path not in sums:
            yield f"{path}: the manifest names it, {SUMS} does not"
    named = {path for path in manifest.published if path.startswith(f"{SHARDS}/")}
    for path in sums:
        if path.startswith(f"{SHARDS}/") and path not in named:
            yield f"{path}: no shard of the manifest"
    yield from _recipe_faults(manifest)


def _shard_line_faults(
    manifest: Manifest,
    number: int,
    shard: ShardLine,
    sums: Mapping[str, str],
    files: Mapping[str, int],
) -> Iterator[str]:
    folder = shards_folder(manifest.build_sha256)
    path = tar_path(folder, manifest.split, number, len(manifest.shards))
    if shard.tar != path:
        yield f"{MANIFEST}: shard {number} is {shard.tar!r}, expected {path}"
    if sums.get(shard.tar, shard.sha256) != shard.sha256:
        yield f"{shard.tar}: its SHA-256 in {MANIFEST} is not the one in {SUMS}"
    size = files.get(shard.tar, shard.bytes)
    if size != shard.bytes:
        yield f"{shard.tar}: {size} bytes, {shard.bytes} in {MANIFEST}"
    if shard.samples > manifest.recipe.shard_size:
        yield f"{shard.tar}: {shard.samples} samples, more than shard_size"


def _cell_faults(manifest: Manifest, weights: Mapping[Cell, Fraction]) -> Iterator[str]:
    """A sentence for each cell whose counts do not follow from the recipe and from one another."""
    recipe, sound = manifest.recipe, {line.source: _sound(line) for line in manifest.sources}
    total = sum(weights.values(), Fraction(0))
    if not total:
        yield f"{MANIFEST}: the weights of its recipe add up to 0"
        return
    counts = _apportioned(manifest, [weights[cell.source, cell.task] for cell in manifest.cells])
    if recipe.votes:  # nothing is apportioned by weights: a cell has its queries
        weights = {(c.source, c.task): Fraction(c.apportioned) for c in manifest.cells}
        total = sum(weights.values(), Fraction(0)) or Fraction(1)
    for cell, count in zip(manifest.cells, counts, strict=True):
        name = f"{MANIFEST}: {cell.source} / {cell.task}"
        share = weights[cell.source, cell.task] / total
        stated = (f"{float(share):.6f}", f"{float(share * manifest.wanted):.4f}")
        if (cell.share, cell.requested) != stated:
            yield f"{name}: its share is not the recipe's"
        if cell.apportioned != count:
            yield f"{name}: {cell.apportioned} samples are apportioned, by the recipe {count}"
        if cell.unique + cell.repeated != cell.realised:
            yield f"{name}: unique and repeated do not add up"
        if cell.realised > cell.apportioned:
            yield f"{name}: {cell.realised} samples, {cell.apportioned} are apportioned"
        most = min(cell.realised, cell.eligible)
        if cell.unique > most or not cell.eligible or cell.replaced > cell.quarantined:
            yield f"{name}: unique, replaced or eligible is more than can be"
        elif cell.eligible > sound.get(cell.source, cell.eligible):
            yield f"{name}: {cell.eligible} of the {sound[cell.source]} sound entries are eligible"
        elif cell.passes != hundredths(Fraction(cell.realised, cell.eligible)):
            yield f"{name}: {cell.passes} passes, {cell.realised} samples of {cell.eligible}"
    bad = sum(cell.quarantined for cell in manifest.cells)
    if bad > Fraction(Decimal(recipe.max_bad)) * (manifest.samples + bad):
        yield f"{MANIFEST}: {bad} rows are quarantined, more than max_bad = {recipe.max_bad}"


def _sound(line: SourceLine) -> int:
    """At most how many entries of a source can be drawn: damaged and barred ones are not."""
    return line.entries - max(line.faults, line.missing.get("image", 0), *line.barred.values(), 0)


def _source_faults(line: SourceLine) -> Iterator[str]:
    """A sentence for each count of a source's line that cannot be."""
    name = f"{MANIFEST}: {line.source}"
    few = {"damaged": line.faults}
    few |= {f"without their {role} file": count for role, count in line.missing.items()}
    for what, count in few.items():
        if count > line.entries:
            yield f"{name}: {count} of {line.entries} records are {what}"
    for key in ("missing", "left_out", "filtered"):
        counts: dict[str, int] = getattr(line, key)
        for what, count in counts.items():
            if not what or not count:
                yield f"{name}: {key} has {count} of {what!r}, which no build writes"


def _apportioned(manifest: Manifest, weights: Sequence[Fraction]) -> list[int]:
    """How many samples each cell is planned to have, by the rule of the plan.

    Where the eligible entries cannot serve so many, the rule of cells that do not run out.
    """
    recipe, have = manifest.recipe, [cell.eligible for cell in manifest.cells]
    if recipe.votes:
        return [cell.apportioned for cell in manifest.cells]
    if recipe.exhaustion == "redistribute" and sum(have) >= manifest.wanted:
        return redistribute(weights, manifest.wanted, have)
    return apportion(weights, manifest.wanted)


def _in_order(manifest: Manifest) -> dict[str, Any]:
    """The recipe with sources and tasks in the order of the cells, which is that of the recipe."""
    plain = manifest.recipe.model_dump()
    sources: dict[str, Any] = {}
    for cell in manifest.cells:
        source = sources.setdefault(cell.source, {**plain["sources"][cell.source], "tasks": {}})
        source["tasks"][cell.task] = plain["sources"][cell.source]["tasks"][cell.task]
    return plain | {"sources": sources}


def _recipe_faults(manifest: Manifest) -> Iterator[str]:
    """A sentence for each way in which cells, sources or held-out sets are not the recipe's."""
    recipe = manifest.recipe
    weights = {
        (name, task): Fraction(Decimal(weight))
        for name, source in recipe.sources.items()
        for task, weight in source.tasks.items()
    }
    if sorted(weights) != sorted((cell.source, cell.task) for cell in manifest.cells):
        yield f"{MANIFEST}: its cells are not those of the recipe"
        return
    yield from _cell_faults(manifest, weights)
    for line in manifest.sources:
        yield from _source_faults(line)
    tasks = {cell.task for cell in manifest.cells}
    if {*manifest.code.tasks} != tasks or not {*manifest.roundtrip} <= tasks:
        yield f"{MANIFEST}: its code and round trips are not of the tasks of its cells"
    known = plugins.names(plugins.TASKS)
    for task in sorted({forward_name(task) for task in tasks} - {*known}):
        if "." not in task:  # a module of the builder's own may well not be here
            yield f"{MANIFEST}: unknown task {task!r}{choices(task, known)}"
    used = {line.source: line.dataset for line in manifest.sources}
    if used != {name: source.dataset for name, source in recipe.sources.items()}:
        yield f"{MANIFEST}: its sources are not those of the recipe"
    sets = {str(each["set"]) for each in recipe.holdout if "set" in each}
    stated_sets = {line.set for line in manifest.holdout}
    if not sets <= stated_sets or len(stated_sets) != len(recipe.holdout):
        yield f"{MANIFEST}: its held-out sets are not those of the recipe"
    if manifest.recipe_sha256 != recipe_digest(_in_order(manifest)):
        yield f"{MANIFEST}: recipe_sha256 is not the digest of its recipe"
