"""`vbdata verify`: read a finished build from nothing but its files and say what is wrong with it.

Checks, each fault one line: every published file against SHA256SUMS and no file besides;
manifest.json against its own digest; counts of shards, cells and samples; that no sample is of a
held-out group, or of a licence that the recipe refuses; every tar member, its order, key and
offset; JSON against the Parquet row; images' sizes; each target's colours against what its task
can draw and what its decoder reads.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vbdata import images, plugins
from vbdata.errors import BadSample, BuildError
from vbdata.holdout import HOLDOUT
from vbdata.licences import commercial
from vbdata.manifest import MANIFEST, SUMS, manifest_digest
from vbdata.storage import Folder
from vbdata.tar import members

UNSUMMED = ("run.json", SUMS)
WORK = ("plan/", "receipts/")


def verify(out: Folder) -> list[str]:
    """All faults of a build, none if it is whole. Raises BuildError if there is no build."""
    if not out.exists(MANIFEST) or not out.exists(SUMS):
        raise BuildError(f"{out.url} holds no finished build: {MANIFEST} or {SUMS} is missing")
    faults = list(_sum_faults(out))
    try:
        manifest = json.loads(out.read(MANIFEST))
        rows_path = f"manifest/{manifest['split']}.parquet"
        with out.local_copy(rows_path) as path:
            rows = pq.read_table(path).to_pylist()
        faults += _manifest_faults(manifest)
        faults += _count_faults(manifest, rows)
        faults += _holdout_faults(out, manifest, rows)
        of_shard: dict[int, list[dict[str, Any]]] = {}
        for row in rows:
            of_shard.setdefault(row["shard"], []).append(row)
        for number, shard in enumerate(manifest["shards"]):
            if out.exists(shard["tar"]):
                mine = of_shard.get(number, [])
                faults += _shard_faults(out, shard["tar"], mine, manifest)
    except (ValueError, KeyError, TypeError, OSError) as err:
        faults.append(f"{MANIFEST} or its rows cannot be read: {type(err).__name__}: {err}")
    return faults


def _sum_faults(out: Folder) -> Iterator[str]:
    listed = {}
    for line in out.read(SUMS).decode("utf-8", "replace").splitlines():
        digest, _, path = line.partition("  ")
        listed[path] = digest
    for path, digest in listed.items():
        if not _is_there(out, path):
            yield f"{path}: missing"
        elif out.sha256(path) != digest:
            yield f"{path}: its SHA-256 is not the one in {SUMS}"
    for file in out.files():
        known = file.path in listed or file.path in UNSUMMED or file.path.startswith(WORK)
        if not known:
            yield f"{file.path}: not part of the build"


def _is_there(out: Folder, path: str) -> bool:
    try:
        return out.exists(path)
    except BadSample:  # a path that leads out of the folder
        return False


def _manifest_faults(manifest: Mapping[str, Any]) -> Iterator[str]:
    if manifest_digest(manifest) != manifest.get("digest"):
        yield f"{MANIFEST}: its digest is not that of its content; it was edited"


def _count_faults(manifest: Mapping[str, Any], rows: list[dict[str, Any]]) -> Iterator[str]:
    cells = Counter((row["source"], row["task"]) for row in rows)
    for cell in manifest["cells"]:
        found = cells.pop((cell["source"], cell["task"]), 0)
        if found != cell["realised"]:
            yield f"{cell['source']} / {cell['task']}: {found} rows, {cell['realised']} in manifest"
    for source, task in cells:
        yield f"{source} / {task}: rows of a cell that the manifest does not have"
    twice = [key for key, n in Counter(row["key"] for row in rows).items() if n > 1]
    for key in twice:
        yield f"{key}: the key stands more than once"
    if len(rows) != manifest["samples"]:
        yield f"{len(rows)} rows, {manifest['samples']} samples in the manifest"


def _holdout_faults(
    out: Folder, manifest: Mapping[str, Any], rows: list[dict[str, Any]]
) -> Iterator[str]:
    """Samples that should not be there, by the build's own list of held-out groups."""
    held: dict[str, set[str]] = {}
    if manifest["holdout"]:
        for line in out.read(HOLDOUT).decode().splitlines():
            name, _, group = line.partition("\t")
            held.setdefault(name, set()).add(group)
    for line in manifest["holdout"]:
        groups = sorted(held.get(line["set"], set()))
        if hashlib.sha256("\n".join(groups).encode()).hexdigest() != line["sha256"]:
            yield f"{HOLDOUT}: the groups of {line['set']} are not those of the manifest"
        for row in rows:
            if row["group"] in held.get(line["set"], ()):
                yield f"{row['key']}: its group {row['group']} is held out by {line['set']}"
    if manifest["recipe"]["licence_policy"] == "commercial":
        for row in rows:
            if not commercial(row["license"]):
                yield f"{row['key']}: its licence {row['license']!r} is not commercial"


