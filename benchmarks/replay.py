"""Photographs with captions, as a replay mixture has them: vbdata against a loop with ShardWriter.

    python -m benchmarks.replay                       # 2,000 pictures, three rounds
    python -m benchmarks.replay --samples 400 --rounds 1 --before /path/to/another/checkout

The input is tars as img2dataset writes them, of photographs whose sizes and bytes are like those of
COCO train2017 (163 kB on average). The loop reads them with webdataset and writes key, picture,
caption and JSON with its ShardWriter, each picture's bytes as they are; it checks, hashes and
proves nothing. vbdata builds `generate` of them in one process, from index to manifest. Each runs
in a process of its own, in an order that turns around; --before adds a build by another checkout of
vbdata. CPU s is processor time from the command's start to its end; what passes of it before the
first sample is the same however many there are.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import photos
from benchmarks.inputs import BENCH
from benchmarks.watch import ROOT

VERSION = 1  # of the pictures: part of the cache's name
RECIPE = """
name: replay
seed: 7
samples: {samples}
sources:
  photos: {{dataset: captioned, root: {inputs}, layout: tars, tasks: {{generate: 1}}}}
"""
OURS, LOOP, BEFORE = "vbdata", "ShardWriter", "before"


class Measured(NamedTuple):
    """One run. cpu, begun: seconds of processor time; wall: of the clock; size: bytes of tars."""

    name: str
    cpu: float
    begun: float
    wall: float
    size: int


def main() -> None:
    """Measure in turn, and print medians and ratios."""
    if sys.argv[1:2] == ["--contender"]:
        CONTENDERS[sys.argv[2]](Path(sys.argv[3]), Path(sys.argv[4]))
        return
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--samples", type=int, default=2000)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--before", type=Path, help="another checkout of vbdata")
    given = asked.parse_args()
    inputs, size = made(given.samples)
    print(f"{given.samples} pictures of {size / given.samples / 1e3:.1f} kB in {photos.TARS} tars")
    names = [OURS, LOOP, *([BEFORE] if given.before else [])]
    runs: list[Measured] = []
    for number in range(given.rounds):
        for name in names[:: -1 if number % 2 else 1]:
            runs.append(measured(name, inputs, given.before))
            print(f"round {number + 1}: {line(runs[-1], given.samples, size)}", flush=True)
    for name in names[1:]:
        print(f"{name} / {OURS}: {ratios(runs, name)}")


def made(samples: int) -> tuple[Path, int]:
    """The folder of the tars, made if it is not there yet; bytes of the pictures alone."""
    folder = BENCH / f"replay-{samples}-v{VERSION}"
    if not (folder / "size").exists():
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "data").mkdir(parents=True)
        shares = np.array_split(np.arange(samples), photos.TARS)
        with multiprocessing.Pool() as pool:
            sizes = pool.starmap(
                photos.write_tar,
                [(folder / "data", n, share.tolist()) for n, share in enumerate(shares)],
            )
        (folder / "size").write_text(str(sum(sizes)))
    return folder / "data", int((folder / "size").read_text())


def measured(name: str, inputs: Path, before: Path | None) -> Measured:
    """One run of a contender in a process of its own."""
    out = BENCH / f"replay-out-{name}"
    shutil.rmtree(out, ignore_errors=True)
    home = before if name == BEFORE and before else ROOT
    command = ["-m", "benchmarks.replay", "--contender", name, str(inputs), str(out)]
    if name == BEFORE:
        recipe = out.with_suffix(".yaml")
        recipe.write_text(recipe_of(inputs))
        command = ["-c", entry(home), "build", str(recipe), "--out", str(out), "--local"]
    paths = os.pathsep.join(filter(None, [str(home), os.environ.get("PYTHONPATH", "")]))
    start, used = time.monotonic(), cpu(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *command],
        cwd=home,
        env=os.environ | {"PYTHONPATH": paths},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    wall, used = time.monotonic() - start, cpu(resource.RUSAGE_CHILDREN) - used
    begun = 0.0 if name == BEFORE else float(json.loads(done.stdout.splitlines()[-1])["begun"])
    size = sum(path.stat().st_size for path in out.rglob("*.tar"))
    shutil.rmtree(out)
    return Measured(name, used, begun, wall, size)


def entry(home: Path) -> str:
    """Code that is the command of a checkout, wherever that version has it."""
    project = tomllib.loads((home / "pyproject.toml").read_text())["project"]
    module, _, name = project["scripts"]["vbdata"].partition(":")
    return f"from {module} import {name}; {name}()"


def recipe_of(inputs: Path) -> str:
    """The recipe over the tars of a folder, for all of their pictures."""
    return RECIPE.format(samples=inputs.parent.name.split("-")[1], inputs=inputs)


def build(inputs: Path, out: Path) -> None:
    """vbdata, as `vbdata build --local` runs it."""
    from vbdata.engine.build import build as build_
    from vbdata.engine.progress import Progress, Watcher
    from vbdata.machine.process import without_pandas
    from vbdata.recipe.recipe import parse_recipe
    from vbdata.run.how import How
    from vbdata.storage.folder import Folder

    atexit.register(gc.freeze)  # this and the next line: as the command does
    without_pandas()

    class First(Watcher):
        """Processor time before the first sample."""

        begun = 0.0

        def step(self, state: Progress) -> None:
            self.begun = self.begun or cpu()

    first = First()
    recipe = parse_recipe(recipe_of(inputs), "replay.yaml", inputs, {})
    build_(recipe, Folder(str(out)), How(), first)
    print(json.dumps({"begun": first.begun}))


def copy(inputs: Path, out: Path) -> None:
    """webdataset alone: what is read is written, under keys of one row."""
    import webdataset

    out.mkdir(parents=True)
    tars = [str(path) for path in sorted(inputs.glob("*.tar"))]
    begun = cpu()
    with webdataset.ShardWriter(f"{out}/%05d.tar", maxcount=1000, verbose=0) as sink:
        for number, sample in enumerate(webdataset.WebDataset(tars, shardshuffle=False)):
            facts = json.loads(sample["json"])
            kept = {name: facts[name] for name in ("caption", "url", "width", "height")}
            sink.write(
                {
                    "__key__": f"{number:08d}",
                    "jpg": sample["jpg"],
                    "txt": sample["txt"],
                    "json": json.dumps(kept).encode(),
                }
            )
    print(json.dumps({"begun": begun}))


CONTENDERS = {OURS: build, LOOP: copy}


def cpu(of: int = resource.RUSAGE_SELF) -> float:
    """Seconds of processor time so far, in user and system, of this process or its children."""
    used = resource.getrusage(of)
    return used.ru_utime + used.ru_stime


def line(run: Measured, samples: int, size: int) -> str:
    """One run in words."""
    each = 1000 * (run.cpu - run.begun) / samples
    first = f", {run.begun:.2f} of it before the first; {each:.3f} ms a sample" if run.begun else ""
    return (
        f"{run.name}: {samples / run.wall:.0f} samples/s; CPU {run.cpu:.2f} s{first}; output "
        f"{run.size / size:.4f} of the pictures"
    )


def ratios(runs: list[Measured], name: str) -> str:
    """Medians over the rounds: of all processor time, of the clock, of the samples' alone."""
    pairs = list(
        zip(
            [run for run in runs if run.name == name],
            [run for run in runs if run.name == OURS],
            strict=True,
        )
    )
    found = {
        "processor time": [a.cpu / b.cpu for a, b in pairs],
        "clock": [a.wall / b.wall for a, b in pairs],
    }
    if all(a.begun for a, _ in pairs):
        found["of the samples"] = [(a.cpu - a.begun) / (b.cpu - b.begun) for a, b in pairs]
    return ", ".join(
        f"{what} {statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})"
        for what, each in found.items()
    )


if __name__ == "__main__":
    main()
