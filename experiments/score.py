"""A trained run's answers to the test build, scored by vbdata.evaluation."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.size import task
from transforms import depth
from vbdata.core.labels import Depth
from vbdata.evaluation.evaluate import EvaluationOptions, evaluate
from vbdata.evaluation.predictions import PredictionFolder
from vbdata.evaluation.truth import BuildTruth
from vbdata.machine.process import one_thread
from vbdata.storage.folder import Folder
from vbdata.train.predict import predict

SHOWN = 2  # samples of each task whose answers are kept as pictures
NOISE_SEED = 0
FARTHEST = 20.0  # metres; all of a field beyond that is two rows of pixels


def score(run: Path, out: Path, device: str) -> dict[str, Any]:
    """Answer the test build in one step from noise and score the answers; without trivial rows.

    run: its folder; out: the experiment's. Returns the report of `vbdata eval`.
    """
    answers = run / "answers"
    predict(run, str(out / "builds" / "test"), answers, batch=64, device=device, seed=NOISE_SEED)
    truth = BuildTruth(Folder(str(out / "builds" / "test")))
    report = evaluate(truth, PredictionFolder(str(answers)), _options(truth, out, trivial=False))
    for key in shown(truth):
        (run / "shown").mkdir(exist_ok=True)
        (answers / f"{key}.png").rename(run / "shown" / f"{key}.png")
    shutil.rmtree(answers)
    return report


def baselines(out: Path) -> dict[str, Any]:
    """The report of the trivial rows and the ceiling, which are the same for all runs."""
    one_thread()
    truth = BuildTruth(Folder(str(out / "builds" / "test")))
    return evaluate(truth, None, _options(truth, out, trivial=True))


def median_map(out: Path) -> dict[str, Any]:
    """The report of one more row to beat in depth: each pixel's median over all training scenes.

    The mean map of `vbdata eval` has the horizon in it, kilometres away, and so is easy to beat.
    """
    one_thread()
    truth = BuildTruth(Folder(str(out / "builds" / "test")))
    metres = np.load(out / "scenes" / "train" / "depth.npy")
    median = np.nanmedian(np.where(metres <= FARTHEST, metres, np.nan), axis=0)
    label = Depth(
        metres=median.astype(np.float32),
        valid=np.isfinite(median),
    )
    rgb = depth.render(label, depth.PARAMS)
    how = replace(_options(truth, out, trivial=False), tasks=(task("depth"),))
    return evaluate(truth, lambda _: rgb, how)


def shown(truth: BuildTruth) -> list[str]:
    """Keys of the samples in the report's grid: the first SHOWN of each task, of source "seen"."""
    seen: dict[str, list[str]] = {}
    for key in truth.keys:
        row = truth.row(key)
        keys = seen.setdefault(row.task, [])
        if row.source == "seen" and len(keys) < SHOWN:
            keys.append(key)
    return sorted(key for keys in seen.values() for key in keys)


def last_line(log: Path, key: str) -> dict[str, Any]:
    """The last line of a run's log.jsonl that has a key; {} if none has."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return next((line for line in reversed(lines) if key in line), {})


def _options(truth: BuildTruth, out: Path, *, trivial: bool) -> EvaluationOptions:
    roots = {source: (str(out / "scenes"),) for source, _, _ in truth.cells()}
    return EvaluationOptions(trivial=trivial, roots=roots, max_depth=FARTHEST)