def _shard_faults(
    out: Folder, tar: str, rows: list[dict[str, Any]], manifest: Mapping[str, Any]
) -> Iterator[str]:
    offsets: list[int] = []
    samples: list[tuple[str, dict[str, bytes]]] = []
    wanted = {row["key"]: row for row in rows}
    with out.local_copy(tar) as path:
        try:
            for member in members(path):
                if not samples or samples[-1][0] != member.key:
                    yield from _flush(tar, samples, wanted, manifest)
                    samples.append((member.key, {}))
                    offsets.append(member.offset)
                samples[-1][1][member.extension] = member.data
        except ValueError as err:
            yield f"{tar}: {err}"
            return
        yield from _flush(tar, samples, wanted, manifest)
        end = path.stat().st_size - 1024
    if [key for key, _ in samples] != [row["key"] for row in rows]:
        yield f"{tar}: its keys are not those of the manifest's rows, in order"
    index = f"{tar}.idx"
    right = struct.pack(f"<{len(offsets) + 1}Q", *offsets, end)
    if out.exists(index) and out.read(index) != right:
        yield f"{index}: the offsets are not those of the samples"


def _flush(
    tar: str,
    samples: list[tuple[str, dict[str, bytes]]],
    wanted: Mapping[str, dict[str, Any]],
    manifest: Mapping[str, Any],
) -> Iterator[str]:
    """Check the last complete sample and let go of its bytes."""
    if not samples:
        return
    key, parts = samples[-1]
    for fault in sample_faults(parts, wanted.get(key), manifest["recipe"]["image"]["input"]):
        yield f"{tar}: {key}: {fault}"
    parts.clear()


def sample_faults(
    parts: Mapping[str, bytes], row: Mapping[str, Any] | None, input_kind: str
) -> Iterator[str]:
    """What is wrong with one sample's members, given its manifest row."""
    image = f"input.{input_kind}"
    expected = {image, "instruction.txt", "json", "target.png", "valid.png"}
    if set(parts) != expected:
        yield f"members {sorted(parts)}, expected {sorted(expected)}"
        return
    if row is None:
        yield "no row in the manifest"
        return
    try:
        facts = json.loads(parts["json"])
        pictures = {
            image: images.decode_rgb(parts[image], image),
            "target.png": images.decode_rgb(parts["target.png"], "target.png"),
            "valid.png": images.decode_png_raw(parts["valid.png"], "valid.png"),
        }
    except (ValueError, BadSample) as err:
        yield str(err)
        return
    different = [k for k in facts if k not in row or facts[k] != row[k]]
    if different:
        yield f"json and manifest differ in {', '.join(different)}"
    if parts["instruction.txt"].decode() != row["instruction"] or not row["instruction"].strip():
        yield "instruction.txt is empty or not the manifest's"
    for name, pixels in pictures.items():
        if pixels.shape[:2] != (row["height"], row["width"]):
            yield f"{name} is {pixels.shape[1]}x{pixels.shape[0]}, not as its json says"
            return
    yield from _colour_faults(pictures["target.png"], pictures["valid.png"], row)


def _colour_faults(
    target: NDArray[Any], valid: NDArray[Any], row: Mapping[str, Any]
) -> Iterator[str]:
    import torch

    task, params = plugins.task(row["task"]), json.loads(row["params"])
    if valid.ndim != 2 or not np.isin(valid, (0, 255)).all():
        yield "valid.png has values besides 0 and 255"
    rgb = torch.from_numpy(target)
    wrong = int((~task.legal(rgb, params)).sum())
    if wrong:
        yield f"target.png has {wrong} pixels in colours that {row['task']} cannot draw"
    task.decode(rgb, params)
