"""Contender: the bare floor, N processes with the cheapest exact rendering known.

No plan, no checks of what is read, no round trip of what is drawn, no manifest, no resuming. What
is left is reading, inflating labels, one compiled loop a label, vbdata's PNG and tar, and a hash.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import multiprocessing
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import orjson
from numpy.typing import NDArray

from benchmarks import peer_render
from pipelines.formats import rle
from pipelines.formats.hdf5 import read_array
from transforms import depth, normals
from transforms.parts import depth_codes
from vbdata.core import compiled
from vbdata.core.arrays import NUMPY
from vbdata.core.images import decode_png_raw
from vbdata.core.png import encode_png
from vbdata.shard.tar import TarWriter

cv2.setNumThreads(1)

Pixels = NDArray[np.uint8]


@functools.cache
def colour_of() -> NDArray[np.uint32]:
    """uint32[65536]: the packed colour of every stored depth; 0 is no measurement."""
    walk = depth_codes.tables(NUMPY, depth.WALK, depth.LAMBDA, depth.C)
    cuts, _ = depth_codes.thresholds(len(walk.palette.colours), depth.LAMBDA, depth.C)
    metres = np.arange(65536, dtype=np.float32) / np.float32(100)
    colours = walk.packed[np.searchsorted(cuts, metres, side="right")]
    colours[0] = walk.packed[-1]
    return colours.astype(np.uint32)


def paint(ids: NDArray[np.int32], table: NDArray[np.uint32]) -> Pixels:
    """uint8 RGB [H, W, 3] of ids int32[H, W], by a table of packed colours."""
    rgb, seen = np.empty((*ids.shape, 3), np.uint8), np.empty(len(table), np.uint8)
    arrays = [compiled.address(each) for each in (ids, table, seen, rgb)]
    compiled.library().vb_paint(arrays[0], ids.size, arrays[1], len(table), *arrays[2:])
    return rgb


def draw_depth(path: str) -> tuple[Pixels, Pixels]:
    """Target and mask of a stored depth map: one look-up a pixel."""
    stored = decode_png_raw(Path(path).read_bytes())
    valid = (stored > 0).view(np.uint8) * np.uint8(255)
    return paint(stored.astype(np.int32), colour_of()), valid


def draw_normals(path: str) -> tuple[Pixels, Pixels]:
    """Target and mask of a stored normal map: vectors to unit length, then to colours."""
    stored = read_array(Path(path).read_bytes(), (480, 640, 3), np.float16)
    planes = np.ascontiguousarray(np.moveaxis(stored, -1, 0))
    bits = planes.view(np.uint16) & np.uint16(0x7FFF)
    sky = (bits > 0x7C00).any(0)
    xyz, valid = np.empty(planes.shape, np.float32), np.empty(sky.shape, np.bool_)
    rgb, away = np.empty((*sky.shape, 3), np.uint8), np.zeros(planes.shape, np.float32)
    arrays = [compiled.address(each) for each in (planes, away, sky, xyz, valid, rgb)]
    library, colours = compiled.library(), map(compiled.packed, (normals.SKY, normals.INVALID))
    library.vb_orient(*arrays[:3], sky.size, 1e-3, 1.0, *arrays[3:5])
    library.vb_normals_encode(arrays[3], arrays[4], arrays[2], sky.size, *colours, arrays[5])
    return rgb, np.full(sky.shape, 255, np.uint8)


def draw_semantic(label: str) -> tuple[Pixels, Pixels]:
    """Target and mask of polygons as JSON: runs painted into ids, then one look-up a pixel."""
    parts = orjson.loads(label)
    numbers = {name: k for k, name in enumerate(sorted({name for name, _ in parts}), 1)}
    drawn = rle.many_runs([polygons for _, polygons in parts], 480, 640)
    masks = [
        (numbers[name], mask)
        for (name, _), mask in zip(parts, drawn, strict=True)
        if mask is not None
    ]
    assert len(masks) == len(parts), label
    masks.sort(key=lambda each: -rle.area(each[1]))
    ids = rle.paint(masks, 480, 640)
    colours = np.random.default_rng(len(label)).integers(64, 256, (len(numbers) + 1, 4), np.uint32)
    table = (colours[:, 0] | colours[:, 1] << 8 | colours[:, 2] << 16).astype(np.uint32)
    table[0] = 0
    return paint(ids, table), np.full(ids.shape, 255, np.uint8)


def photographs(path: str) -> Iterator[tuple[str, bytes, str, dict[str, Any]]]:
    """Key, JPEG, caption and facts of each photograph in a tar."""
    data = Path(path).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        named = {item.name: data[item.offset_data : item.offset_data + item.size] for item in tar}
    for name, jpg in named.items():
        if name.endswith(".jpg"):
            key = name.removesuffix(".jpg")
            facts = orjson.loads(named[f"{key}.json"])
            yield key, jpg, named[f"{key}.txt"].decode(), facts


TASKS = {"depth": draw_depth, "normals": draw_normals, "semantic": draw_semantic}


def write(out: str, worker: int, items: list[peer_render.Record], tars: list[str]) -> None:
    """Write all samples of a worker into one tar."""
    peer_render.mark_start(out)
    with TarWriter(Path(out) / f"{worker:02d}.tar") as tar:
        for record in items:
            target, valid = TASKS[record["task"]](record["label"])
            facts = {"sample_id": record["id"], "task": record["task"], "params": "{}"}
            members = {
                "input.jpg": Path(record["image"]).read_bytes(),
                "target.png": encode_png(target),
                "valid.png": encode_png(valid),
                "instruction.txt": peer_render.INSTRUCTIONS[record["task"]].encode(),
                "json": json.dumps(facts).encode(),
            }
            tar.add(record["key"], members)
        for path in tars:
            for key, jpg, caption, facts in photographs(path):
                tar.add(f"photo-{key}", peer_render.photograph(jpg, caption, facts))


def main() -> None:
    """Build the inputs of a folder into another with N processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--shard-size", type=int, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    items, tars = peer_render.records(given.inputs), peer_render.tars(given.inputs)
    n = given.workers
    shares = [(str(given.out), k, items[k::n], tars[k::n]) for k in range(n)]
    with multiprocessing.Pool(given.workers) as pool:
        pool.starmap(write, shares, chunksize=1)
    print(json.dumps(peer_render.done()), flush=True)


if __name__ == "__main__":
    main()
