"""What noise costs: demo labels drawn as RGB, disturbed, decoded, scored. Prints Markdown.

    python -m benchmarks.noise        # the table of docs/noise.md

Gaussian noise of sigma 0, 2, 5 and 8 of 255 a channel, rounded and clipped: what a generator that
knows the answer but paints unevenly would lose. Depth in metres (AbsRel, delta1, RMSE over finite
depths), normals in degrees, masks as mIoU and as F1 of instances at IoU 0.5.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core.types import Depth, Normals, Segments
from vbdata.demo import write_all
from vbdata.engine.build import planned
from vbdata.jobs.job import Row
from vbdata.jobs.specs import make_job
from vbdata.machine.process import one_thread
from vbdata.recipe.recipe import load_recipe
from vbdata.shard.asking import ask_for
from vbdata.sources.open import open_root

SIGMAS = (0, 2, 5, 8)
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
