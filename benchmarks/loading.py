"""The trainer's loader over a finished build, beside webdataset's own over the same shards.

    python -m benchmarks.loading --build demo/build [--size 256] [--workers 1 2] [--rounds 5]

Both decode every sample anew, scale it to cover the same square, crop it there, and hand the same
number of samples a batch to the process that trains: photographs by area averages, labels and
masks by the nearest pixel. The peer is what a competent user writes: `WebDataset` with shards and
samples shuffled, "rgb8" pictures, OpenCV's resizing without threads of its own, and `WebLoader`
with N processes. Ours reads with N threads in the training process. The two alternate, and so does
which one begins; a turn is timed after its first batches, without start-up and read-ahead. Prints a
line of JSON for each number of workers: samples a second, and the median of the rounds' ratios with
the least and the greatest.

What a turn does not show:
- Ours reads any row by its offset in the tar: exact mixtures over a window of batches, the same
  batches for any number of workers, and a run that resumes at step N reads what it would have read,
  at once and without reading the steps before (printed: `resumes`, checked here).
- webdataset streams whole shards: one request a shard, which suits pipes and stores with slow
  first bytes. Its order depends on the number of workers (a shard belongs to one of them; workers
  beyond the number of shards stay idle), is shuffled within a buffer only, and has no position: a
  resumed run starts another pass, or reads and discards what it has seen.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import webdataset

from vbdata.train.config import Config, check_config
from vbdata.train.data import Corpus, open_builds
from vbdata.train.loader import Batch, Loader
from vbdata.train.sampling import Sampler

WARM_UP = 4  # batches of a turn before its time starts
SHUFFLED = 100  # samples of webdataset's buffer, which are not decoded yet


def config_for(build: Path, args: argparse.Namespace, workers: int) -> Config:
    """A training config of square pictures, each decoded anew for every batch."""
    raw = {
        "name": "loading",
        "steps": 1,
        "batch": args.batch,
        "data": {"builds": [str(build)], "size": args.size, "window": 16},
        "run": {"workers": workers, "cache_gb": 0},
    }
    return check_config(raw, Path.cwd())


def ours(config: Config, corpus: Corpus, start: int = 0) -> Iterator[Batch]:
    """The batches that a training run reads from a step on."""
    loader = Loader(config, corpus, Sampler(config, corpus, 1))
    for _, batches in loader.steps(start, 1 << 30):
        yield from batches


def peers(config: Config, shards: Sequence[str]) -> Iterator[Any]:
    """(input, target, valid, texts) from webdataset's loader, without end."""
    size, generative = config.data.size, config.loss.generative

    def fitted(sample: Mapping[str, Any]) -> tuple[Any, ...]:
        given, target = (
            next(sample[name] for name in sample if name.startswith(role))
            for role in ("input.", "target.")
        )
        label = sample["json"]["task"] not in generative
        valid = sample.get("valid.png", np.full(target.shape[:2], 255, np.uint8))
        return (
            _covering(given, size, cv2.INTER_AREA),
            _covering(target, size, NEAREST if label else cv2.INTER_AREA),
            _covering(valid, size, NEAREST) > 0,
            sample["instruction.txt"],
        )

    grey = webdataset.imagehandler("l8")

    def mask(name: str, data: bytes) -> Any:
        return grey(name, data) if name.endswith("valid.png") else None

    samples = (
        webdataset.WebDataset(list(shards), shardshuffle=len(shards), seed=0)
        .repeat()
        .shuffle(SHUFFLED)
        .decode(mask, "rgb8")
        .map(fitted)
        .batched(config.batch, collation_fn=_stacked)
    )
    workers = config.run.workers
    yield from webdataset.WebLoader(samples, batch_size=None, num_workers=workers)


NEAREST = cv2.INTER_NEAREST_EXACT


def _covering(image: Any, size: int, how: int) -> Any:
    """Scaled to cover a square, and cut from its centre."""
    h, w = image.shape[:2]
    scale = size / min(h, w)
    wide, high = max(size, round(w * scale)), max(size, round(h * scale))
    if scale > 1 and how == cv2.INTER_AREA:
        how = cv2.INTER_LINEAR
    left, top = (wide - size) // 2, (high - size) // 2
    return cv2.resize(image, (wide, high), interpolation=how)[top : top + size, left : left + size]


def _stacked(samples: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    given, target, valid, texts = zip(*samples, strict=True)
    images = [torch.from_numpy(np.stack(part)).movedim(-1, 1) for part in (given, target)]
    return *images, torch.from_numpy(np.stack(valid)), texts


def speed(batches: Iterator[Any], count: int, batch: int) -> float:
    """Samples a second over `count` batches; the loader is closed afterwards."""
    for _ in islice(batches, WARM_UP):
        pass
    start = time.perf_counter()
    taken = sum(1 for _ in islice(batches, count))
    passed = time.perf_counter() - start
    assert taken == count, f"{taken} batches of {count}"
    batches.close()  # type: ignore[attr-defined]
    return count * batch / passed


def resumes(config: Config, corpus: Corpus) -> dict[str, Any]:
    """Whether a run from step 5 on, with other workers, reads what one from 0 on reads.

    Also the seconds until its first batch is there.
    """
    (whole,) = islice(ours(config, corpus), 5, 6)
    other = config.model_copy(update={"run": config.run.model_copy(update={"workers": 3})})
    began = time.perf_counter()
    (late,) = islice(ours(other, corpus, start=5), 1)
    took = time.perf_counter() - began
    parts = ("given", "target", "valid", "t", "noise")
    same = all(torch.equal(getattr(whole, part), getattr(late, part)) for part in parts)
    return {"same_batch": same and whole.texts == late.texts, "first_batch_s": round(took, 3)}


def main() -> None:
    """Print a line of JSON for each number of workers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--batches", type=int, default=20, help="Of a turn.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    corpus = open_builds([str(args.build)])
    shards = sorted(map(str, args.build.glob("shards/*/*.tar")))
    for workers in args.workers:
        config = config_for(args.build, args, workers)
        rounds = []
        for number in range(args.rounds):
            sides = [(0, lambda c=config: ours(c, corpus)), (1, lambda c=config: peers(c, shards))]
            speeds = [0.0, 0.0]
            for side, start in reversed(sides) if number % 2 else sides:
                speeds[side] = speed(start(), args.batches, args.batch)
            rounds.append(speeds)
        ratios = [a / b for a, b in rounds]
        line = {
            "workers": workers,
            "size": args.size,
            "samples_per_s": round(statistics.median(a for a, _ in rounds), 1),
            "webdataset_samples_per_s": round(statistics.median(b for _, b in rounds), 1),
            "ratio": round(statistics.median(ratios), 3),
            "ratio_from": round(min(ratios), 3),
            "ratio_to": round(max(ratios), 3),
            "rounds": len(rounds),
            "resumes": resumes(config, corpus),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
