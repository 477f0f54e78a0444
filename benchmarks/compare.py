"""Build the same inputs several ways, in turn, in one run: `python -m benchmarks.compare`.

Absolute figures belong to the machine and the hour; only ratios between contenders of the same
run mean anything. Each contender runs in a process of its own, one thread a worker, in an order
that turns around from round to round.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks import inputs, report
from benchmarks.check import check
from benchmarks.watch import Run, run

REFERENCE = "vbdata on Ray"
CONTENDERS = {
    "Ray Data": ("benchmarks.ray_data",),
    "pool + ShardWriter": ("benchmarks.shard_writer",),
    REFERENCE: ("benchmarks.ours",),
    "vbdata --local": ("benchmarks.ours", "--local"),
    "bare floor": ("benchmarks.floor",),
}
SHARDS = 8  # at least, so that the last shard does not leave a worker idle for long
PACKAGES = ("ray", "torch", "numpy", "opencv-python-headless", "webdataset", "h5py", "deflate")


def main() -> None:
    """Run all contenders, print two tables, check their outputs, write the JSON.

    Exit code 1 if the outputs do not agree.
    """
    given = _arguments()
    names = _able()
    print(f"inputs: {given.samples} samples, {given.mixture} ...", flush=True)
    source = inputs.make(given.samples, given.mixture)
    runs: list[Run] = []
    for number in range(given.rounds):
        for name in names if number % 2 == 0 else names[::-1]:
            runs.append(_one(name, number, source, given))
            done = runs[-1]
            print(f"round {number + 1}: {name}: {done.wall_s:.1f} s", flush=True)
    report.show(runs, REFERENCE)
    faults = check({name: _out(name) for name in names}, given.samples, REFERENCE)
    print("\n".join(faults) or f"all {len(names)} made the same {given.samples} samples")
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(_record(runs, given, faults), indent=1) + "\n")
    for name in names:
        shutil.rmtree(_out(name), ignore_errors=True)
    sys.exit(1 if faults else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--mixture", choices=list(inputs.MIXTURES), default="paper")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    given = parser.parse_args()
    if given.samples < 20 or given.rounds < 1 or given.workers < 1:
        parser.error("--samples from 20, --rounds and --workers from 1")
    return given


def _able() -> list[str]:
    """The contenders that can run here, in the order of the first round."""
    names = list(CONTENDERS)
    if importlib.util.find_spec("pandas") is None:
        print("Ray Data is left out: it needs pandas (pip install pandas)", flush=True)
        names.remove("Ray Data")
    return names


def _out(name: str) -> Path:
    plain = "".join(c if c.isalnum() else "-" for c in name.lower())
    return inputs.BENCH / f"out-{plain}"


def _one(name: str, number: int, source: Path, given: argparse.Namespace) -> Run:
    """One contender into an empty folder."""
    out = _out(name)
    shutil.rmtree(out, ignore_errors=True)
    module, *flags = CONTENDERS[name]
    shards = max(SHARDS, 4 * given.workers)
    arguments = [module, str(source), str(out), *flags, "--workers", str(given.workers)]
    arguments += ["--shard-size", str(-(-given.samples // shards))]
    if module == "benchmarks.ours":
        arguments += ["--samples", str(given.samples), "--mixture", given.mixture]
    return run(name, number, arguments, out, given.samples)


def _record(runs: list[Run], given: argparse.Namespace, faults: list[str]) -> dict[str, object]:
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "mixture": given.mixture,
        "samples": given.samples,
        "rounds": given.rounds,
        "workers": given.workers,
        "cpus": os.cpu_count(),
        "versions": versions,
        "faults": faults,
        **report.plain(runs, REFERENCE),
        "runs": [asdict(each) for each in runs],
    }


if __name__ == "__main__":
    main()
