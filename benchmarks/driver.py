"""What a shard costs the driver, and whether memory grows with the number of shards.

    python -m benchmarks.driver                       # 1,000 and 20,000 shards, two workers
    python -m benchmarks.driver --shards 3000 --what jobs
    python -m benchmarks.driver --shards 500 --what build --size 250

Two ways, each in a process of its own, on a Ray of this machine. "jobs": empty jobs through the
runner, each with its tar, offsets and receipt, which measures the driver's loop alone. "build":
shards of --size samples of benchmarks.tiny, the whole way from index to manifest. A line of JSON
for each run:

shards_per_s: on the clock; driver_ms: milliseconds of processor time a shard, of all threads of the
driver (jobs: from the first shard on; build: everything); loop_ms: driver_ms between the first and
the last shard of a build, so without index, plan and manifest; driver_mb, worker_mb: the largest
resident sets of the driver and of a worker.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.marked import mark, workers

SIZES = (1_000, 20_000)
RECIPE = """
name: driver
seed: 1
samples: {samples}
shard_size: {size}
spares: 1
sources:
  tiny: {{dataset: benchmarks.tiny, root: ., records: {samples}, tasks: {{generate: 1}}}}
"""


def main() -> None:
    """Measure each size and way in a process of its own, for peaks of their own."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--shards", type=int, nargs="*", default=list(SIZES))
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--size", type=int, default=1, help="samples a shard, of a build")
    asked.add_argument("--what", nargs="*", choices=WAYS, default=WAYS)
    asked.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = asked.parse_args()
    for what in options.what:
        for shards in options.shards:
            if options.here:
                print(json.dumps(measured(what, shards, options)), flush=True)
                continue
            words = ["--here", "--what", what, "--shards", str(shards)]
            words += ["--workers", str(options.workers), "--size", str(options.size)]
            subprocess.run([sys.executable, "-m", "benchmarks.driver", *words], check=True)


def measured(what: str, shards: int, options: argparse.Namespace) -> dict[str, object]:
    """One run in this process."""
    with TemporaryDirectory(prefix="vbdata-driver-") as folder, _worker_peak() as peak:
        if what == "jobs":
            (clock, cpu), loop = _jobs(shards, options.workers, Path(folder)), None
        else:
            (clock, cpu), loop = _build(shards, options.workers, options.size, Path(folder))
    return {
        "what": what,
        "shards": shards,
        "samples_a_shard": 0 if what == "jobs" else options.size,
        "workers": options.workers,
        "shards_per_s": round(shards / clock, 1),
        "driver_ms": round(1000 * cpu / shards, 3),
        "loop_ms": loop and round(1000 * loop / (shards - 1), 3),
        "driver_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 1),
        "worker_mb": round(peak[0] / 1e3, 1),
    }


def _now() -> tuple[float, float]:
    return time.monotonic(), time.process_time()


def _since(began: tuple[float, float]) -> tuple[float, float]:
    clock, cpu = _now()
    return clock - began[0], cpu - began[1]


def _jobs(shards: int, workers: int, folder: Path) -> tuple[float, float]:
    from vbdata.jobs.context import JobContext, code_digests
    from vbdata.jobs.job import ShardSpec
    from vbdata.run.events import Done, Todo
    from vbdata.run.ray import run as ray_run
    from vbdata.storage.folder import Folder

    none = np.empty(0, np.uint8)
    context = JobContext(
        seed=0,
        image={},
        options={},
        split="train",
        samples=0,
        shard_size=1,
        shards=shards,
        cells=(),
        inputs={},
        code=code_digests(()),
        folder="shards",
    )

    def spec(number: int) -> ShardSpec:
        digest = context.digest(number, none > 0, none, none, b"", 0)
        record = none.astype(np.uint32)
        return ShardSpec(
            shard=number, digest=digest, samples=0, cell=none, record=record, passes=none
        )

    todo = Todo(numbers=range(shards), context=context, spec=spec, record=lambda *_: -1)

    ray_run.start("local", workers)
    try:
        out = Folder(str(folder))
        with closing(ray_run.run_ray(todo, out, workers=workers)) as events:
            next(event for event in events if isinstance(event, Done))
            began = _now()
            done = 1 + sum(isinstance(event, Done) for event in events)
            spent = _since(began)
    finally:
        ray_run.stop()
    assert done == shards
    return spent


def _build(shards: int, workers: int, size: int, folder: Path) -> tuple[tuple[float, float], float]:
    from vbdata.engine.build import build
    from vbdata.engine.progress import Progress, Watcher
    from vbdata.recipe.recipe import parse_recipe
    from vbdata.run.events import Done
    from vbdata.run.how import How
    from vbdata.storage.folder import Folder

    class Loop(Watcher):
        """Processor time at each shard's end."""

        def __init__(self) -> None:
            self.ends: list[float] = []

        def step(self, state: Progress) -> None:
            if isinstance(state.event, Done):
                self.ends.append(time.process_time())

    text = RECIPE.format(samples=shards * size, size=size)
    recipe, loop = parse_recipe(text, "driver.yaml", folder, {}), Loop()
    began = _now()
    build(recipe, Folder(str(folder / "out")), How(ray="local", workers=workers), loop)
    return _since(began), loop.ends[-1] - loop.ends[0]


WAYS = ("build", "jobs")


@contextmanager
def _worker_peak() -> Iterator[list[int]]:
    """The largest resident set of a worker below this process so far, in kB, once a second."""
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            peak[0] = max([peak[0], *map(_peak_kb, workers())])

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield peak
    over.set()
    thread.join()


def _peak_kb(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


if __name__ == "__main__":
    mark()
    main()
