"""Index a COCO as large as train2017, beside what else reads such files: ratios in one run.

    python -m benchmarks.coco_size FOLDER [--rounds 3] [--times 10] [--out FILE.json]

FOLDER/data gets, once, files that look like the official ones to the reader: 118,287 image
records, 117,266 of them with instances, 860,001 annotations (polygons with as many corners as the
official ones, 1 % crowds with run lengths, 3 classes an image), five captions an image, and as many
empty files named like pictures, since the index only lists them. `--times` repeats the annotations.

Each contender is a fresh process: vbdata's index of masks and captions, again with its cache; what
`pycocotools.coco.COCO(file)` and `json.load` take for the masks alone, which is the least that any
code on top of them needs. Seconds are of the processor, user and system, of the calls themselves;
memory is the process's peak.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

IMAGES, DRAWN, ANNOTATIONS, CAPTIONS = 118_287, 117_266, 860_001, 5
MASKS = "data/annotations/instances_train2017.json"
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


REFERENCE = "vbdata's index"


def main() -> None:
    """Make the files if they are not there, run all contenders by turns, print the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coco_size", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files are made and kept")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=1, help="as many annotations as train2017 has")
    parser.add_argument("--only", choices=[*CONTENDERS], action="append", help="contenders")
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    given = parser.parse_args()
    folder = given.folder
    if not (folder / "done").exists():
        make(folder / "data", given.times)
        (folder / "done").touch()
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in given.only or CONTENDERS}
    for number in range(given.rounds):
        for name in list(runs)[:: 1 if number % 2 == 0 else -1]:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                runs[name].append(pool.apply(measured, (name, str(folder))))
            print(f"round {number + 1}: {name}: {runs[name][-1]}", flush=True)
    _show(runs)
    if given.out:
        given.out.write_text(json.dumps(runs, indent=1) + "\n")


def measured(name: str, folder: str) -> dict[str, float]:
    """Run a contender in this process: its cost."""
    call = CONTENDERS[name](Path(folder))
    start, wall = time.process_time(), time.perf_counter()
    call()
    return {
        "processor seconds": round(time.process_time() - start, 2),
        "seconds": round(time.perf_counter() - wall, 2),
        "peak GB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }


def _index(folder: Path, *, again: bool = False) -> Callable[[], Any]:
    """Indexing as a build does it. again: with a cache that has the index already."""
    os.environ["VBDATA_CACHE"] = str(folder / "cache")
    from vbdata.core.types import Source
    from vbdata.index.index import build_index

    source = Source(name="coco", dataset="coco", roots=(str(folder / "data"),), tasks={})
    if not again:
        shutil.rmtree(folder / "cache", ignore_errors=True)
    return lambda: build_index(source, folder / "index")


def _pycocotools(folder: Path) -> Callable[[], Any]:
    from pycocotools.coco import COCO

    return lambda: COCO(str(folder / MASKS))


def _json(folder: Path) -> Callable[[], Any]:
    return lambda: json.loads((folder / MASKS).read_bytes())


CONTENDERS: dict[str, Callable[[Path], Callable[[], Any]]] = {
    REFERENCE: _index,
    "the same, cached": functools.partial(_index, again=True),
    "pycocotools.COCO()": _pycocotools,
    "json.load": _json,
}


def _show(runs: dict[str, list[dict[str, float]]]) -> None:
    """Print each contender's least, median and most, and the ratios to it round by round."""
    for name, of_name in runs.items():
        cells = []
        for measure in ("processor seconds", "peak GB"):
            values = sorted(run[measure] for run in of_name)
            low, middle, high = values[0], statistics.median(values), values[-1]
            cells.append(f"{middle:.2f} {measure} ({low:.2f} to {high:.2f})")
        if name != REFERENCE and REFERENCE in runs:
            pairs = zip(runs[REFERENCE], of_name, strict=True)
            ratios = sorted(a["processor seconds"] / b["processor seconds"] for a, b in pairs)
            middle = statistics.median(ratios)
            spread = f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
            cells.append(f"{REFERENCE} takes {middle:.2f} of it {spread}")
        print(f"{name}: {'; '.join(cells)}")


def make(root: Path, times: int = 1) -> None:
    """Write both annotation files and the names of the pictures. times: each annotation comes."""
    shutil.rmtree(root, ignore_errors=True)
    (root / "annotations").mkdir(parents=True)
    (root / "train2017").mkdir()
    rng = np.random.default_rng(0)
    ids = rng.permutation(rng.choice(LARGEST_ID, IMAGES, replace=False) + 1)
    images = [_image(int(number)) for number in ids]
    for image in images:
        (root / "train2017" / str(image["file_name"])).touch()
    _write(root / "annotations/instances_train2017.json", images, _instances(ids, rng), times)
    _write(root / "annotations/captions_train2017.json", images, _captions(ids, rng), times)


def _write(
    path: Path, images: list[dict[str, Any]], annotations: Iterable[dict[str, Any]], times: int
) -> None:
    """One record at a time: the whole would not fit into a small machine's memory."""
    with path.open("w", encoding="ascii") as out:
        out.write(json.dumps(TOP | {"images": images})[:-1] + ', "annotations": [')
        for place, annotation in enumerate(annotations):
            for copy in range(times):
                numbered = annotation | {"id": place * times + copy + 1}
                out.write((", " if place or copy else "") + json.dumps(numbered))
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
