"""What noise costs relative depth, mattes, foregrounds, albedo and shading. Prints Markdown.

    python -m benchmarks.noise_greys        # the second table of docs/noise.md

Gaussian noise of sigma 0, 2, 5 and 8 of 255 a channel, rounded and clipped, as in benchmarks.noise;
scored by the metrics of `vbdata eval` against the label before it was drawn. Depth, albedo and
shading are those of the miniature Hypersim, depth of the miniature Virtual KITTI 2 besides; mattes
are stars with soft edges.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipelines import hypersim, vkitti2
from pipelines.demo import hypersim as rooms
from pipelines.demo import vkitti2 as streets
from vbdata import plugins
from vbdata.core.labels import Matte
from vbdata.core.rng import Stream
from vbdata.core.types import Entry, Geometry
from vbdata.evaluation.metrics.foreground import ForegroundMeter
from vbdata.evaluation.metrics.linear import LinearMeter
from vbdata.evaluation.metrics.mattes import MatteMeter
from vbdata.evaluation.metrics.relative import RelativeMeter
from vbdata.machine.process import one_thread
from vbdata.storage.folder import Folder

SIGMAS = (0, 2, 5, 8)
STARS = 12
# task, its options, an empty meter, which of its metrics are shown
ROWS: tuple[tuple[str, dict[str, str], Callable[[], Any], tuple[str, ...]], ...] = (
    *(
        ("relative_depth", {"space": s}, partial(RelativeMeter, s), ("absrel", "delta1"))
        for s in ("inverse", "log", "linear")
    ),
    ("matte", {}, MatteMeter, ("mad", "sad", "grad", "conn")),
    ("foreground", {}, ForegroundMeter, ("f_max", "s_measure", "mae")),
    *(
        ("albedo", {"curve": c}, LinearMeter, ("psnr", "ssim", "si_rmse"))
        for c in ("2.2", "srgb", "1")
    ),
    *(
        ("shading", {"curve": c}, partial(LinearMeter, None), ("psnr", "ssim", "si_rmse"))
        for c in ("2.2", "1")
    ),
)


def main() -> None:
    """Draw every label, disturb and decode it, print the table."""
    argparse.ArgumentParser(
        prog="python -m benchmarks.noise_greys", description=__doc__
    ).parse_args()
    one_thread()
    labels: dict[str, list[tuple[Entry, Any]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for kind, entry, label in (*_rendered(Path(folder)), *_stars()):
            labels[kind].append((entry, label))
    print("| task | metric | " + " | ".join(f"sigma {sigma}" for sigma in SIGMAS) + " |")
    print("|---|---|" + "---:|" * len(SIGMAS))
    for name, options, meter, shown in ROWS:
        table = [_scores(name, options, meter(), labels, sigma) for sigma in SIGMAS]
        said = ", ".join(f"{key} {value}" for key, value in options.items())
        for metric in shown:
            cells = " | ".join(f"{result[metric]:.4g}" for result in table)
            print(f"| {name} | {metric}{f', {said}' if said else ''} | {cells} |")


def _rendered(folder: Path) -> Iterator[tuple[str, Entry, Any]]:
    for module, writer, options in (
        (hypersim, rooms, {"split": "all"}),
        (vkitti2, streets, {}),
    ):
        root = Folder(str(folder / module.__name__))
        writer.write(Path(root.url))
        for entry in module.index(root, **options):
            for kind in {"depth", "albedo", "shading"}.intersection(entry.labels):
                label = module.load(root, entry, [kind]).labels[kind]
                yield "relative_depth" if kind == "depth" else kind, entry, label


def _stars() -> Iterator[tuple[str, Entry, Matte]]:
    """Stars of random size and place, 96 x 128, each edge four pixels wide."""
    rows, columns = np.mgrid[:96, :128]
    for number in range(STARS):
        rng = np.random.default_rng(number)
        up, right = rows - rng.uniform(30, 66), columns - rng.uniform(40, 88)
        radius = rng.uniform(15, 30) + 5 * np.sin(6 * np.arctan2(up, right))
        alpha = np.clip(radius - np.hypot(up, right), 0, 4) / 4
        entry = Entry(
            id=f"star {number}", group="", width=128, height=96, license="", files={}, labels=()
        )
        label = Matte(
            alpha=np.rint(255 * alpha).astype(np.uint8), valid=np.ones(alpha.shape, np.bool_)
        )
        yield "matte", entry, label


def _scores(
    name: str, options: dict[str, str], meter: Any, labels: dict[str, list[Any]], sigma: int
) -> dict[str, float]:
    task = plugins.task(name)
    for entry, label in labels[task.NEEDS[0]]:
        ask = plugins.with_measured(task, label, task.ask(entry, Stream(entry.id), **options))
        rgb = task.render(label, ask.params)
        key = sum(entry.id.encode()) + 1000 * sigma
        noise = np.random.default_rng(key).normal(0, sigma, rgb.shape)
        noisy = np.clip(np.rint(rgb + noise), 0, 255).astype(np.uint8)
        size = (entry.width, entry.height)
        whole = Geometry(
            source=size, scaled=size, left=0, top=0, width=entry.width, height=entry.height
        )
        meter.add(label, task.decode(noisy, ask.params), whole)
    found: dict[str, float] = meter.result()
    return found


if __name__ == "__main__":
    main()
