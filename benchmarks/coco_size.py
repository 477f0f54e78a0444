"""Index a COCO as large as train2017: seconds and peak memory. Prints one line of JSON.

    python -m benchmarks.coco_size FOLDER

FOLDER/data gets, once, files that look like the official ones to the reader: 118,287 image
records, 117,266 of them with instances, 860,001 annotations (polygons with as many corners as the
official ones, 1 % crowds with run lengths, 3 classes an image), five captions an image, and as many empty files named
like pictures, since the index only lists them. A fresh process then indexes it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

IMAGES, DRAWN, ANNOTATIONS, CAPTIONS = 118_287, 117_266, 860_001, 5
LARGEST_ID = 581_929
WIDTH, HEIGHT = 640, 480
CORNERS = (2.808, 0.731)  # mean and deviation of the logarithm of an annotation's corners
CROWDS, RUNS = 0.0115, 1000  # their share, and the run lengths of one
OF_IMAGE = 4  # classes that the annotations of an image are drawn from; 2.7 of them are seen
CATEGORIES = [number for number in range(1, 91) if number % 9]  # 80 with gaps
WORDS = (
    "a",
    "man",
    "on",
    "the",
    "street",
    "with",
    "two",
    "dogs",
    "near",
    "an",
    "old",
    "red",
    "bus",
)
TOP = {
    "info": {"description": "made by benchmarks/coco_size.py"},
    "licenses": [{"id": 1, "url": "http://creativecommons.org/licenses/by/2.0/", "name": "by"}],
    "categories": [{"id": k, "name": f"class {k}", "supercategory": "any"} for k in CATEGORIES],
}


def main() -> None:
    """Make the files if they are not there, index them in a process of its own, print the cost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coco_size", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files are made and kept")
    folder = parser.parse_args().folder
    if not (folder / "done").exists():
        make(folder / "data")
        (folder / "done").touch()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        cost = pool.apply(index, (str(folder / "data"), str(folder / "index")))
    print(json.dumps(cost))


def index(root: str, out: str) -> dict[str, float]:
    """Index the files as a build does; the process's peak memory is that of the whole."""
    os.environ["VBDATA_CACHE"] = f"{out}-cache"
    shutil.rmtree(f"{out}-cache", ignore_errors=True)
    from vbdata.core.types import Source
    from vbdata.index.index import build_index

    before = _peak()
    start = time.perf_counter()
    made = build_index(Source(name="coco", dataset="coco", roots=(root,), tasks={}), Path(out))
    return {
        "entries": len(made),
        "faults": len(made.faults()),
        "seconds": round(time.perf_counter() - start, 1),
        "processor seconds": round(time.process_time(), 1),
        "peak GB": round(_peak() / 1e6, 2),
        "of these before": round(before / 1e6, 2),
    }


def _peak() -> int:
    """Largest resident size so far, in kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def make(root: Path) -> None:
    """Write both annotation files and the names of the pictures."""
    shutil.rmtree(root, ignore_errors=True)
    (root / "annotations").mkdir(parents=True)
    (root / "train2017").mkdir()
    rng = np.random.default_rng(0)
    ids = rng.permutation(rng.choice(LARGEST_ID, IMAGES, replace=False) + 1)
    images = [_image(int(number)) for number in ids]
    for image in images:
        (root / "train2017" / str(image["file_name"])).touch()
    _write(root / "annotations/instances_train2017.json", images, _instances(ids, rng))
    _write(root / "annotations/captions_train2017.json", images, _captions(ids, rng))


def _write(path: Path, images: list[dict[str, Any]], annotations: Iterable[dict[str, Any]]) -> None:
    """One record at a time: the whole would not fit into a small machine's memory."""
    with path.open("w", encoding="ascii") as out:
        out.write(json.dumps(TOP | {"images": images})[:-1] + ', "annotations": [')
        for place, annotation in enumerate(annotations):
            out.write((", " if place else "") + json.dumps(annotation))
        out.write("]}")


def _image(number: int) -> dict[str, Any]:
    name = f"{number:012d}.jpg"
    return {
        "license": 1,
        "file_name": name,
        "coco_url": f"http://demo.invalid/train2017/{name}",
        "height": HEIGHT,
        "width": WIDTH,
        "date_captured": "2013-11-14 16:28:13",
        "flickr_url": f"http://demo.invalid/8186/{number}_9a6f4c8b1e_z.jpg",
        "id": number,
    }


def _owners(ids: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """The image of every annotation, in no order; some images have one, some very many."""
    share = rng.gamma(0.8, size=DRAWN)
    more = rng.multinomial(ANNOTATIONS - DRAWN, share / share.sum())
    owners: NDArray[np.int64] = rng.permutation(np.repeat(ids[:DRAWN], more + 1))
    return owners


def _instances(ids: NDArray[np.int64], rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    owners = _owners(ids, rng)
    corners = np.maximum(np.exp(rng.normal(*CORNERS, ANNOTATIONS)).astype(int), 3)
    crowds = rng.random(ANNOTATIONS) < CROWDS
    kinds = (owners * 7 + rng.integers(OF_IMAGE, size=len(owners)) * 29) % len(CATEGORIES)
    for place, owner in enumerate(owners.tolist()):
        centre, radius = rng.random(2) * (WIDTH, HEIGHT), 2 + 80 * float(rng.random()) ** 3
        shape: Any = [_polygon(centre, radius, int(corners[place]), rng)]
        if crowds[place]:
            runs = rng.multinomial(WIDTH * HEIGHT, np.full(RUNS, 1 / RUNS))
            shape = {"counts": runs.tolist(), "size": [HEIGHT, WIDTH]}
        yield {
            "segmentation": shape,
            "area": round(3 * radius * radius, 5),
            "iscrowd": int(crowds[place]),
            "image_id": owner,
            "bbox": [round(float(value), 2) for value in (*centre, radius, radius)],
            "category_id": CATEGORIES[kinds[place]],
            "id": place + 1,
        }


def _polygon(
    centre: NDArray[np.float64], radius: float, corners: int, rng: np.random.Generator
) -> list[float]:
    """Corners around a centre, with two decimals, inside the picture."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    reach = radius * (0.7 + 0.6 * rng.random(corners))
    points = centre + np.stack((np.cos(angle), np.sin(angle)), 1) * reach[:, None]
    flat: list[float] = np.clip(points, 0, (WIDTH, HEIGHT)).round(2).ravel().tolist()
    return flat


def _captions(ids: NDArray[np.int64], rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    picks = rng.integers(len(WORDS), size=(IMAGES * CAPTIONS, 11)).tolist()
    owners = rng.permutation(np.repeat(ids, CAPTIONS)).tolist()
    for place, (owner, words) in enumerate(zip(owners, picks, strict=True)):
        text = " ".join(WORDS[word] for word in words).capitalize() + "."
        yield {"image_id": owner, "id": place, "caption": text}


if __name__ == "__main__":
    main()
