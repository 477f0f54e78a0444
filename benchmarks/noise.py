"""What noise costs: demo labels drawn as RGB, disturbed, decoded, scored. Prints Markdown.

    python -m benchmarks.noise        # the table of docs/noise.md

Gaussian noise of sigma 0, 2, 5 and 8 of 255 a channel, rounded and clipped: what a generator that
knows the answer but paints unevenly would lose. Depth in metres (AbsRel, delta1, RMSE over finite
depths), normals in degrees, masks as mIoU and as F1 of instances at IoU 0.5. Panoptic maps, boxes,
joints and flow are scored as `vbdata eval` scores them; the joints are those of random figures.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from transforms import keypoints
from vbdata import plugins
from vbdata.core.labels import Depth, Keypoints, Normals, Segments
from vbdata.core.rng import Stream
from vbdata.core.types import ClassFact, Entry, Geometry
from vbdata.demo import write_all
from vbdata.engine.build import planned
from vbdata.errors import BadSample
from vbdata.evaluation.metrics.boxes import Boxes, BoxesMeter
from vbdata.evaluation.metrics.flow import FlowMeter
from vbdata.evaluation.metrics.keypoints import KeypointsMeter
from vbdata.evaluation.metrics.panoptic import PanopticMeter
from vbdata.evaluation.truth import kind_of
from vbdata.jobs.job import Row
from vbdata.jobs.specs import make_job
from vbdata.machine.process import one_thread
from vbdata.recipe.recipe import load_recipe
from vbdata.shard.asking import ask_for
from vbdata.sources.open import open_root


class Named(NamedTuple):
    """What stands for a planned row where none is."""

    task: str


SIGMAS = (0, 2, 5, 8)
NOTHING = Entry(id="", group="", width=320, height=240, license="", files={}, labels=())
MORE = """\
name: more
seed: 3
samples: 48
sources:
  coco:
    dataset: coco
    root: FOLDER/coco
    segments: panoptic
    tasks: {panoptic: 0.25, boxes: 0.5}
  vkitti2: {dataset: vkitti2, root: FOLDER/vkitti2, tasks: {flow: 0.25}}
