"""Run the experiment: scenes, builds, every arm of every seed, scores.

It measures what generative pretraining, and keeping its data in the mixture, do for a model.

    python -m experiments.run --size cpu --out DIR        # what is finished in DIR is kept
    python -m experiments.report DIR

Processes take one run after the other, each with one thread. A run is finished when its result.json
is there; one that was interrupted starts over. `--only data` makes everything that needs no
training (on a machine without a GPU, say); the rest does not need scenes/train/. With
`--limit-seconds` no run begins after that time; the same command goes on with what is left. Run
from a checkout: the experiment is not part of an installation.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from experiments.arms import PRETRAINING, Run, all_runs, config
from experiments.size import MANIFESTS, Size, load_size

RESULT = "result.json"
REGISTRATION = MANIFESTS / "preregistration.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is left of an experiment; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m experiments.run", description=__doc__)
    parser.add_argument(
        "--size", default="ci", help="ci, cpu or gpu: a file of manifests/experiment"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the whole experiment")
    parser.add_argument("--processes", type=int, default=0, help="at a time; default: the size's")
    parser.add_argument("--only", choices=["data"], help="scenes, builds and the rows to beat")
    parser.add_argument("--limit-seconds", type=float, default=math.inf, metavar="N")
    given = parser.parse_args(arguments)
    size, until = load_size(given.size), time.monotonic() + given.limit_seconds
    left = run_all(size, given.out.resolve(), given.processes, not given.only, until)
    if left and not given.only:
        print(f"time is up: {left} runs are left")
    return 0


def run_all(
    size: Size, out: Path, processes: int = 0, runs: bool = True, until: float = math.inf
) -> int:
    """Make everything that is not there yet: data, the rows to beat, then, if `runs`, the runs.

    until: by time.monotonic(), after which no run begins. Returns how many runs are left.
    """
    out.mkdir(parents=True, exist_ok=True)
    begin(size, out)
    pool = ProcessPoolExecutor(processes or size.processes, get_context("spawn"), _prepare)
    with pool:
        from experiments.data import wanted_builds, write_scenes

        write_scenes(size, out, processes or size.processes)
        builds = [
            pool.submit(_build, out, *one, size.samples.get(one[1], 0))
            for one in wanted_builds(size)
        ]
        for done in builds:
            done.result()
        pool.submit(_baselines, out).result()
        left = _schedule(pool, processes or size.processes, size, out, until) if runs else 1
    if not left:
        _note(out, "finished", _now())
    return left


def begin(size: Size, out: Path) -> None:
    """Note in experiment.json what is run, where and by which registration.

    Raises SystemExit for a folder of another size or registration.
    """
    identity = {"size": size.model_dump(mode="json"), "registration_sha256": registered()}
    file = out / "experiment.json"
    if file.exists():
        before = json.loads(file.read_text())
        if {key: before.get(key) for key in identity} != identity:
            raise SystemExit(f"{out} holds an experiment of another size or registration")
        return
    started = {**identity, "machine": machine(), "started": _now()}
    file.write_text(json.dumps(started, indent=1) + "\n")


def registered() -> str:
    """SHA-256 of the registration's file as it is now."""
    return hashlib.sha256(REGISTRATION.read_bytes()).hexdigest()


def machine() -> dict[str, Any]:
    """The machine and versions that numbers depend on."""
    import torch

    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "gpu": device,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _schedule(
    pool: ProcessPoolExecutor, processes: int, size: Size, out: Path, until: float
) -> int:
    """Train, one run a process, always the first whose pretraining is finished.

    Returns how many runs are left.
    """
    waiting = [run for run in all_runs(size) if not _finished(run, out)]
    going: dict[Future[None], Run] = {}
    if waiting:
        _note(out, "machine", machine())  # the data may have been made elsewhere
    while True:
        late = time.monotonic() >= until
        ready = [run for run in waiting if run.after is None or _finished(run.after, out)]
        for run in [] if late else ready[: processes - len(going)]:
            going[pool.submit(_one, run, size, out)] = run
            waiting.remove(run)
        if not going:
            return len(waiting)
        done, _ = wait(going, return_when=FIRST_COMPLETED)
        for future in done:
            run = going.pop(future)
            future.result()
            print(f"{_now()} {run.name} done, {len(waiting) + len(going)} left", flush=True)


def _finished(run: Run, out: Path) -> bool:
    return (out / "runs" / run.name / RESULT).exists()


def _prepare() -> None:
    from vbdata.machine.process import one_thread

    one_thread()


def _build(out: Path, folder: str, recipe: str, start: int, samples: int) -> None:
    from experiments.data import make_build

    make_build(out, folder, recipe, start, samples)


def _baselines(out: Path) -> None:
    from experiments.score import baselines, median_map

    _once(out / "baselines.json", lambda: baselines(out))
    _once(out / "median_map.json", lambda: median_map(out))


def _once(file: Path, make: Callable[[], Any]) -> None:
    """Write what `make` returns as JSON, whole or not at all, unless the file is there."""
    if not file.exists():
        part = file.with_suffix(".part")
        part.write_text(json.dumps(make()) + "\n")
        part.replace(file)


def _one(run: Run, size: Size, out: Path) -> None:
    """Train and score one run."""
    import torch

    from experiments.score import last_line, score
    from vbdata.train import checkpoint
    from vbdata.train.config import check_config
    from vbdata.train.loop import train

    folder = out / "runs" / run.name
    shutil.rmtree(folder, ignore_errors=True)
    raw = config(run, size, out)
    started = time.monotonic()
    with Path(os.devnull).open("w") as silent:
        stdout, sys.stdout = sys.stdout, silent
        try:
            train(check_config(raw, out), folder)
        finally:
            sys.stdout = stdout
    trained = time.monotonic()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    result = {
        "run": {"arm": run.arm, "seed": run.seed, "labelled": run.labelled},
        "steps": raw["steps"],
        "images": raw["steps"] * raw["batch"],
        "window": (checkpoint.read_meta(checkpoint.find(folder)) or {})["identity"]["mixture"],
        "loss": last_line(folder / "log.jsonl", "loss"),
        "validation": last_line(folder / "log.jsonl", "validation").get("validation"),
        "scores": None if run.arm == PRETRAINING else score(folder, out, device),
        "seconds": {"training": trained - started, "scoring": time.monotonic() - trained},
    }
    if run.arm != PRETRAINING:
        shutil.rmtree(folder / "checkpoints")
    _once(folder / RESULT, lambda: result)


def _note(out: Path, key: str, value: Any) -> None:
    file = out / "experiment.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}, indent=1) + "\n")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


if __name__ == "__main__":
    sys.exit(main())
