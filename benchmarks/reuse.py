"""What a re-mix costs when everything can be copied, against a build from scratch.

`python -m benchmarks.reuse [--samples N] [--rounds N]`: builds a mixture of 640x480 pictures, then
another mixture over the same samples (other weights, other shards), alternately from scratch and
with the first one to copy from, in this process. Seconds are processor time, which other processes
disturb less; ratios are taken within a round. SHA256SUMS must be equal.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import inputs
from benchmarks.ours import recipe
from vbdata.engine.build import build
from vbdata.recipe.recipe import Recipe, parse_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

SHARD = 50
WEIGHTS = {"coco": Decimal("0.2"), "vkitti2": Decimal("0.35"), "hypersim": Decimal("0.45")}


def main() -> None:
    """Print seconds of each round, and the ratios' median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    data = inputs.make(given.samples)
    old = mixture(data, given.samples)
    sources = tuple(replace(s, tasks=dict.fromkeys(s.tasks, WEIGHTS[s.name])) for s in old.sources)
    new = replace(old, sources=sources, samples=given.samples // 3, shard_size=SHARD // 2)
    with TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        first = timed(old, folder / "old")
        print(f"first build: {given.samples} samples, {first:.2f} CPU s")
        ratios = [one_round(new, folder, number) for number in range(given.rounds)]
    middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
    print(f"from scratch / copied: {middle:.2f} ({low:.2f} to {high:.2f})")


def mixture(data: Path, samples: int) -> Recipe:
    """The recipe of the speed benchmark, labels alone."""
    return parse_recipe(recipe(data, samples, "labels", SHARD), "bench.yaml", data, {})


def one_round(recipe: Recipe, folder: Path, number: int) -> float:
    """The ratio of CPU seconds, from scratch to all copied."""
    scratch, copied = folder / f"scratch-{number}", folder / f"copied-{number}"
    without = timed(recipe, scratch)
    with_old = timed(recipe, copied, str(folder / "old"))
    reused = json.loads((copied / "run.json").read_text())["reuse"]
    assert reused["rendered"] == 0, reused
    assert (scratch / "SHA256SUMS").read_bytes() == (copied / "SHA256SUMS").read_bytes()
    each = 1000 / recipe.samples
    print(
        f"round {number}: from scratch {without:.2f} s ({without * each:.1f} ms a sample), "
        f"copied {with_old:.2f} s ({with_old * each:.1f} ms a sample)"
    )
    return without / with_old


def timed(recipe: Recipe, out: Path, *old: str) -> float:
    """CPU seconds of a build in this process."""
    start = time.process_time()
    build(recipe, Folder(str(out)), How(reuse=old))
    return time.process_time() - start


if __name__ == "__main__":
    main()
