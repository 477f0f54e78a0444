"""The scenes on disk, and builds of them by the recipes in manifests/experiment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from experiments.arms import vision_build
from experiments.size import MANIFESTS, PIXELS, SEED_STRIDE, Size
from vbdata.engine.build import build
from vbdata.layout import MANIFEST
from vbdata.recipe.recipe import load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

SCENES_SEED = 0


def wanted_builds(size: Size) -> list[tuple[str, str, int]]:
    """(folder, recipe's name, first labelled scene) of every build of an experiment."""
    labels = [
        (vision_build(n, seed), f"vision-{n}", (seed - 1) * SEED_STRIDE)
        for n in size.labelled
        for seed in size.seeds
    ]
    return [(name, name, 0) for name in ("generative", "validation", "test")] + labels


def write_scenes(size: Size, out: Path, processes: int) -> Path:
    """Draw the scenes into out/scenes unless they are there; returns that folder."""
    from pipelines.demo.procedural import write

    folder = out / "scenes"
    counts = folder / "counts.json"
    if not counts.exists() or json.loads(counts.read_text()) != size.scenes:
        write(folder, seed=SCENES_SEED, counts=size.scenes, size=PIXELS, workers=processes)
        counts.write_text(json.dumps(size.scenes) + "\n")
    return folder


def make_build(out: Path, folder: str, recipe: str, start: int, samples: int = 0) -> None:
    """Build a recipe over the scenes, unless its build is finished.

    start: its first labelled scene; samples: how many, 0 for the recipe's number. The recipe as it
    was built is kept in out/recipes, for `vbdata build` by hand.
    """
    target, copy = out / "builds" / folder, out / "recipes" / f"{folder}.yaml"
    if (target / MANIFEST).exists():
        return
    plain = yaml.safe_load((MANIFESTS / f"{recipe}.yaml").read_text(encoding="utf-8"))
    root = os.path.relpath(out / "scenes", copy.parent)
    plain["samples"] = samples or plain["samples"]
    for source in plain["sources"].values():
        source["root"] = root
        source |= {"start": start} if "start" in source else {}
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    build(load_recipe(copy), Folder(str(target)), How())


def manifest_of(out: Path, folder: str) -> Mapping[str, Any]:
    """The manifest of a finished build, by its folder's name."""
    manifest: Mapping[str, Any] = json.loads((out / "builds" / folder / MANIFEST).read_text())
    return manifest
