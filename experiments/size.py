"""The size of an experiment, a YAML file in manifests/experiment, and what all sizes share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vbdata.errors import RecipeError

MANIFESTS = Path(__file__).resolve().parent.parent / "manifests" / "experiment"
PIXELS = 32  # a side of a picture
TASKS = {"depth": 0.25, "normals": 0.25, "semantic": 0.25, "instance": 0.1, "refer": 0.15}  # shares
GENERATIVE = ("generate", "edit")
MODULE = "experiments.tasks"
SEED_STRIDE = 1024  # the labelled scenes of a seed begin at (seed - 1) times this
Count = Annotated[int, Field(ge=1)]


class Size(BaseModel):
    """How large an experiment is.

    scenes: by split; samples: of builds that are to have fewer than their recipe says; labelled:
    numbers of labelled scenes; pretraining, tuning: steps; vision: share of labels in a mixture
    with generative data; processes: runs at a time, each with one thread; train: sections of the
    trainer's config.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    scenes: dict[str, Count]
    samples: dict[str, Count] = {}
    seeds: Annotated[list[Count], Field(min_length=1)]
    labelled: Annotated[list[Count], Field(min_length=1)]
    pretraining: Count
    tuning: Count
    vision: Annotated[float, Field(gt=0, lt=1)]
    processes: Count
    train: dict[str, Any]


def load_size(name: str) -> Size:
    """Read one of manifests/experiment/{ci,cpu,gpu}.yaml. Raises RecipeError."""
    path = MANIFESTS / f"{name}.yaml"
    try:
        size = Size.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as err:
        raise RecipeError([f"--size {name}: {path} cannot be read: {err.strerror}"]) from err
    except (yaml.YAMLError, ValidationError) as err:
        raise RecipeError([f"{path}: {err}"]) from err
    needed = (max(size.seeds) - 1) * SEED_STRIDE + max(size.labelled)
    if size.scenes["train"] < needed:
        raise RecipeError([f"{path}: scenes.train: {needed} are labelled for some seed"])
    return size


def task(name: str) -> str:
    """The dotted name of a task of the experiment, as recipes and manifests have it."""
    return f"{MODULE}.{name}"
