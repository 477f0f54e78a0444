"""The runs of the experiment: what each arm starts from, what it reads, and for how many steps.

A  generative pretraining, then labels mixed with generative data
B  from scratch, labels only, for as many steps as the tuning of A
C  from scratch, the mixture of A, for as many steps as the tuning of A
D  generative pretraining, then labels only
E  from scratch, labels only, for as many steps as pretraining and tuning of A together; batches are
   equal, so that is the compute of A
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.size import GENERATIVE, PIXELS, TASKS, Size, task

ARMS = {  # arm -> (after pretraining, with generative data in the mixture)
    "A": (True, True),
    "B": (False, False),
    "C": (False, True),
    "D": (True, False),
    "E": (False, False),
}
PRETRAINING = "pretraining"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One training run. arm: a letter or "pretraining", whose `labelled` is 0."""

    arm: str
    seed: int
    labelled: int

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        of = f"-n{self.labelled:04d}" if self.labelled else ""
        return f"{self.arm}{of}-s{self.seed}"

    @property
    def after(self) -> Run | None:
        """The run that must be finished first, a pretraining; None if there is none."""
        pretrained = self.arm in ARMS and ARMS[self.arm][0]
        return Run(arm=PRETRAINING, seed=self.seed, labelled=0) if pretrained else None


def all_runs(size: Size) -> list[Run]:
    """Every run: pretraining first, then by number of labels, so that early results are a table."""
    first = [Run(arm=PRETRAINING, seed=seed, labelled=0) for seed in size.seeds]
    return first + [
        Run(arm=arm, seed=seed, labelled=labelled)
        for labelled in size.labelled
        for seed in size.seeds
        for arm in ARMS
    ]


def config(run: Run, size: Size, out: Path) -> dict[str, Any]:
    """The trainer's config of a run, as YAML would hold it. out: the experiment's folder."""
    train = {key: dict(v) if isinstance(v, dict) else v for key, v in size.train.items()}
    mixed = run.arm == PRETRAINING or ARMS[run.arm][1]
    builds = [out / "builds" / "generative"] if mixed else []
    if run.labelled:
        builds.append(out / "builds" / vision_build(run.labelled, run.seed))
    train["name"], train["seed"], train["steps"] = run.name, run.seed, steps(run, size)
    train["data"] = {
        "builds": [str(build) for build in builds],
        "validation": [str(out / "builds" / "validation")],
        "validation_samples": 10**6,
        "size": PIXELS,
        "mixture": mixture(run, size.vision),
        "window": 10,
    }
    train["loss"] = train.get("loss", {}) | {"generative": [task(name) for name in GENERATIVE]}
    if run.after:
        train["init"] = str(out / "runs" / run.after.name)
    train["run"] = {
        "workers": 0, "threads": 1, "keep": 1, "save_every": 0, "grid_every": 0,
        "validate_every": train["steps"], "log_every": 50, "tensorboard": False,
    } | train.get("run", {})  # fmt: skip
    return train


def steps(run: Run, size: Size) -> int:
    """How many steps a run trains."""
    if run.arm == PRETRAINING:
        return size.pretraining
    return size.tuning + (size.pretraining if run.arm == "E" else 0)


def mixture(run: Run, vision: float) -> dict[str, str]:
    """Weights by task, as decimals. vision: share of the label tasks where arms mix them."""
    if run.arm == PRETRAINING:
        return {task(name): "1" for name in GENERATIVE}
    share = vision if ARMS[run.arm][1] else 1.0
    weights = {task(name): str(round(share * part, 9)) for name, part in TASKS.items()}
    if share < 1:
        each = str(round((1 - share) / len(GENERATIVE), 9))
        weights |= {task(name): each for name in GENERATIVE}
    return weights


def vision_build(labelled: int, seed: int) -> str:
    """The name of the build of a seed's labelled scenes."""
    return f"vision-{labelled}-s{seed}"
