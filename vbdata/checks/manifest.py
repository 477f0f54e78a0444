"""manifest.json against its own digest, against SHA256SUMS and against what it says elsewhere.

A manifest that was edited and given a fitting digest again still contradicts itself, the sums, the
rows (`verify_rows`) or the bytes (`verify_shards`); nothing here trusts one number that another
file has, too. Whoever makes all of them anew has made another build.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction

from pydantic import ValidationError

from vbdata.checks.files import LARGEST, MOST, read_bounded
from vbdata.errors import BadSample
from vbdata.layout import MANIFEST, QUARANTINE, SHARDS, SUMS, build_digest, shards_folder, tar_path
from vbdata.manifest.json_text import manifest_digest
from vbdata.manifest.model import Manifest, Shard
from vbdata.manifest.write import FORMAT
from vbdata.storage.folder import Folder


def read_manifest(out: Folder, faults: list[str]) -> Manifest | None:
    """The manifest if it can be understood; what is wrong goes into faults."""
    try:
        raw = json.loads(read_bounded(out, MANIFEST))
    except (ValueError, RecursionError, OSError, BadSample) as err:
        faults.append(f"{MANIFEST}: cannot be read: {err}")
        return None
    if not isinstance(raw, dict):
        faults.append(f"{MANIFEST}: not a JSON object")
        return None
    if manifest_digest(raw) != raw.get("digest"):
        faults.append(f"{MANIFEST}: its digest is not that of its content; it was edited")
    if raw.get("format") != FORMAT:
        faults.append(f"{MANIFEST}: of format {raw.get('format')!r}, this vbdata reads {FORMAT}")
        return None
    try:
        return Manifest.model_validate(raw)
    except ValidationError as err:
        for each in err.errors(include_url=False)[:MOST]:
            place = ".".join(map(str, each["loc"]))
            faults.append(f"{MANIFEST}: {place}: {each['msg']}")
        return None


def manifest_faults(
    manifest: Manifest, sums: Mapping[str, str], files: Mapping[str, int]
) -> Iterator[str]:
    """Where the manifest contradicts itself, SHA256SUMS or the folder's listing."""
    recipe, shards = manifest.recipe, manifest.shards
    if (manifest.name, manifest.split) != (recipe.name, recipe.split):
        yield f"{MANIFEST}: name or split are not the recipe's"
    if manifest.build_sha256 != build_digest([shard.job_sha256 for shard in shards]):
        yield f"{MANIFEST}: build_sha256 is not the digest of its shards' jobs"
    for what, stated, found in (
        ("samples", manifest.samples, sum(shard.samples for shard in shards)),
        ("bytes", manifest.bytes, sum(shard.bytes for shard in shards)),
        ("samples", manifest.samples, sum(cell.realised for cell in manifest.cells)),
        ("samples", manifest.samples, sum(line.samples for line in manifest.licenses)),
        ("recipe.samples", recipe.samples, sum(cell.apportioned for cell in manifest.cells)),
        ("shortfall", manifest.shortfall, recipe.samples - manifest.samples),
    ):
        if stated != found:
            yield f"{MANIFEST}: {what} is {stated}, its parts add up to {found}"
    for path in manifest.published:
        if path not in sums:
            yield f"{path}: the manifest names it, {SUMS} does not"
    for number, shard in enumerate(shards):
        yield from _shard_line_faults(manifest, number, shard, sums, files)
    named = {path for path in manifest.published if path.startswith(f"{SHARDS}/")}
    for path in sums:
        if path.startswith(f"{SHARDS}/") and path not in named:
            yield f"{path}: no shard of the manifest"
    yield from _recipe_faults(manifest)


def _shard_line_faults(
    manifest: Manifest,
    number: int,
    shard: Shard,
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


def _recipe_faults(manifest: Manifest) -> Iterator[str]:
    """Where cells, sources and held-out sets are not those of the recipe."""
    recipe = manifest.recipe
    weights = {
        (name, task): Fraction(Decimal(weight))
        for name, source in recipe.sources.items()
        for task, weight in source.tasks.items()
    }
    if sorted(weights) != sorted((cell.source, cell.task) for cell in manifest.cells):
        yield f"{MANIFEST}: its cells are not those of the recipe"
        return
    total = sum(weights.values(), Fraction(0)) or Fraction(1)
    for cell in manifest.cells:
        share = weights[cell.source, cell.task] / total
        stated = (f"{float(share):.6f}", f"{float(share * recipe.samples):.4f}")
        if (cell.share, cell.requested) != stated:
            yield f"{MANIFEST}: {cell.source} / {cell.task}: its share is not the recipe's"
        if cell.unique + cell.repeated != cell.realised:
            yield f"{MANIFEST}: {cell.source} / {cell.task}: unique and repeated do not add up"
    used = {line.source: line.dataset for line in manifest.sources}
    if used != {name: source.dataset for name, source in recipe.sources.items()}:
        yield f"{MANIFEST}: its sources are not those of the recipe"
    sets = {str(each["set"]) for each in recipe.holdout if "set" in each}
    stated_sets = {line.set for line in manifest.holdout}
    if not sets <= stated_sets or len(stated_sets) != len(recipe.holdout):
        yield f"{MANIFEST}: its held-out sets are not those of the recipe"


def quarantine_faults(out: Folder, manifest: Manifest) -> Iterator[str]:
    """Where quarantine.jsonl contradicts the counts of the manifest."""
    reasons, cells = Counter[str](), Counter[tuple[str, str]]()
    try:
        with out.open(QUARANTINE) as file:
            while line := file.readline(LARGEST):
                row = json.loads(line)
                if row["stage"] != "index":
                    reasons[str(row["reason"])] += 1
                    cells[str(row["source"]), str(row["task"])] += 1
    except (ValueError, KeyError, TypeError, RecursionError, OSError, BadSample) as err:
        yield f"{QUARANTINE}: cannot be read: {type(err).__name__}: {err}"
        return
    if dict(reasons) != manifest.quarantine:
        yield f"{QUARANTINE}: its reasons are not those that {MANIFEST} counts"
    for cell in manifest.cells:
        found = cells[cell.source, cell.task]
        if found != cell.quarantined:
            name = f"{cell.source} / {cell.task}"
            yield f"{QUARANTINE}: {found} lines of {name}, {cell.quarantined} in {MANIFEST}"
