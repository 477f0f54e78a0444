"""A trained run's answers to the test build, scored by vbdata's own evaluation."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.size import task
from transforms import depth
from vbdata.core.types import Depth
from vbdata.evaluation.evaluate import EvaluationOptions, evaluate
from vbdata.evaluation.predictions import PredictionFolder
from vbdata.evaluation.truth import BuildTruth
from vbdata.machine.process import one_thread
from vbdata.storage.folder import Folder
from vbdata.train.predict import predict

SHOWN = 2  # samples of each task, of other seeds' scenes, whose answers are kept as pictures
NOISE_SEED = 0
FARTHEST = 20.0  # metres; beyond, all of a field is two rows of pixels


def score(run: Path, out: Path, device: str) -> dict[str, Any]:
    """The report of a run's answers in one step from noise, without trivial rows."""
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
    """The trivial rows and the ceiling, which no run changes."""
    one_thread()
    truth = BuildTruth(Folder(str(out / "builds" / "test")))
    return evaluate(truth, None, _options(truth, out, trivial=True))


def median_map(out: Path) -> dict[str, Any]:
    """One more row to beat in depth: the median of each pixel over all training scenes' labels.

    A mean map of `vbdata eval` has the horizon in it, at kilometres, and so is no match.
    """
    one_thread()
    truth = BuildTruth(Folder(str(out / "builds" / "test")))
    metres = np.load(out / "scenes" / "train" / "depth.npy")
    median = np.nanmedian(np.where(metres <= FARTHEST, metres, np.nan), axis=0)
    label = Depth(
        metres=torch.from_numpy(median.astype(np.float32)),
        valid=torch.from_numpy(np.isfinite(median)),
    )
    rgb = depth.render(label, depth.PARAMS).numpy()
    how = replace(_options(truth, out, trivial=False), tasks=(task("depth"),))
    return evaluate(truth, lambda _: rgb, how)


def shown(truth: BuildTruth) -> list[str]:
    """Keys of the samples of the sample grid: the first of each task on other seeds' scenes."""
    seen: dict[str, list[str]] = {}
    for key in truth.keys:
        row = truth.row(key)
        keys = seen.setdefault(row.task, [])
        if row.source == "seen" and len(keys) < SHOWN:
            keys.append(key)
    return sorted(key for keys in seen.values() for key in keys)


def last_line(log: Path, key: str) -> dict[str, Any]:
    """The last line of a run's log that has a key."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return next((line for line in reversed(lines) if key in line), {})


def _options(truth: BuildTruth, out: Path, *, trivial: bool) -> EvaluationOptions:
    roots = {source: (str(out / "scenes"),) for source, _, _ in truth.cells()}
    return EvaluationOptions(trivial=trivial, roots=roots, max_depth=FARTHEST)
