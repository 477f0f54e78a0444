"""The trainer against a bare forward-backward loop over the same model and batches in memory.

    python -m benchmarks.train_speed BUILD [--steps 20] [--rounds 5]

The two alternate, and so does which one begins, so that a busy machine slows both. A round's ratio
is trainer to bare loop, in images a second: by the clock, and by processor time (of all threads, so
reading counts in full even where a core was free for it), which other processes disturb less. The
median round is printed with the least and the greatest. The trainer reads, decodes, draws noise,
clips, steps AdamW, averages and logs; the bare loop only runs forward and backward on batches in
memory. With `cache_gb: 0` every sample is decoded anew.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch

from vbdata.train import flow
from vbdata.train.adapter import Editor, conditioned
from vbdata.train.config import Config, check_config
from vbdata.train.data import open_builds
from vbdata.train.loader import Batch, Loader
from vbdata.train.loop import build_editor, train
from vbdata.train.sampling import Sampler


def config_for(build: str, args: argparse.Namespace, cache_gb: float) -> Config:
    """The default model at args.size pixels, two log lines: the first is the warm-up."""
    raw = {
        "name": "speed",
        "steps": 2 * args.steps,
        "batch": args.batch,
        "precision": args.precision,
        "data": {"builds": [build], "size": args.size, "window": 8, "aspects": ["4:3"]},
        "run": {
            "log_every": args.steps,
            "save_every": 0,
            "grid_every": 0,
            "workers": args.workers,
            "cache_gb": cache_gb,
            "device": args.device,
        },
    }
    return check_config(raw, Path.cwd())


def trained(config: Config) -> tuple[float, float]:
    """Images a second of the trainer, data included, by the clock and by processor time."""
    with tempfile.TemporaryDirectory() as out:
        train(config, Path(out), as_json=True)
        last = (Path(out) / "log.jsonl").read_text().splitlines()[-1]
    speed = json.loads(last)["speed"]
    return float(speed["images_per_s"]), config.batch / float(speed["cpu_s"])


def in_memory(config: Config, device: torch.device) -> tuple[Editor, list[Batch]]:
    """The model and the batches of as many steps as one line of the log has."""
    editor, _ = build_editor(config)
    editor.module.to(device)
    corpus = open_builds(config.data.builds)
    loader = Loader(config, corpus, Sampler(config, corpus, editor.multiple_of))
    steps = loader.steps(0, config.run.log_every)
    return editor, [batch.to(device) for _, batches in steps for batch in batches]


def bare(config: Config, device: torch.device) -> tuple[float, float]:
    """Images a second of forward and backward alone, by the clock and by processor time.

    A first step, to warm up, is not timed.
    """
    editor, batches = in_memory(config, device)
    ready = [
        (
            flow.noise(batch.noise, (3, *batch.target.shape[-2:])),
            flow.scaled(batch.target),
            conditioned(editor, flow.scaled(batch.given), batch.known, batch.texts),
            batch.t,
        )
        for batch in batches
    ]
    start, cpu = time.perf_counter(), time.process_time()
    for number, (z, x, condition, t) in enumerate([ready[0], *ready]):
        with flow.lower_precision(config, device):
            loss = ((editor.predict(z, t, condition).float() - x) ** 2).mean()
        torch.autograd.backward(loss)
        editor.module.zero_grad(set_to_none=True)
        if number == 0:
            loss.item()
            start, cpu = time.perf_counter(), time.process_time()
    if device.type == "cuda":
        torch.cuda.synchronize()
    images = config.batch * len(ready)
    return images / (time.perf_counter() - start), images / (time.process_time() - cpu)


def one_round(config: Config, device: torch.device, bare_first: bool) -> list[tuple[float, float]]:
    """Both speeds of the trainer, then both of the bare loop, whichever ran first."""
    if bare_first:
        floor = bare(config, device)
        return [trained(config), floor]
    return [trained(config), bare(config, device)]


def main() -> None:
    """Print a line of JSON for each setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=28)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    device = torch.device(args.device)
    torch.set_num_threads(1)
    for cache_gb in (1.0, 0.0):
        config = config_for(args.build, args, cache_gb)
        rounds = [one_round(config, device, bool(k % 2)) for k in range(args.rounds)]
        for kind, name in enumerate(("clock", "processor")):
            ours, floor = ([sides[side][kind] for sides in rounds] for side in (0, 1))
            ratios = [a / b for a, b in zip(ours, floor, strict=True)]
            record = {
                "cache_gb": cache_gb,
                "time": name,
                "trainer": statistics.median(ours),
                "bare": statistics.median(floor),
                "ratio": statistics.median(ratios),
                "ratio_from": min(ratios),
                "ratio_to": max(ratios),
                "rounds": len(ratios),
            }
            print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