"""
FIGURES = 12
ANY = Geometry(source=(1, 1), scaled=(1, 1), left=0, top=0, width=1, height=1)
SHOWN = {  # of a kind's metrics those that stand in the table
    "panoptic": ("pq", "pq_th"),
    "boxes": ("f1", "iou"),
    "keypoints": ("ap", "pck"),
    "flow": ("epe", "fl_all"),
}
RECIPE = Path(__file__).resolve().parent.parent / "manifests" / "demo.yaml"


def main() -> None:
    """Build the demo data, score every planned label at every sigma, print the table."""
    argparse.ArgumentParser(prog="python -m benchmarks.noise", description=__doc__).parse_args()
    one_thread()
    scores: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder:
        list(write_all(Path(folder), 0))
        sources = load_recipe(RECIPE).sources
        recipe = load_recipe(RECIPE, {each.name: f"{folder}/{each.name}" for each in sources})
        (Path(folder) / "more.yaml").write_text(MORE.replace("FOLDER", folder))
        more = load_recipe(Path(folder) / "more.yaml")
        drawn = (one for one in _labels(more) if kind_of(one[0].task) in SHOWN)
        for task, label, params in ((row.task, *rest) for row, *rest in chain(drawn, _figures())):
            for sigma in SIGMAS:
                for metric, value in _metered(task, label, params, sigma).items():
                    scores[task, metric][sigma].append(value)
        for row, label, params in _labels(recipe):
            for sigma in SIGMAS:
                for metric, value in _score(row, label, params, sigma).items():
                    scores[row.task, metric][sigma].append(value)
    print("| task | metric | " + " | ".join(f"sigma {sigma}" for sigma in SIGMAS) + " |")
    print("|---|---|" + "---:|" * len(SIGMAS))
    for (task, metric), by_sigma in sorted(scores.items()):
        cells = " | ".join(f"{np.mean(by_sigma[sigma]):.4g}" for sigma in SIGMAS)
        print(f"| {task} | {metric} | {cells} |")


def _labels(recipe: Any) -> Iterator[tuple[Row, Any, dict[str, Any]]]:
    """(row, label, params) of every planned sample whose label is not a picture."""
    with planned(recipe) as plan:
        for number in range(plan.shards):
            job = make_job(plan, number, "", "")
            for row in job.rows:
                task, reader = plugins.task(row.task), plugins.dataset(job.datasets[row.source])
                kind = task.NEEDS[0]
                if kind in ("image", "edited"):
                    continue
                mount = plugins.mounts(job.datasets[row.source])
                root = open_root(job.roots[row.source], mount=mount)
                kinds = [plugins.kind_in(row.entry.labels, need) for need in task.NEEDS]
                label = reader.load(root, row.entry, kinds).labels[kinds[0]]
                yield row, label, json.loads(json.dumps(ask_for(row, job).params))


def _score(row: Row, label: Any, params: dict[str, Any], sigma: int) -> dict[str, float]:
    task = plugins.task(row.task)
    rgb = task.render(label, params)
    key = sum(row.entry.id.encode()) + 1000 * sigma
    noise = np.random.default_rng(key).normal(0, sigma, rgb.shape)
    noisy = np.clip(np.rint(rgb + noise), 0, 255).astype(np.uint8)
    answer = task.decode(noisy, params)
    if isinstance(label, Depth):
        walk = "cube" if params["palette"] == "rgb-cube" else "256 colours"
        return {f"{name}, {walk}": v for name, v in _depth(answer, label).items()}
    if isinstance(label, Normals):
        return _normals(answer, label)
    if isinstance(label, Segments) and "legend" in params:
        return {"mIoU": _miou(answer.ids, task.decode(rgb, params).ids)}
    truth = task.exact(rgb, params).ids
    smooth = task.decode(noisy, params, median=3).ids
    return {
        "F1 at IoU .5": _f1(answer.ids, truth),
        "F1 at IoU .5, median 3": _f1(smooth, truth),
    }


def _figures() -> Iterator[tuple[Any, Any, dict[str, Any]]]:
    """Persons whose joints lie anywhere in a box, one to three a picture of 320 x 240 pixels."""
    rng = np.random.default_rng(0)
    for number in range(FIGURES):
        count = 1 + number % 3
        low = rng.uniform(0, 80, (count, 1, 2))
        points = (low + rng.uniform(0, 140, (count, 17, 2))).astype(np.float32)
        label = Keypoints(
            points=points,
            visible=rng.integers(0, 3, (count, 17)).astype(np.int8),
            boxes=np.concatenate([points.min(1), points.max(1)], -1),
            areas=np.full(count, 100.0**2, np.float32),
            crowds=np.zeros(count, np.bool_),
            names=keypoints.JOINTS,
            skeleton=(),
            valid=np.ones((240, 320), np.bool_),
        )
        fact = ClassFact(name="person", thing=True, instances=count, smallest=100**2)
        entry = replace(NOTHING, id=str(number), classes=(fact,))
        ask = keypoints.ask(entry, Stream(number), few=0)
        yield Named("keypoints"), label, dict(plugins.with_measured(keypoints, label, ask).params)


def _metered(task: str, label: Any, params: dict[str, Any], sigma: int) -> dict[str, float]:
    """The metrics of one disturbed target, none if its things lie too close to be drawn."""
    module, kind = plugins.task(task), kind_of(task)
    try:
        rgb = module.render(label, params)
    except BadSample:
        return {}
    noise = np.random.default_rng(sigma + int(rgb.sum())).normal(0, sigma, rgb.shape)
    noisy = np.clip(np.rint(rgb + noise), 0, 255).astype(np.uint8)
    truth, answer, said = label, module.decode(noisy, params), ""
    meter: Any = FlowMeter()
    if kind == "panoptic":
        truth, meter = module.exact(rgb, params), PanopticMeter()
    elif kind == "keypoints":
        truth, meter = module.exact(rgb, params), KeypointsMeter()
    elif kind == "boxes":
        truth, answer = (
            _boxes(read(picture, params)[0], label.valid)
            for read, picture in ((module.exact_corners, rgb), (module.corners, noisy))
        )
        own = "one colour" if params["colour"] else "own colours"
        meter, said = BoxesMeter(), f", {params['style']}, {own}"
    meter.add(truth, answer, ANY)
    found = meter.result()
    return {f"{name}{said}": found[name] for name in SHOWN[kind] if found[name] is not None}


def _boxes(corners: Any, valid: NDArray[np.bool_]) -> Boxes:
    at = np.asarray(corners, np.float64).reshape(-1, 4)
    return Boxes(name="", corners=at, confidence=np.ones(len(at)), valid=np.ones_like(valid))


def _depth(answer: Depth, label: Depth) -> dict[str, float]:
    good = label.valid & np.isfinite(label.metres) & answer.valid & np.isfinite(answer.metres)
    d, t = answer.metres[good], label.metres[good]
    ratio = np.maximum(d / t, t / np.maximum(d, 1e-6))
    return {
        "AbsRel": float(np.mean(np.abs(d - t) / t)),
        "delta1": float(np.mean(ratio < 1.25)),
        "RMSE (m)": float(np.sqrt(np.mean((d - t) ** 2))),
    }


def _normals(answer: Normals, label: Normals) -> dict[str, float]:
    good = label.valid & answer.valid
    cosine = (answer.xyz * label.xyz).sum(0, dtype=np.float64)[good].clip(-1, 1)
    angle = np.degrees(np.arccos(cosine))
    return {"mean (degrees)": float(angle.mean()), "median (degrees)": float(np.median(angle))}


def _miou(answer: NDArray[Any], truth: NDArray[Any]) -> float:
    ious = [
        np.sum((answer == k) & (truth == k)) / np.sum((answer == k) | (truth == k))
        for k in np.unique(truth)
    ]
    return float(np.mean(ious))


def _f1(answer: NDArray[Any], truth: NDArray[Any]) -> float:
    hits = 0
    ids = [k for k in np.unique(truth) if k]
    others = [k for k in np.unique(answer) if k]
    for k in ids:
        for j in others:
            both = np.sum((answer == j) & (truth == k))
            hits += both > 0.5 * np.sum((answer == j) | (truth == k))
    return 2 * hits / (len(ids) + len(others)) if ids or others else 1.0


if __name__ == "__main__":
    main()
