"""The bare floor: N processes, the cheapest exact rendering known, nothing kept but the tars.

No plan, no checks of what is read, no manifest, no resuming: what is left is reading, inflating
the labels, a table look-up or a handful of float32 operations, vbdata's PNG and tar, and a hash.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
from pathlib import Path

import cv2
import deflate
import h5py
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from benchmarks import peer_render
from transforms._depth_codes import thresholds
from transforms._palettes import PALETTES
from vbdata.png import encode_png
from vbdata.tar import TarWriter

cv2.setNumThreads(1)

Pixels = NDArray[np.uint8]
VIEW = np.array([-127.5, 127.5, 127.5], np.float32)


@functools.cache
def colour_of() -> NDArray[np.uint32]:
    """uint32[65536]: the packed colour of every stored depth; 0 is no measurement."""
    walk = PALETTES["rgb-cube"]
    cuts, _ = thresholds(len(walk.colours), "-3", "10/3")
    metres = np.arange(65536, dtype=np.float32) / np.float32(100)
    packed = np.zeros((65536, 4), np.uint8)
    packed[:, :3] = walk.colours[np.searchsorted(cuts, metres, side="right")]
    packed[0, :3] = walk.invalid
    return packed.view(np.uint32)[:, 0]


def depth(path: str) -> tuple[Pixels, Pixels]:
    """One look-up a pixel."""
    stored = peer_render.pixels_of(Path(path).read_bytes(), cv2.IMREAD_UNCHANGED)
    packed = colour_of()[stored].view(np.uint8).reshape(*stored.shape, 4)
    target = np.asarray(cv2.cvtColor(packed, cv2.COLOR_RGBA2RGB), np.uint8)
    return target, (stored > 0).view(np.uint8) * np.uint8(255)


def inflated(path: str) -> NDArray[np.float16]:
    """The array of an HDF5 file, its chunks inflated by libdeflate."""
    with h5py.File(path, "r") as file:
        found = file["dataset"]
        out = np.empty(found.shape, np.float16)
        for n in range(found.id.get_num_chunks()):
            at = found.id.get_chunk_info(n).chunk_offset
            raw = found.id.read_direct_chunk(at)[1]
            size = 2 * int(np.prod(found.chunks))
            chunk = np.frombuffer(deflate.zlib_decompress(raw, size), np.float16)
            place = tuple(slice(a, a + c) for a, c in zip(at, found.chunks, strict=True))
            spot = out[place]
            spot[...] = chunk.reshape(found.chunks)[tuple(slice(0, n) for n in spot.shape)]
    return out


def normals(path: str) -> tuple[Pixels, Pixels]:
    """Unit length and colour in float32."""
    xyz = inflated(path).astype(np.float32)
    squared = xyz * xyz
    length = np.sqrt(squared[..., 0] + squared[..., 1] + squared[..., 2])
    missing = np.isnan(length)
    with np.errstate(invalid="ignore"):
        xyz *= VIEW / length[..., None]
        target = (xyz + np.float32(128)).astype(np.uint8)
    target[missing] = peer_render.MAGENTA
    return target, np.full(missing.shape, 255, np.uint8)


def semantic(label: str) -> tuple[Pixels, Pixels]:
    """The masks of pycocotools, painted inside their boxes, then one look-up a pixel."""
    parts = json.loads(label)
    numbers = {name: k for k, name in enumerate(sorted({name for name, _ in parts}), 1)}
    rles = [coco_mask.merge(coco_mask.frPyObjects(p, 480, 640)) for _, p in parts]
    areas = coco_mask.area(rles)
    ids = np.zeros((480, 640), np.uint8, order="F")
    for k in np.argsort(-areas.astype(np.int64), kind="stable"):
        x, y, w, h = coco_mask.toBbox(rles[k]).astype(int)
        spot = (slice(y, y + h), slice(x, x + w))
        np.copyto(ids[spot], numbers[parts[k][0]], where=coco_mask.decode(rles[k])[spot] > 0)
    rng = np.random.default_rng(len(label))
    colours = np.zeros((256, 1, 3), np.uint8)
    colours[1:] = rng.integers(64, 256, (255, 1, 3))
    target = np.asarray(cv2.applyColorMap(np.ascontiguousarray(ids), colours), np.uint8)
    return target, np.full(ids.shape, 255, np.uint8)


TASKS = {"depth": depth, "normals": normals, "semantic": semantic}


def write(out: str, worker: int, items: list[peer_render.Record]) -> None:
    """All samples of a worker into one tar."""
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


def main() -> None:
    """Build the inputs of a folder into another with N processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--shard-size", type=int, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    items = peer_render.records(given.inputs)
    shares = [(str(given.out), k, items[k :: given.workers]) for k in range(given.workers)]
    with multiprocessing.Pool(given.workers) as pool:
        pool.starmap(write, shares, chunksize=1)
    print(json.dumps(peer_render.done()), flush=True)


if __name__ == "__main__":
    main()
