"""The report's pictures: curves over the number of labelled scenes, and a grid of answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.arms import ARMS
from experiments.results import HEADLINE, Results
from experiments.score import shown
from experiments.statistics import interval
from vbdata.core import images
from vbdata.evaluation.truth import BuildTruth
from vbdata.storage.folder import Folder

COLOURS = {"A": "#d62728", "B": "#1f77b4", "C": "#2ca02c", "D": "#ff7f0e", "E": "#9467bd"}
MARKS = {"A": "o", "B": "s", "C": "^", "D": "D", "E": "v"}
ENLARGED = 3  # times, of a tile of the grid
GAP = 2  # pixels between tiles, before they are enlarged


def curves(results: Results, folder: Path) -> None:
    """Draw headline.png, the skill, and metrics.png, one panel for each task.

    Points are seeds, lines their means with the standard deviation.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    for arm in ARMS:
        points = {n: results.skill(arm, n) for n in results.size.labelled}
        _line(axes, arm, points)
    axes.axhline(0, color="black", linestyle="--", linewidth=1, label="best trivial rows")
    _finish(axes, "skill: 0 = best trivial row, 1 = ceiling", results)
    axes.legend(fontsize=8)
    figure.savefig(folder / "headline.png", dpi=110)
    plt.close(figure)

    figure, panels = plt.subplots(1, len(HEADLINE), figsize=(16, 3.6), layout="constrained")
    for axes, metric in zip(panels, HEADLINE, strict=True):
        for arm in ARMS:
            points = {n: results.of_arm(arm, n, metric) for n in results.size.labelled}
            _line(axes, arm, points)
        axes.axhline(results.best_trivial(metric)[1], color="black", linestyle="--", linewidth=1)
        arrow = "higher" if metric.better > 0 else "lower"
        _finish(axes, f"{metric.title} ({arrow} is better)", results)
    panels[0].legend(fontsize=8)
    figure.savefig(folder / "metrics.png", dpi=90)
    plt.close(figure)


def _line(axes: Any, arm: str, points: dict[int, dict[int, float]]) -> None:
    """An arm's mean over seeds with its standard deviation, and each seed as a faint point."""
    known = {n: list(values.values()) for n, values in points.items() if values}
    if not known:
        return
    means = {n: interval(values) for n, values in known.items()}
    mean = [one.mean for one in means.values()]
    spread = [0.0 if np.isnan(one.deviation) else one.deviation for one in means.values()]
    look = {
        "color": COLOURS[arm],
        "marker": MARKS[arm],
        "label": arm,
        "capsize": 3,
        "markersize": 4,
    }
    axes.errorbar(list(known), mean, spread, **look)
    for n, values in known.items():
        axes.plot([n] * len(values), values, ".", color=COLOURS[arm], alpha=0.35)


def _finish(axes: Any, title: str, results: Results) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(results.size.labelled, [str(n) for n in results.size.labelled])
    axes.set_xlabel("labelled scenes")
    axes.set_title(title, fontsize=9)
    axes.grid(alpha=0.3)


def grid(results: Results, folder: Path) -> list[str]:
    """Draw grid.png: input, target and each arm's answer, of the first seed; returns its columns.

    At the number of labels for which most arms are finished; of several, the largest.
    """
    seed = min(results.size.seeds)
    done = {n: sum((a, n, seed) in results.runs for a in ARMS) for n in results.size.labelled}
    labelled = max(done, key=lambda n: (done[n], n))
    runs = {
        f"arm {arm}": results.out / "runs" / f"{arm}-n{labelled:04d}-s{seed}" / "shown"
        for arm in ARMS
        if (arm, labelled, seed) in results.runs
    }
    truth = BuildTruth(Folder(str(results.out / "builds" / "test")))
    rows = []
    for key in sorted(shown(truth), key=lambda key: (truth.row(key).task, key)):
        sample = truth.read(key)
        pictures = [folder / f"{key}.png" for folder in runs.values()]
        answers = [images.decode_rgb(picture.read_bytes()) for picture in pictures]
        rows.append(_beside([sample.input(), sample.target, *answers], axis=1))
    half = -(-len(rows) // 2)
    columns = [_beside(rows[:half], axis=0), _beside(rows[half:], axis=0)]
    high = max(one.shape[0] for one in columns)
    columns = [
        np.pad(one, ((0, high - len(one)), (0, 12), (0, 0)), constant_values=255) for one in columns
    ]
    large = _beside(columns, axis=1).repeat(ENLARGED, 0).repeat(ENLARGED, 1)
    import cv2

    cv2.imwrite(str(folder / "grid.png"), np.ascontiguousarray(large[..., ::-1]))
    return ["input", "target", *runs, f"with {labelled} labelled scenes"]


def _beside(parts: list[NDArray[np.uint8]], axis: int) -> NDArray[np.uint8]:
    """Pictures in a row (axis 1) or a column (axis 0), white between them."""
    width = [(0, 0), (0, 0), (0, 0)]
    width[axis] = (0, GAP)
    return np.concatenate([np.pad(part, width, constant_values=255) for part in parts], axis)
