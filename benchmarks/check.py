"""Check that all contenders built the same samples: their ids, and what their targets mean."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import peer_render
from transforms import depth
from transforms.parts import depth_codes as codes_of
from vbdata.core.arrays import NUMPY

Members = dict[str, bytes]
Pixels = NDArray[np.uint8]
CHECKED = 10


def check(folders: dict[str, Path], samples: int, reference: str) -> list[str]:
    """Compare every contender with the reference, all ids and CHECKED samples; faults in words.

    folders: contender -> its output; samples: how many there should be.
    """
    faults = []
    by_name = {name: dict(_samples(folder)) for name, folder in folders.items()}
    names = sorted(by_name[reference])
    picked = np.random.default_rng(11).permutation(len(names))
    for name, built in by_name.items():
        if len(built) != samples or set(built) != set(names):
            faults.append(f"{name}: {len(built)} samples, expected {samples} of the same ids")
            continue
        for sample_id in [names[k] for k in picked[:CHECKED]]:
            fault = _difference(by_name[reference][sample_id], built[sample_id])
            faults += [f"{name}, sample {sample_id}: {fault}"] if fault else []
    return faults


def _samples(folder: Path) -> Iterator[tuple[str, Members]]:
    """Sample id -> members, over all tars of a folder, by the standard library."""
    for path in sorted(folder.rglob("*.tar")):
        with tarfile.open(path) as tar:
            members: dict[str, Members] = {}
            for item in tar:
                key, _, extension = item.name.partition(".")
                content = tar.extractfile(item)
                assert content is not None
                members.setdefault(key, {})[extension] = content.read()
        for sample in members.values():
            yield json.loads(sample["json"])["sample_id"], sample


def _difference(ours: Members, theirs: Members) -> str:
    """Why two samples do not mean the same, "" if they do."""
    task = json.loads(ours["json"])["task"]
    if set(ours) != set(theirs):
        return f"members {sorted(theirs)}, expected {sorted(ours)}"
    if task == "generate":
        return "" if ours["target.jpg"] == theirs["target.jpg"] else "another photograph"
    valid = _decoded(ours["valid.png"])[..., 0] > 0
    if (valid != (_decoded(theirs["valid.png"])[..., 0] > 0)).any():
        return "another valid mask"
    a, b = _decoded(ours["target.png"]), _decoded(theirs["target.png"])
    if task == "depth":
        walk = codes_of.tables(NUMPY, depth.WALK, depth.LAMBDA, depth.C)
        codes = [codes_of.nearest(rgb, walk)[0] for rgb in (a, b)]
        worst = int(np.abs(codes[0] - codes[1])[valid].max())
        return "" if worst <= 1 else f"depth is {worst} codes off"
    if task == "normals":
        worst = int(np.abs(a.astype(int) - b.astype(int))[valid].max())
        return "" if worst <= 1 else f"a normal's channel is {worst} off"
    same = (a.any(-1) == b.any(-1)).all()  # colours are drawn at random: only where they are
    return "" if same else "other pixels are painted"


def _decoded(data: bytes) -> Pixels:
    return peer_render.pixels_of(data, cv2.IMREAD_COLOR)[..., ::-1]
