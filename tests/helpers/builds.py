"""Where the repository and the real samples lie, and what stands in a build's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vbdata.recipe.recipe import Recipe, load_recipe

REPOSITORY = Path(__file__).resolve().parents[2]
REAL = REPOSITORY.parent / "shared" / "data"

needs_real_data = pytest.mark.skipif(
    not REAL.is_dir(), reason="the real samples are not beside this checkout (their licences)"
)


def demo_recipe_over(data: Path) -> Recipe:
    """manifests/demo.yaml with its roots below another folder."""
    recipe = REPOSITORY / "manifests" / "demo.yaml"
    return load_recipe(recipe, {s.name: str(data / s.name) for s in load_recipe(recipe).sources})


def manifest_of(out: Path) -> dict[str, Any]:
    """manifest.json of a build."""
    found: dict[str, Any] = json.loads((out / "manifest.json").read_text())
    return found


def quarantine_of(out: Path) -> list[dict[str, Any]]:
    """The quarantine rows of a build."""
    text = (out / "quarantine" / "quarantine.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def sums_of(out: Path) -> str:
    """SHA256SUMS of a build."""
    return (out / "SHA256SUMS").read_text()
